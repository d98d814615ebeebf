// Package sinktest is the contract suite of sink.Sink: every driver runs it in
// its own tests, against a destination that it can read back.
//
//	func TestContract(t *testing.T) {
//		sinktest.Run(t, func(t *testing.T) sinktest.Harness {
//			path := filepath.Join(t.TempDir(), "out.jsonl")
//			return sinktest.Harness{
//				New:  func() sink.Sink { return file.New(file.Config{Path: path}) },
//				Read: func() ([]json.RawMessage, error) { return readLines(path) },
//			}
//		})
//	}
package sinktest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/quell-stream/quell/sink"
)

// Harness is one destination, empty at first.
type Harness struct {
	// New returns a sink that writes to the destination. It is not opened yet.
	// New is called again for each restart, after the sink before was closed.
	New func() sink.Sink
	// Read returns everything that the destination holds, oldest first, each
	// element the JSON of a record or an event.
	Read func() ([]json.RawMessage, error)
	// Takes says whether the sink takes the item. Default: it takes all.
	Takes func(*sink.Item) bool
	// Down, if there is one, makes the destination fail, and work again.
	Down func(down bool)
}

// Run checks the contract. Each clause gets a destination of its own from fresh.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, c := range []struct {
		name  string
		check func(*testing.T, *rig)
	}{
		{"durable when Write returns, in order", inOrder},
		{"nothing to write", nothing},
		{"keeps no memory of the caller", borrows},
		{"writes on after a restart", restart},
		{"the same items again", again},
		{"cancelled", cancelled},
		{"destination down", down},
		{"close", closing},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fresh(t)
			if h.Takes == nil {
				h.Takes = func(*sink.Item) bool { return true }
			}
			c.check(t, &rig{Harness: h, t: t})
		})
	}
}

// Items returns n items with serial numbers from up: records of three series
// in turn, every seventh an event. Equal arguments give equal items.
func Items(from, n int) []sink.Item {
	channels := []string{"temp", "vib.rms"}
	items := make([]sink.Item, n)
	for i := range items {
		k := from + i
		ns := 1_795_435_200_000_000_000 + int64(k)*1_000_000_000
		series := [...]string{"pump-1", "pump-2", `odd "name" °`}[k%3]
		if k%7 == 6 {
			e := &sink.Event{
				ID: sink.EventKey("pumps", series, 0, "drift.opened", ns), Time: ns, Stream: "pumps", Series: series,
				Kind: "drift.opened", Severity: "warning", Why: "noise <level>", Model: "base@000000", Data: map[string]any{"k": float64(k)},
			}
			items[i] = sink.Item{Event: e, JSON: sink.AppendEvent(nil, e)}
			continue
		}
		r := &sink.Record{
			Time: ns, Stream: "pumps", Series: series, Channels: channels, Score: 0.5, Drift: "normal",
			Model: "base@000000", Lookahead: 8, Interval: 0.9, TimeSource: "payload",
			Values: []sink.Value{{Raw: float64(k), Clean: float64(k) + 0.1, Lo: float64(k) - 1, Hi: float64(k) + 1, Method: "net"}, {Quality: sink.Bad, Method: "raw", Flags: sink.FlagNull}},
		}
		items[i] = sink.Item{Record: r, JSON: sink.AppendRecord(nil, r)}
	}
	return items
}

// rig is a harness with a memory of what must have arrived.
type rig struct {
	Harness
	t    *testing.T
	want []sink.Item
}

func (r *rig) open() sink.Sink {
	r.t.Helper()
	s := r.New()
	if err := s.Open(r.t.Context()); err != nil {
		r.t.Fatalf("Open: %v", err)
	}
	// The test's own context is cancelled before clean-ups run.
	r.t.Cleanup(func() { r.close(s) })
	return s
}

func (r *rig) close(s sink.Sink) {
	r.t.Helper()
	if err := s.Close(context.Background()); err != nil {
		r.t.Errorf("Close: %v", err)
	}
}

// items returns those of Items that the sink takes.
func (r *rig) items(from, n int) []sink.Item {
	var out []sink.Item
	for _, it := range Items(from, n) {
		if r.Takes(&it) {
			out = append(out, it)
		}
	}
	return out
}

func (r *rig) write(s sink.Sink, items []sink.Item) {
	r.t.Helper()
	if err := s.Write(r.t.Context(), items); err != nil {
		r.t.Fatalf("Write: %v", err)
	}
	r.want = append(r.want, items...)
}

// arrived is an item as the destination holds it.
type arrived struct {
	key, series string
	json        string
}

func (r *rig) read() []arrived {
	r.t.Helper()
	raw, err := r.Read()
	if err != nil {
		r.t.Fatalf("Read: %v", err)
	}
	out := make([]arrived, len(raw))
	for i, b := range raw {
		var typ struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(b, &typ); err != nil {
			r.t.Fatalf("element %d at the destination is not JSON: %v: %.200q", i, err, b)
		}
		if typ.Type == "event" {
			e, err := sink.ParseEvent(b)
			if err != nil {
				r.t.Fatalf("element %d at the destination: %v", i, err)
			}
			out[i] = arrived{e.ID, e.Series, string(b)}
			continue
		}
		rec, err := sink.ParseRecord(b)
		if err != nil {
			r.t.Fatalf("element %d at the destination: %v", i, err)
		}
		out[i] = arrived{rec.Key(), rec.Series, string(b)}
	}
	return out
}

// check compares what arrived with what was written: nothing is missing,
// nothing is foreign, copies are identical, and within a series the first
// arrivals keep their order. Unless twice, nothing came more than once.
func (r *rig) check(twice bool) {
	r.t.Helper()
	content, order := map[string]string{}, map[string][]string{}
	for _, a := range r.read() {
		old, seen := content[a.key]
		if seen && old != a.json {
			r.t.Errorf("%s arrived twice with different content:\n%s\n%s", a.key, old, a.json)
		}
		if seen && !twice {
			r.t.Errorf("%s arrived twice although no Write failed", a.key)
		}
		if !seen {
			content[a.key] = a.json
			order[a.series] = append(order[a.series], a.key)
		}
	}
	known, next := map[string]bool{}, map[string]int{}
	for i := range r.want {
		it := &r.want[i]
		key := it.Key()
		if known[key] {
			continue
		}
		known[key] = true
		got, ok := content[key]
		if !ok {
			r.t.Errorf("%s was written and did not arrive", key)
			continue
		}
		if got != string(it.JSON) {
			r.t.Errorf("%s arrived changed:\ngot  %s\nwant %s", key, got, it.JSON)
		}
		_, series := it.Series()
		if n := next[series]; n < len(order[series]) && order[series][n] != key {
			r.t.Errorf("series %s: %s arrived where %s was due", series, order[series][n], key)
		}
		next[series]++
	}
	for key := range content {
		if !known[key] {
			r.t.Errorf("%s arrived and was never written", key)
		}
	}
}
