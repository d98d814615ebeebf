package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quell-stream/quell/internal/fsys/memfs"
)

// truth is what a store ought to hold: as of its latest durable transaction or, where
// one after that failed or was cut short, with that one.
type truth struct {
	head     int64
	series   map[string]string
	switches []string // decided and not held by a checkpoint
}

func (m truth) clone() truth {
	return truth{m.head, maps.Clone(m.series), slices.Clone(m.switches)}
}

func (m truth) is(snap *Snapshot) bool {
	if snap.Heads["p/0"] != m.head || len(snap.Series["p/0"]) != len(m.series) || len(snap.Switches) != len(m.switches) {
		return false
	}
	for name, want := range m.series {
		if string(snap.Series["p/0"][name]) != want {
			return false
		}
	}
	for i, want := range m.switches {
		if string(snap.Switches[i].Data) != want {
			return false
		}
	}
	return true
}

// store is a store of checkpoints on a disk that fails and forgets.
type store struct {
	disk *memfs.FS
	rng  *rand.Rand
	s    *Stream
	may  []truth // what may be found: one where nothing is under way
	n    int
	part int // bytes of a frame
}

// open opens the store, which must hold something that it may.
func (r *store) open(t rapid.TB) {
	t.Helper()
	r.disk.Mend()
	s, snap, err := openIn(r.disk, "state", quiet)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.may, func(m truth) bool { return m.is(snap) })
	if i < 0 {
		t.Fatalf("restored head %d, series %v, %d switches; may be %+v", snap.Heads["p/0"], snap.Series["p/0"], len(snap.Switches), r.may)
	}
	s.part = int64(r.part)
	r.s, r.may = s, []truth{r.may[i]}
}

// write does a transaction that leads to another truth. Where it fails the process
// ends, as the pipeline does.
func (r *store) write(t rapid.TB, next truth, do func() error) {
	t.Helper()
	err := do()
	switch {
	case err == nil:
		r.may = []truth{next}
	case errors.Is(err, memfs.ErrDisk):
		r.may = append(r.may, next)
		if r.rng.IntN(2) == 0 {
			r.disk.Crash(r.rng)
		}
		r.open(t)
	default:
		t.Fatal(err)
	}
}

func (r *store) checkpoint(t rapid.TB) {
	t.Helper()
	next := r.may[0].clone()
	next.head++
	next.switches = nil
	full := r.s.WantsFull() || r.rng.IntN(4) == 0
	c := Checkpoint{Heads: []Head{{Part: "p/0", Next: next.head}}, Decided: r.s.Decided()}
	for k := range 1 + r.rng.IntN(3) {
		name := fmt.Sprint("s", r.rng.IntN(5))
		if slices.ContainsFunc(c.Entries, func(e Entry) bool { return e.Series == name }) {
			continue
		}
		if k == 0 && r.rng.IntN(4) == 0 {
			delete(next.series, name)
			c.Entries = append(c.Entries, Entry{Part: "p/0", Series: name})
			continue
		}
		r.n++
		next.series[name] = fmt.Sprintf("%d-%0*d", r.n, r.rng.IntN(300), 7)
		c.Entries = append(c.Entries, entry(name, next.series[name]))
	}
	if !full {
		r.write(t, next, func() error { return r.s.Change(c) })
		return
	}
	c.Entries = nil
	for name, state := range next.series {
		c.Entries = append(c.Entries, entry(name, state))
	}
	r.write(t, next, func() error { return r.s.Full(c) })
}

// TestCrash plays checkpoints and switches, disk errors, killed processes and power
// failures that drop and tear what was not synced: every transaction that was called
// durable is there, whole, and nothing is set aside.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		r := &store{disk: memfs.New(), rng: rng, may: []truth{{series: map[string]string{}}}, part: rapid.SampledFrom([]int{300, partFrame}).Draw(t, "part")}
		r.disk.Reorder = rapid.Bool().Draw(t, "reorder")
		r.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"checkpoint": func(t *rapid.T) { r.checkpoint(t) },
			"switch": func(t *rapid.T) {
				if r.s.delta == nil {
					return
				}
				r.n++
				next := r.may[0].clone()
				next.switches = append(next.switches, fmt.Sprint("switch ", r.n))
				r.write(t, next, func() error {
					return r.s.Decide(Switch{Part: "p/0", Series: "s0", Data: []byte(next.switches[len(next.switches)-1])})
				})
			},
			"disk full":   func(*rapid.T) { r.disk.Space = rng.IntN(600) },
			"disk errors": func(*rapid.T) { r.disk.FailSyncs, r.disk.FailTrunc = rng.IntN(3), rng.IntN(2) },
			"room":        func(*rapid.T) { r.disk.Mend() },
			"power failure": func(t *rapid.T) {
				r.disk.Crash(rng)
				r.open(t)
			},
			"kill": func(t *rapid.T) { r.open(t) },
		})
		r.disk.Crash(rng)
		r.open(t)
		if aside := r.disk.Aside(); len(aside) > 0 {
			t.Fatalf("%v was set aside though nothing was damaged", aside)
		}
	})
}
