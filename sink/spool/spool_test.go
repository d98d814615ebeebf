package spool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
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

type raw struct {
	kind uint8
	text string
}

// holding returns a folder whose spool holds records as they are given.
func holding(t *testing.T, recs ...raw) (dir string) {
	t.Helper()
	dir = t.TempDir()
	log, err := seglog.Open(dir, seglog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if _, err := log.Append(r.kind, []byte(r.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLaterVersion: what a later version wrote is kept, and said.
func TestLaterVersion(t *testing.T) {
	for want, r := range map[string]raw{
		"kind 9 is not known": {9, "x"},
		"v is 2, of a later":  {kindRecord, strings.Replace(string(item(0).JSON), `"v":1`, `"v":2`, 1)},
	} {
		q := open(t, holding(t, r), Options{Lost: func(n int64, why string) { t.Errorf("%d items lost: %s", n, why) }})
		for range 2 {
			if _, err := q.Take(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
		if q.Len() != 1 {
			t.Errorf("%d items left, want the one", q.Len())
		}
	}
}

// TestUnreadable: what is no item is passed over and counted, once, wherever it is.
func TestUnreadable(t *testing.T) {
	zero, one, bad := raw{kindRecord, string(item(0).JSON)}, raw{kindRecord, string(item(1).JSON)}, raw{kindRecord, `{"v":1`}
	for name, recs := range map[string][]raw{
		"first": {bad, {kindEvent, ""}, zero, one}, "between": {zero, bad, bad, one}, "last": {zero, one, bad, {kindEvent, string(item(0).JSON)}},
	} {
		lost := int64(0)
		q := open(t, holding(t, recs...), Options{Lost: func(n int64, why string) {
			if lost += n; why != Damaged {
				t.Errorf("%s: lost by %s", name, why)
			}
		}})
		if items, err := q.Take(); err != nil || len(items) != 2 {
			t.Errorf("%s: %d items, %v", name, len(items), err)
		}
		q.Back()
		if got := all(t, q); !slices.Equal(got, []int{0, 1}) || lost != 2 || !q.Empty() {
			t.Errorf("%s: items %v arrived, %d are counted as lost, want 2 and 2", name, got, lost)
		}
	}
	lost := int64(0)
	q := open(t, holding(t, bad, bad), Options{Lost: func(n int64, _ string) { lost += n }})
	if got := all(t, q); len(got) != 0 || lost != 2 || !q.Empty() {
		t.Errorf("of two that can't be read %d arrived and %d are counted", len(got), lost)
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
