package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/fsys/memfs"
)

// readAll reads all durable records from index from on.
func readAll(t *testing.T, l *Log, from int64) []Record {
	t.Helper()
	r := l.Reader(from)
	defer r.Close()
	var out []Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
}

func openMem(t *testing.T, m *memfs.FS, o Options) *Log {
	t.Helper()
	o.FS = m
	l, err := Open("log", o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// model is what the log ought to hold.
type model struct {
	base    int64            // first index that must be there
	durable int64            // index behind the last synced record
	content map[int64][]byte // what was last appended under an index
	// Everything ever tried under an index: what was taken back after a disk error
	// may turn up again after a crash, as long as nothing was synced in its place.
	tried map[int64][][]byte
}

// check compares the log with the model: every synced record is there, and
// whatever else is there was once appended under its index.
func (m *model) check(t *testing.T, l *Log) {
	t.Helper()
	if l.Next() < m.durable {
		t.Fatalf("next index is %d, but records up to %d were synced", l.Next(), m.durable)
	}
	want := m.base
	for _, r := range readAll(t, l, m.base) {
		if r.Index > want && want < m.durable {
			t.Fatalf("record %d is missing, %d follows; synced up to %d", want, r.Index, m.durable)
		}
		ok := bytes.Equal(r.Payload, m.content[r.Index])
		if r.Index >= m.durable {
			ok = slices.ContainsFunc(m.tried[r.Index], func(b []byte) bool { return bytes.Equal(b, r.Payload) })
		}
		if !ok || r.Kind != kindOf(r.Payload) {
			t.Fatalf("record %d is %q, want %q", r.Index, r.Payload, m.content[r.Index])
		}
		want = r.Index + 1
	}
	if want < m.durable {
		t.Fatalf("records from %d on are missing; synced up to %d", want, m.durable)
	}
}

func kindOf(payload []byte) uint8 { return uint8(len(payload)) }

// TestCrash plays random operations, disk errors and power failures against a
// model.
func TestCrash(t *testing.T) {
	seeds := uint64(500)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			m := memfs.New()
			m.Reorder = true
			opts := Options{SegmentBytes: 300, MaxBytes: []int64{0, 16 << 10}[rng.IntN(2)], RoomBytes: []int64{0, 50, 1000}[rng.IntN(3)]}
			l := openMem(t, m, opts)
			want := &model{content: map[int64][]byte{}, tried: map[int64][][]byte{}}
			for range 300 {
				step(t, rng, m, l, want)
				if rng.IntN(25) != 0 {
					continue
				}
				if rng.IntN(4) == 0 {
					if err := l.Close(); err == nil {
						want.durable = l.Next()
					}
				}
				if rng.IntN(3) > 0 {
					m.Crash(rng) // the machine
				} else {
					m.Mend() // only the process
				}
				l = openMem(t, m, opts)
				want.check(t, l)
				if rep := l.Report(); len(rep.Damaged) > 0 && len(m.Aside()) == 0 {
					t.Fatalf("damage reported but nothing set aside: %+v", rep.Damaged)
				}
				// What was found counts as durable from now on.
				want.durable = l.Next()
				want.base = max(want.base, l.First())
				want.adopt(t, l)
			}
		})
	}
}

// adopt takes what survived a crash as the truth, and stops expecting records
// that were not synced and that the crash took from between others.
func (m *model) adopt(t *testing.T, l *Log) {
	t.Helper()
	recs := readAll(t, l, m.base)
	for i, r := range recs {
		if i == 0 || r.Index != recs[i-1].Index+1 {
			m.base = r.Index
		}
		m.content[r.Index] = r.Payload
	}
	if len(recs) == 0 || recs[len(recs)-1].Index+1 != m.durable {
		m.base = m.durable
	}
}

func step(t *testing.T, rng *rand.Rand, m *memfs.FS, l *Log, want *model) {
	t.Helper()
	// A refused write takes back what was not durable.
	settle := func(err error) {
		var we *WriteError
		switch {
		case err == nil || errors.Is(err, ErrFull):
		case errors.As(err, &we):
			if we.From < want.durable {
				t.Fatalf("%v takes back records below %d, which are synced", we, want.durable)
			}
			want.durable = max(want.durable, l.Durable())
		default:
			t.Fatal(err)
		}
	}
	switch rng.IntN(12) {
	case 0:
		m.Space = rng.IntN(200)
	case 1:
		m.Space = -1
	case 2:
		m.FailSyncs = rng.IntN(3)
		m.FailTrunc = rng.IntN(2)
	case 3, 4:
		err := l.Sync()
		if err == nil {
			want.durable = l.Next()
		}
		settle(err)
	case 5:
		to := want.base
		if d := want.durable - want.base; d > 0 {
			to += rng.Int64N(d + 1)
		}
		if err := l.TrimBefore(to); err != nil {
			t.Fatal(err)
		}
		want.base = to
	default:
		p := fmt.Appendf(nil, "%d-%d", l.Next(), rng.Uint64N(1<<(rng.IntN(60)+1)))
		cut := rng.IntN(len(p) + 1)
		next := l.Next()
		want.tried[next] = append(want.tried[next], p)
		i, err := l.Append(kindOf(p), p[:cut], p[cut:])
		if err == nil {
			if i != next {
				t.Fatalf("append gave index %d, Next had said %d", i, next)
			}
			want.content[i] = slices.Clone(p)
		}
		settle(err)
		// A rotation syncs on the way.
		want.durable = max(want.durable, l.Durable())
	}
	if rng.IntN(10) == 0 {
		// Without a crash, too, readers see the synced records.
		want.check(t, l)
	}
}

// build makes a log of n synced records of different sizes.
func build(t *testing.T, m *memfs.FS, o Options, n int) *Log {
	t.Helper()
	l := openMem(t, m, o)
	for i := range n {
		if _, err := l.Append(uint8(i), content(int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	return l
}

func content(i int64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d.", i), 1+int(i%7))
}

// TestTornTail cuts the file at every byte of the unsynced tail. Zeros behind whole
// records, and many of them behind torn ones, are room, and not reported.
func TestTornTail(t *testing.T) {
	m := memfs.New()
	l := build(t, m, Options{}, 10)
	synced := l.synced
	for i := 10; i < 15; i++ {
		if _, err := l.Append(uint8(i), content(int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := segmentName(0)
	full := m.Data(name)
	for cut := synced; cut <= int64(len(full)); cut++ {
		for _, tail := range []string{"", "\x00\x00\x00", string(make([]byte, 100)), string(make([]byte, 1000)), "garbage that is longer than one header"} {
			c := m.Clone()
			c.SetData(name, append(slices.Clone(full[:cut]), tail...))
			l := openMem(t, c, Options{})
			got := readAll(t, l, 0)
			if len(got) < 10 {
				t.Fatalf("cut at %d: %d records, want the 10 synced ones at least", cut, len(got))
			}
			for i, r := range got {
				if r.Index != int64(i) || r.Kind != uint8(i) || !bytes.Equal(r.Payload, content(int64(i))) {
					t.Fatalf("cut at %d: record %d is %+v", cut, i, r)
				}
			}
			rep := l.Report()
			if len(rep.Damaged) != 0 || len(c.Aside()) != 0 {
				t.Fatalf("cut at %d: a torn tail is reported as damage: %+v", cut, rep)
			}
			end := int64(segmentHeader)
			for _, r := range got {
				end += frameHeader + int64(len(r.Payload))
			}
			least, most := cut+int64(len(tail))-end, cut+int64(len(tail))-end
			if strings.Trim(tail, "\x00") == "" && (cut == end || len(tail) == 1000) {
				least, most = min(1, cut-end), cut-end
			}
			if rep.Torn < least || rep.Torn > most {
				t.Fatalf("cut at %d: %d bytes reported torn, want %d to %d", cut, rep.Torn, least, most)
			}
			if i, err := l.Append(0, []byte("next")); err != nil || i != int64(len(got)) {
				t.Fatalf("append after repair: index %d, %v; want %d", i, err, len(got))
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if l = openMem(t, c, Options{}); l.Report().Torn != 0 || l.Next() != int64(len(got))+1 {
				t.Fatalf("cut at %d: second open: %+v, next %d", cut, l.Report(), l.Next())
			}
		}
	}
}

// TestDamage flips every byte of every segment: all records that the flip did
// not hit survive, and the log says what is missing.
func TestDamage(t *testing.T) {
	const n = 24
	opts := Options{SegmentBytes: 200}
	m := memfs.New()
	if err := build(t, m, opts, n).Close(); err != nil {
		t.Fatal(err)
	}
	names, err := m.ReadDir("")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 3 {
		t.Fatalf("only %d segments, want some to choose from", len(names))
	}
	for _, name := range names {
		for at := range m.Data(name) {
			c := m.Clone()
			c.Data(name)[at] ^= 0x10
			l := openMem(t, c, opts)
			got := readAll(t, l, 0)
			if len(got) < n-1 {
				t.Fatalf("%s byte %d: %d records survive, want %d at least", name, at, len(got), n-1)
			}
			lost := int64(-1)
			for i, r := range got {
				want := int64(i)
				if lost >= 0 {
					want++
				}
				if r.Index == want+1 && lost < 0 {
					lost, want = want, want+1
				}
				if r.Index != want || !bytes.Equal(r.Payload, content(r.Index)) {
					t.Fatalf("%s byte %d: record %d is %+v, want index %d", name, at, i, r, want)
				}
			}
			if lost < 0 && len(got) < n {
				lost = n - 1
			}
			rep := l.Report()
			switch {
			case lost == n-1 && len(rep.Damaged) == 0:
				// The very last record: no one can tell this from a torn tail.
				if rep.Torn == 0 {
					t.Fatalf("%s byte %d: the last record is gone and nothing says so", name, at)
				}
			case len(rep.Damaged) != 1 || len(c.Aside()) != 1:
				t.Fatalf("%s byte %d: report %+v, set aside %v; want one of each", name, at, rep, c.Aside())
			case lost >= 0 && (rep.Damaged[0].From != lost || rep.Damaged[0].To != lost+1):
				t.Fatalf("%s byte %d: damage %+v, want record %d", name, at, rep.Damaged[0], lost)
			case !bytes.Equal(c.Data(c.Aside()[0]), flipped(m.Data(name), at)):
				t.Fatalf("%s byte %d: the file set aside is not the damaged one", name, at)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			// Reported once, healthy from then on.
			if again := openMem(t, c, opts); len(again.Report().Damaged) != 0 || len(readAll(t, again, 0)) != len(got) {
				t.Fatalf("%s byte %d: second open reports %+v", name, at, again.Report())
			}
		}
	}
}

func flipped(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 0x10
	return b
}

// TestSalvageInterrupted crashes at every directory operation of a repair.
func TestSalvageInterrupted(t *testing.T) {
	opts := Options{SegmentBytes: 200}
	m := memfs.New()
	if err := build(t, m, opts, 24).Close(); err != nil {
		t.Fatal(err)
	}
	m.Data(segmentName(0))[60] ^= 1
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := m.Clone()
		openMem(t, c, opts)
		c.Crash(rng)
		// By hand: the state between the two renames.
		if seed%2 == 0 {
			name := segmentName(0)
			c.SetData(name+salvageSuffix, c.Data(name))
			c.Delete(name)
		}
		l := openMem(t, c, opts)
		if got := readAll(t, l, 0); len(got) != 23 {
			t.Fatalf("seed %d: %d records after an interrupted repair, want 23", seed, len(got))
		}
	}
}

// TestMissing removes a segment, or cuts a sealed one at a record's border.
func TestMissing(t *testing.T) {
	opts := Options{SegmentBytes: 200}
	m := memfs.New()
	l := build(t, m, opts, 24)
	second, third := l.segs[1], l.segs[2]
	size := l.segs[1].size
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("segment", func(t *testing.T) {
		c := m.Clone()
		c.Delete(segmentName(second.first))
		rep := openMem(t, c, opts).Report()
		if len(rep.Damaged) != 1 || rep.Damaged[0].From != second.first || rep.Damaged[0].To != third.first {
			t.Errorf("damage %+v, want records %d to %d", rep.Damaged, second.first, third.first-1)
		}
	})
	t.Run("end of a segment", func(t *testing.T) {
		c := m.Clone()
		name := segmentName(second.first)
		last := int64(frameHeader + len(content(third.first-1)))
		c.SetData(name, c.Data(name)[:size-last])
		rep := openMem(t, c, opts).Report()
		if len(rep.Damaged) != 1 || rep.Damaged[0].From != third.first-1 || rep.Damaged[0].To != third.first {
			t.Errorf("damage %+v, want record %d", rep.Damaged, third.first-1)
		}
	})
}
