package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/sink"
)

func open(t *testing.T, dir string, o Options) *Queue {
	t.Helper()
	q, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestRefusesWhenFull: nothing is dropped, and room comes back as the sink takes.
func TestRefusesWhenFull(t *testing.T) {
	q := open(t, t.TempDir(), Options{MaxBytes: 32 << 10})
	pushed, full := 0, 0
	f := far{}
	for pushed < 800 {
		n, err := q.Push(itemsFrom(pushed, 50))
		pushed += n
		if q.Bytes() > 32<<10 {
			t.Fatalf("%d bytes on disk", q.Bytes())
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		full++
		items, err := q.Take()
		if err != nil || len(items) == 0 {
			t.Fatalf("%d items to make room, %v", len(items), err)
		}
		f.take(t, items)
		if err := q.Done(); err != nil {
			t.Fatal(err)
		}
	}
	if full < 3 {
		t.Errorf("full %d times: the test shows nothing", full)
	}
	all(t, q)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTooLarge takes what comes before an item that can't ever go in.
func TestTooLarge(t *testing.T) {
	q := open(t, t.TempDir(), Options{MaxBytes: 16 << 10})
	e := &sink.Event{ID: "big", Why: strings.Repeat("x", 10<<10)}
	n, err := q.Push([]sink.Item{item(0), {Event: e, JSON: sink.AppendEvent(nil, e)}, item(2)})
	if n != 1 || !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "max_bytes") {
		t.Errorf("%d items, %v", n, err)
	}
}

// TestClear gives the disk back and keeps the order over restarts.
func TestClear(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, Options{})
	for round := range 5 {
		if _, err := q.Push(itemsFrom(round*100, 100)); err != nil {
			t.Fatal(err)
		}
		if err := q.Clear(); err != nil || q.Len() != 100 {
			t.Fatalf("cleared a queue of %d items: %v", q.Len(), err)
		}
		if got := all(t, q); len(got) != 100 || got[0] != round*100 {
			t.Fatalf("round %d: got %v", round, got)
		}
		if err := errors.Join(q.Clear(), q.Clear()); err != nil {
			t.Fatal(err)
		}
		if size := onDisk(t, dir); size > 2048 {
			t.Fatalf("an empty queue takes %d bytes", size)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		q = open(t, dir, Options{})
		if !q.Empty() {
			t.Fatalf("round %d: what the sink had comes again: %d items", round, q.Len())
		}
	}
}

func onDisk(t *testing.T, dir string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// TestUnknownKind: what a later version wrote is kept, and said.
func TestUnknownKind(t *testing.T) {
	dir := t.TempDir()
	log, err := seglog.Open(dir, seglog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(9, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	q := open(t, dir, Options{})
	for range 2 {
		if _, err := q.Take(); err == nil || !strings.Contains(err.Error(), "kind 9 is not known") {
			t.Errorf("got %v", err)
		}
	}
	if q.Len() != 1 {
		t.Errorf("%d items left, want the one", q.Len())
	}
}

// TestBothEndsAtOnce pushes and drains side by side.
func TestBothEndsAtOnce(t *testing.T) {
	q := open(t, t.TempDir(), Options{MaxBytes: 64 << 10})
	const n = 1200
	var wg sync.WaitGroup
	wg.Go(func() {
		for pushed := 0; pushed < n; {
			k, err := q.Push(itemsFrom(pushed, min(40, n-pushed)))
			if err != nil && !errors.Is(err, ErrFull) {
				t.Error(err)
				return
			}
			pushed += k
		}
	})
	f := far{}
	for f.got < n && !t.Failed() {
		items, err := q.Take()
		if err != nil {
			t.Fatal(err)
		}
		if len(items) == 0 {
			continue
		}
		f.take(t, items)
		if err := q.Done(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if f.seen != n {
		t.Errorf("%d arrivals of %d items", f.seen, n)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}
