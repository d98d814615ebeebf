package spool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quell-stream/quell/internal/fsys/memfs"
	"github.com/quell-stream/quell/sink"
)

// item returns the item number n; equal numbers give equal items, of different
// sizes.
func item(n int) sink.Item {
	if n%5 == 4 {
		e := &sink.Event{ID: fmt.Sprint(n), Time: int64(n), Stream: "s", Series: "a", Kind: "drift.opened", Severity: "info", Data: map[string]any{"n": float64(n)}}
		return sink.Item{Event: e, JSON: sink.AppendEvent(nil, e)}
	}
	r := &sink.Record{Time: int64(n), Stream: "s", Series: fmt.Sprintf("%0*d", 1+n%40, n), Channels: []string{"x"}, Values: []sink.Value{{Raw: float64(n), Clean: 0.1}}, Drift: "normal"}
	return sink.Item{Record: r, JSON: sink.AppendRecord(nil, r)}
}

func number(it *sink.Item) int { return int(it.Time()) }

func itemsFrom(n, count int) (items []sink.Item) {
	for i := range count {
		items = append(items, item(n+i))
	}
	return items
}

// far is the other end: what the sink was given, by order of first arrival.
type far struct {
	got  int // the items 0 to got-1 have arrived
	seen int // arrivals, copies included
}

func (f *far) take(t rapid.TB, items []sink.Item) {
	t.Helper()
	for i := range items {
		n := number(&items[i])
		if want := item(n); string(items[i].JSON) != string(want.JSON) || items[i].Key() != want.Key() {
			t.Fatalf("item %d arrived as %s, want %s", n, items[i].JSON, want.JSON)
		}
		if n > f.got {
			t.Fatalf("item %d arrived before item %d", n, f.got)
		}
		f.got = max(f.got, n+1)
		f.seen++
	}
}

// rig is a queue, both of its ends, and a disk that fails and forgets.
type rig struct {
	disk    *memfs.FS
	opts    Options
	q       *Queue
	far     far
	durable int // items that Push called durable
}

func (r *rig) open(t rapid.TB) {
	t.Helper()
	r.disk.Mend()
	q, err := Open("spool", r.opts)
	if err != nil {
		t.Fatal(err)
	}
	r.q = q
}

// push pushes what comes next: after an error, and after a crash, what was not
// called durable comes again.
func (r *rig) push(t rapid.TB, count int) {
	t.Helper()
	n, err := r.q.Push(itemsFrom(r.durable, count))
	switch {
	case err == nil && n != count, n < 0 || n > count:
		t.Fatalf("%d of %d items are durable, error %v", n, count, err)
	case err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, memfs.ErrDisk):
		t.Fatal(err)
	}
	r.durable += n
}

// drain gives the sink what is due; it fails half-way now and then.
func (r *rig) drain(t rapid.TB, rng *rand.Rand) (more bool) {
	t.Helper()
	items, err := r.q.Take()
	if err != nil {
		t.Fatal(err)
	}
	if len(items) == 0 {
		if r.far.got < r.durable {
			t.Fatalf("the queue is empty, and the items from %d to %d did not arrive", r.far.got, r.durable-1)
		}
		if n := r.q.Len(); n != 0 {
			t.Fatalf("the queue is empty and its length %d", n)
		}
		return false
	}
	if rng.IntN(4) == 0 {
		r.far.take(t, items[:rng.IntN(len(items)+1)])
		r.q.Back()
		return true
	}
	r.far.take(t, items)
	if err := r.q.Done(); err != nil && !errors.Is(err, memfs.ErrDisk) {
		t.Fatal(err)
	}
	return true
}

// TestCrash plays pushing, draining, disk errors, killed processes and power
// failures: every item that was called durable arrives, in order of first
// arrival, as it was.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		r := &rig{disk: memfs.New()}
		r.opts = Options{MaxBytes: 16 << 10, segment: rapid.Int64Range(200, 4000).Draw(t, "segment"), FS: r.disk,
			Lost: func(n int64, why string) { t.Fatalf("%d items lost: %s", n, why) }}
		r.open(t)
		ops := map[string]func(*rapid.T){
			"push":  func(t *rapid.T) { r.push(t, rapid.IntRange(1, 30).Draw(t, "items")) },
			"drain": func(t *rapid.T) { r.drain(t, rng) },
			"clear": func(t *rapid.T) {
				if err := r.q.Clear(); err != nil && !errors.Is(err, memfs.ErrDisk) {
					t.Fatal(err)
				}
			},
			"disk full": func(*rapid.T) { r.disk.Space = rng.IntN(2000) },
			"room":      func(*rapid.T) { r.disk.Mend() },
			"disk errors": func(*rapid.T) {
				r.disk.FailSyncs, r.disk.FailTrunc = rng.IntN(3), rng.IntN(2)
			},
			"power failure": func(t *rapid.T) {
				r.disk.Crash(rng)
				r.open(t)
			},
			"kill": func(t *rapid.T) { r.open(t) },
			"restart": func(t *rapid.T) {
				if err := r.q.Close(); err != nil && !errors.Is(err, memfs.ErrDisk) {
					t.Fatal(err)
				}
				r.open(t)
			},
		}
		t.Repeat(ops)
		r.disk.Mend()
		for r.drain(t, rng) {
		}
		if aside := r.disk.Aside(); len(aside) > 0 {
			t.Fatalf("%v was set aside though nothing was damaged", aside)
		}
	})
}

// TestReorder: a power failure that leaves later parts of what was not synced without
// earlier ones can't be told from damage. What was called durable arrives all the same.
func TestReorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 8))
		disk := memfs.New()
		disk.Reorder = true
		opts := Options{MaxBytes: 64 << 10, segment: rapid.Int64Range(200, 4000).Draw(t, "segment"), FS: disk, Lost: func(int64, string) {}}
		arrived, durable := map[int]bool{}, 0
		for range rapid.IntRange(1, 8).Draw(t, "failures") {
			disk.Mend()
			q, err := Open("spool", opts)
			if err != nil {
				t.Fatal(err)
			}
			for range rng.IntN(4) {
				disk.FailSyncs = rng.IntN(2)
				n, err := q.Push(itemsFrom(durable, 1+rng.IntN(20)))
				if err != nil && !errors.Is(err, memfs.ErrDisk) {
					t.Fatal(err)
				}
				durable += n
			}
			if items, err := q.Take(); err != nil {
				t.Fatal(err)
			} else if rng.IntN(2) == 0 {
				for i := range items {
					arrived[number(&items[i])] = true
				}
				if err := q.Done(); err != nil && !errors.Is(err, memfs.ErrDisk) {
					t.Fatal(err)
				}
			}
			disk.Crash(rng)
		}
		q, err := Open("spool", opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range all(t, q) {
			arrived[n] = true
		}
		for n := range durable {
			if !arrived[n] {
				t.Fatalf("item %d of %d that were called durable did not arrive", n, durable)
			}
		}
	})
}

// TestDropOldest: what a full queue drops is what it counts, and what is left
// comes in order.
func TestDropOldest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := memfs.New()
		lost := 0
		q, err := Open("spool", Options{MaxBytes: 16 << 10, segment: 2000, DropOldest: true, FS: disk, Lost: func(n int64, why string) {
			if why != Full {
				t.Fatalf("lost by %s", why)
			}
			lost += int(n)
		}})
		if err != nil {
			t.Fatal(err)
		}
		pushed, next, arrived := 0, 0, 0
		var inHand []sink.Item
		drain := func(t *rapid.T) {
			if inHand == nil {
				if inHand, err = q.Take(); err != nil {
					t.Fatal(err)
				}
				return
			}
			items := inHand
			inHand = nil
			if rapid.Bool().Draw(t, "fails") {
				q.Back()
				return
			}
			for i := range items {
				if n := number(&items[i]); n < next {
					t.Fatalf("item %d arrived behind item %d", n, next-1)
				}
				next = number(&items[i]) + 1
				arrived++
			}
			if err := q.Done(); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				n := rapid.IntRange(1, 40).Draw(t, "items")
				if k, err := q.Push(itemsFrom(pushed, n)); err != nil || k != n {
					t.Fatalf("%d of %d pushed: %v", k, n, err)
				}
				pushed += n
			},
			"drain": drain,
		})
		for q.Len() > 0 || inHand != nil {
			drain(t)
		}
		if arrived+lost != pushed {
			t.Fatalf("%d items pushed, %d arrived and %d counted as lost", pushed, arrived, lost)
		}
		if b := q.Bytes(); b != 0 {
			t.Fatalf("an empty queue takes %d bytes", b)
		}
	})
}

// TestDamage flips a bit in each byte of every segment: the queue opens, sets the
// segment aside, and gives and counts all the rest.
func TestDamage(t *testing.T) {
	disk := memfs.New()
	opts := Options{MaxBytes: 16 << 10, segment: 800, FS: disk}
	q, err := Open("spool", opts)
	if err != nil {
		t.Fatal(err)
	}
	const n = 12
	if _, err := q.Push(itemsFrom(0, n)); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := disk.ReadDir("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == cursorName {
			continue
		}
		for at := 0; at < len(disk.Data(name)); at += 13 {
			c := disk.Clone()
			lost := int64(0)
			o := opts
			o.FS, o.Lost = c, func(k int64, why string) { lost += k }
			damage := func() { c.SetData(name, flip(c.Data(name), at)) }
			running := at%2 == 0 // found while reading, not while opening
			if !running {
				damage()
			}
			q, err := Open("spool", o)
			if err != nil {
				t.Fatal(err)
			}
			if running {
				damage()
			}
			got := all(t, q)
			// The very end of the log can't be told from what a crash tears, but by who
			// knows what was there.
			if running && len(got)+int(lost) != n || len(got) < n-1 || len(got)+int(lost) < n-1 || len(got)+int(lost) > n {
				t.Fatalf("%s byte %d: %d items arrived, %d are counted as lost, of %d", name, at, len(got), lost, n)
			}
			if !slices.IsSorted(got) {
				t.Fatalf("%s byte %d: arrived in the order %v", name, at, got)
			}
		}
	}
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 4
	return b
}

func all(t rapid.TB, q *Queue) (numbers []int) {
	t.Helper()
	for {
		items, err := q.Take()
		if err != nil {
			t.Fatal(err)
		}
		if len(items) == 0 {
			return numbers
		}
		for i := range items {
			numbers = append(numbers, number(&items[i]))
		}
		if err := q.Done(); err != nil {
			t.Fatal(err)
		}
	}
}
