package view

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/sink"
)

func TestNumbersAndStamps(t *testing.T) {
	b, err := json.Marshal([]any{Number(1.5), NaN, Number(math.Inf(1)), Stamp(0), Stamp(1e18)})
	if want := `[1.5,null,null,null,"2001-09-09T01:46:40Z"]`; err != nil || string(b) != want {
		t.Fatalf("%s, want %s: %v", b, want, err)
	}
	var n Number
	if err := json.Unmarshal([]byte("null"), &n); err != nil || n.Known() {
		t.Errorf("null is %g: %v", n, err)
	}
	var s Stamp
	if err := json.Unmarshal([]byte(`"2001-09-09T01:46:40Z"`), &s); err != nil || s != 1e18 {
		t.Errorf("%d: %v", s, err)
	}
	if json.Unmarshal([]byte(`"yesterday"`), &s) == nil || json.Unmarshal([]byte(`"1"`), &n) == nil {
		t.Error("what is none was taken")
	}
}

func TestRing(t *testing.T) {
	r := NewRing[int](3)
	for i := range 5 {
		r.Add(i)
	}
	for from, want := range map[int64]struct {
		got  []int
		lost int64
	}{-1: {[]int{2, 3, 4}, 2}, 0: {[]int{2, 3, 4}, 2}, 3: {[]int{3, 4}, 0}, 5: {nil, 0}} {
		got, next, lost := r.Since(from)
		if !slices.Equal(got, want.got) || next != 5 || lost != want.lost {
			t.Errorf("from %d: %v, next %d, lost %d", from, got, next, lost)
		}
	}
	var none *Ring[int]
	none.Add(1)
	var zero Ring[int]
	if zero.Add(1); zero.Next() != 0 {
		t.Error("a ring without room kept something")
	}
}

func record(i int, rev int) *sink.Record {
	return &sink.Record{Time: int64(i) * 1e6, Rev: rev, Drift: "normal", Score: math.NaN(), Values: []sink.Value{{Raw: float64(i % 7), Clean: float64(i), Method: "net"}}}
}

// TestFeed: points come once, with what was told of their slot before, and with how
// many are gone.
func TestFeed(t *testing.T) {
	f := NewFeed([]string{"v"})
	f.Statistic(1e6, .5, 12)
	f.Record(record(0, 0))
	f.Record(record(1, 0))
	f.Record(record(1, 1))
	p, next, lost := f.Since(0, 0)
	if next != 3 || lost != 0 || p.Stat[0].Known() || p.Stat[1] != .5 || p.Threshold[2] != 12 || !slices.Equal(p.Rev, []int{0, 0, 1}) || !slices.Equal(p.TimeMS, []float64{0, 1, 1}) {
		t.Fatalf("%+v, next %d, lost %d", p, next, lost)
	}
	if p, _, _ := f.Since(3, 0); p != nil {
		t.Errorf("nothing new is %+v", p)
	}
	for i := range 3000 {
		f.Record(record(i+2, 0))
	}
	p, next, lost = f.Since(3, 0)
	if len(p.TimeMS) != mostPoints || next != 3003 || lost != 3003-mostPoints-3 {
		t.Errorf("%d points, next %d, lost %d", len(p.TimeMS), next, lost)
	}
	if p, _, _ = f.Since(0, 10); len(p.TimeMS) != 10 || p.TimeMS[9] != 3001 {
		t.Errorf("the newest: %v", p.TimeMS)
	}
}

// TestDecimate: the peaks of each bucket stay, with all that belongs to them.
func TestDecimate(t *testing.T) {
	f := NewFeed([]string{"b", "a"})
	for i := range 1000 {
		r := &sink.Record{Time: int64(i) * 1e6, Values: []sink.Value{{Raw: -float64(i)}, {Raw: math.Sin(float64(i)), Clean: float64(i)}}}
		switch {
		case i == 333:
			r.Values[1].Raw = 50
		case i >= 600 && i < 700:
			r.Values[1].Raw = math.NaN()
		case i == 900:
			r.Rev, r.Epoch = 2, 1
		}
		f.Record(r)
	}
	all, _, _ := f.Since(0, 0)
	if all.Decimate(1000) != all {
		t.Error("what is short enough was cut")
	}
	p := all.Decimate(50)
	if n := len(p.TimeMS); n > 52 || n < 40 || !slices.IsSorted(p.TimeMS) {
		t.Fatalf("%d points, %v", n, p.TimeMS)
	}
	if !slices.Contains(p.TimeMS, 333) || !slices.Contains(p.TimeMS, 900) {
		t.Errorf("the peak or what was revised is gone: %v", p.TimeMS)
	}
	if at := slices.Index(p.Epoch, 1); at < 0 || p.TimeMS[at] != 900 || len(p.Epoch) != len(p.TimeMS) {
		t.Errorf("epochs are %v", p.Epoch)
	}
	for i, ms := range p.TimeMS {
		if p.Channels["a"].Clean[i] != Number(ms) || p.Channels["b"].Raw[i] != Number(-ms) {
			t.Fatalf("point %d is put together of others: %g, %g, %g", i, ms, p.Channels["a"].Clean[i], p.Channels["b"].Raw[i])
		}
	}
}

func TestChoose(t *testing.T) {
	rows := func() []Row {
		return []Row{{Series: "b", State: "normal", Age: 3}, {Series: "a", State: "normal", Stale: true, Age: 9}, {Series: "Pump", State: "fault", Age: 1},
			{Series: "c", State: "learning"}, {Series: "d", State: "warning", Stale: true, Age: 7}, {Series: "e", State: "noise"}}
	}
	for _, c := range []struct {
		q     Query
		total int
		want  string
	}{
		{Query{Limit: 10}, 6, "Pump e d a c b"},
		{Query{Limit: 2, Offset: 1}, 6, "e d"},
		{Query{Limit: 10, Sort: ByName}, 6, "Pump a b c d e"},
		{Query{Limit: 3, Sort: ByAge}, 6, "a d b"},
		{Query{Limit: 10, States: []string{Stale}}, 2, "d a"},
		{Query{Limit: 10, States: []string{"normal", "fault"}}, 3, "Pump a b"},
		{Query{Limit: 10, Text: "UM"}, 1, "Pump"},
		{Query{Limit: 10, Offset: 9}, 6, ""},
		{Query{}, 6, ""},
	} {
		total, page := c.q.Choose(rows())
		var names []string
		for _, r := range page {
			names = append(names, r.Series)
		}
		if got := strings.Join(names, " "); total != c.total || got != c.want {
			t.Errorf("%+v: %d, %s", c.q, total, got)
		}
	}
}

// TestTap: it shows five a second, counts the others, and clips what is long.
func TestTap(t *testing.T) {
	now := time.Unix(0, 0)
	tap := NewTap("s", "sink", func() time.Time { return now })
	asked := 0
	for range 100 { // two seconds
		tap.Through(func() string { asked++; return strings.Repeat("é", 2000) })
		now = now.Add(20 * time.Millisecond)
	}
	shown, next := tap.Since(0)
	if next != 10 || asked != 10 || len(shown) != 10 || shown[1].Dropped != 9 || shown[0].Dropped != 0 {
		t.Errorf("%d shown, %d texts made, %+v", next, asked, shown)
	}
	if text := shown[0].Text; len(text) > mostText || !strings.HasSuffix(text, "é…") {
		t.Errorf("%d bytes, ends in %q", len(text), text[len(text)-8:])
	}
	var none *Tap
	none.Through(func() string { t.Error("a tap that is not there asks for a text"); return "" })
}

func TestEvents(t *testing.T) {
	e := NewEvent(&sink.Event{ID: "1", Stream: "s", Series: "x", Kind: "drift.updated", Time: 1e18, Data: map[string]any{"since": "2001-09-09T01:46:39Z"}})
	if e.Alert != AlertKey("s/x/drift", "2001-09-09T01:46:39Z") || e.Record != -1 {
		t.Errorf("%+v", e)
	}
	for _, acknowledged := range []bool{false, true} {
		e.Acknowledged = acknowledged
		b, err := json.Marshal(e)
		var got map[string]any
		if err != nil || json.Unmarshal(b, &got) != nil || got["acknowledged"] != acknowledged || got["kind"] != "drift.updated" {
			t.Errorf("%s: %v", b, err)
		}
	}
	if e := NewEvent(&sink.Event{Kind: "model.promoted", Data: map[string]any{"record": int64(7)}}); e.Alert != "" || e.Record != 7 {
		t.Errorf("%+v", e)
	}
}

func TestAcks(t *testing.T) {
	var a Acks
	a.Add("")
	a.Add("first")
	a.Add("first")
	if !a.Has("other", "first") || a.Has("other", "") {
		t.Error("what was acknowledged is not known")
	}
	for i := range mostAcks {
		a.Add(fmt.Sprint(i))
	}
	if a.Has("first") || !a.Has("0") || len(a.known) != mostAcks {
		t.Errorf("%d are remembered, the first of them: %v", len(a.known), a.Has("first"))
	}
}

// TestKeepingAllocatesNothing: what is watched is kept in memory that is there.
func TestKeepingAllocatesNothing(t *testing.T) {
	f, tap := NewFeed([]string{"v"}), NewTap("s", "sink", func() time.Time { return time.Unix(0, 0) })
	r := record(1, 0)
	tap.Through(func() string { return "" })
	if n := testing.AllocsPerRun(100, func() {
		f.Statistic(r.Time, 1, 2)
		f.Record(r)
		tap.Through(func() string { return "never" })
	}); n != 0 {
		t.Errorf("%g allocations a record", n)
	}
}
