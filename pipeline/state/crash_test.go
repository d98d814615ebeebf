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
	may  []truth // what may be found: what is durable, and what failed since
	n    int
	owed [2]*owed // the checkpoint and the switch that failed and are tried again
	part int      // bytes of a frame
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
	r.s, r.may, r.owed = s, []truth{r.may[i]}, [2]*owed{}
}

// owed is a transaction: what it does, and what it makes of a truth.
type owed struct {
	do   func() error
	then func(truth) truth
}

const (
	aPoint = iota
	aSwitch
)

// write does a transaction. Where it fails the process ends, or tries the same
// again later; a switch may be decided while a checkpoint is owed, and the other way round.
func (r *store) write(t rapid.TB, kind int, w *owed) {
	t.Helper()
	err := w.do()
	r.owed[kind] = nil
	switch next := w.then(r.may[0]); {
	case err == nil:
		r.may = []truth{next}
	case errors.Is(err, memfs.ErrDisk):
		r.may = append(r.may, next)
		switch r.rng.IntN(3) {
		case 0:
			r.disk.Crash(r.rng)
			r.open(t)
		case 1:
			r.open(t)
		case 2:
			r.owed[kind] = w
		}
	default:
		t.Fatal(err)
	}
}

func (r *store) checkpoint(t rapid.TB) {
	t.Helper()
	if w := r.owed[aPoint]; w != nil {
		r.write(t, aPoint, w)
		return
	}
	held := len(r.may[0].switches) // by the checkpoint; later ones are still to be obeyed
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
	then := func(m truth) truth {
		at := next.clone()
		at.switches = slices.Clone(m.switches[held:])
		return at
	}
	if !full {
		r.write(t, aPoint, &owed{func() error { return r.s.Change(c) }, then})
		return
	}
	c.Entries = nil
	for name, state := range next.series {
		c.Entries = append(c.Entries, entry(name, state))
	}
	r.write(t, aPoint, &owed{func() error { return r.s.Full(c) }, then})
}

func (r *store) decide(t rapid.TB) {
	if r.s.delta == nil {
		return
	}
	w := r.owed[aSwitch]
	if w == nil {
		r.n++
		name := fmt.Sprint("switch ", r.n)
		w = &owed{func() error { return r.s.Decide(Switch{Part: "p/0", Series: "s0", Data: []byte(name)}) }, func(m truth) truth {
			m = m.clone()
			m.switches = append(m.switches, name)
			return m
		}}
	}
	r.write(t, aSwitch, w)
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
			"switch":     func(t *rapid.T) { r.decide(t) },
			"disk full":  func(*rapid.T) { r.disk.Space = rng.IntN(600) },
			"disk errors": func(*rapid.T) {
				r.disk.FailSyncs, r.disk.FailTrunc, r.disk.FailDir = rng.IntN(3), rng.IntN(2), rng.IntN(4)
			},
			"room": func(*rapid.T) { r.disk.Mend() },
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
