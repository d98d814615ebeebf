package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// split parts the records of one series into provisional and final ones, by time.
func split(t *testing.T, records []string, series string) (provisional, final map[int64]*sink.Record, finals []string) {
	t.Helper()
	provisional, final = map[int64]*sink.Record{}, map[int64]*sink.Record{}
	for _, line := range records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Series != series:
		case r.Rev == -1:
			provisional[r.Time] = r
		default:
			if r.Rev != 0 || final[r.Time] != nil {
				t.Fatalf("a second final record: %s", line)
			}
			final[r.Time], finals = r, append(finals, line)
		}
	}
	return provisional, final, finals
}

// TestIdleFlushChangesNothing flushes series at many points of a recording: what is
// final is, byte for byte, what it would be without, and each provisional record
// foretells one with the same raw values.
func TestIdleFlushChangesNothing(t *testing.T) {
	in := disorder(2000)
	m := testModel(t, 1)
	whole := &lines{}
	e := testEngine(t, m, whole)
	if err := e.Push("p", in, 0); err != nil {
		t.Fatal(err)
	}
	e.Finish()
	events := len(whole.events)

	out := &lines{}
	e = testEngine(t, m, out)
	for from := 0; from < len(in); from += 97 {
		e.Tick(int64(from) * 1e9)
		if err := e.Push("p", in[from:min(from+97, len(in))], 0); err != nil {
			t.Fatal(err)
		}
		e.Run()
		before := e.Fates()
		e.Tick(int64(from)*1e9 + 5e9)
		if n, err := e.FlushIdle(5*time.Second, 10); err != nil || n != 2 {
			t.Fatalf("at %d: %d series flushed, want 2: %v", from, n, err)
		}
		if n, err := e.FlushIdle(5*time.Second, 10); err != nil || n != 0 {
			t.Fatalf("at %d: %d series flushed again: %v", from, n, err)
		}
		if f := e.Fates(); f != before {
			t.Fatalf("at %d: fates %v, before the flush %v", from, f, before)
		}
	}
	e.Finish()
	if len(out.events) != events || out.dead != whole.dead {
		t.Errorf("%d events and %d dead letters, want %d and %d", len(out.events), out.dead, events, whole.dead)
	}
	for _, series := range []string{"x", "y"} {
		_, _, want := split(t, whole.records, series)
		early, final, got := split(t, out.records, series)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("series %s: %.2000s", series, d)
		}
		if len(early) < 100 {
			t.Fatalf("series %s: %d provisional records", series, len(early))
		}
		same, blind := 0, 0
		for at, r := range early {
			f := final[at]
			if f == nil || r.Epoch != f.Epoch || r.Model != f.Model {
				t.Fatalf("no final record for the provisional one of %v", time.Unix(0, at))
			}
			if cmp.Equal(r.Values[0].Raw, f.Values[0].Raw, nanEqual) {
				same++
			}
			if r.Values[0].Flags&sink.NoLookahead != 0 {
				blind++
			}
		}
		if blind < len(early)/2 {
			t.Errorf("series %s: %d of %d provisional records say that they saw nothing of what follows", series, blind, len(early))
		}
		if same < len(early)*9/10 {
			t.Errorf("series %s: %d of %d provisional records have the raw value of the final one", series, same, len(early))
		}
	}
}

var nanEqual = cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

// steady returns n samples of both channels at 100 Hz from slot number from on.
func steady(series string, from, n int) []ingest.Sample {
	var in []ingest.Sample
	for i := from; i < from+n; i++ {
		for ch := range 2 {
			in = append(in, ingest.Sample{Series: series, Channel: ch, Time: int64(1e18) + int64(i)*1e7,
				Value: math.Sin(float64(i)/15) + 0.2*math.Sin(float64(i*i%97)) + float64(ch)})
		}
	}
	return in
}

// TestIdleFlushOrder: those that fell silent first come first, in bounded helpings,
// and a series counts as idle from its latest sample on.
func TestIdleFlushOrder(t *testing.T) {
	out := &lines{}
	e := testEngine(t, testModel(t, 1), out)
	push := func(now int64, in []ingest.Sample) {
		t.Helper()
		e.Tick(now)
		if err := e.Push("p", in, 0); err != nil {
			t.Fatal(err)
		}
		e.Run()
	}
	flush := func(now int64, most int) string {
		t.Helper()
		out.records = nil
		e.Tick(now)
		if _, err := e.FlushIdle(10, most); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, line := range out.records {
			r, err := sink.ParseRecord([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(names); n == 0 || names[n-1] != r.Series {
				names = append(names, r.Series)
			}
		}
		return strings.Join(names, " ")
	}
	for i := range 5 {
		push(int64(i), steady(fmt.Sprint("s", i), 0, 40))
	}
	push(7, steady("s1", 40, 3))
	for i, want := range []struct {
		now  int64
		most int
		got  string
	}{{9, 9, ""}, {12, 9, "s0 s2"}, {16, 1, "s3"}, {16, 1, "s4"}, {16, 9, ""}, {17, 9, "s1"}, {90, 9, ""}} {
		if got := flush(want.now, want.most); got != want.got {
			t.Errorf("flush %d at %d gave %q, want %q", i, want.now, got, want.got)
		}
	}
	push(91, steady("s2", 40, 1))
	if got := flush(101, 9); got != "s2" {
		t.Errorf("after its return: %q, want s2", got)
	}
}

// TestIdleWhileLearningRate: without a grid there is no time to give a record.
func TestIdleWhileLearningRate(t *testing.T) {
	out := &lines{}
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Model: testModel(t, 1), Window: window.Config{}}, out)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Push("p", steady("x", 0, 5), 0); err != nil {
		t.Fatal(err)
	}
	e.Run()
	e.Tick(100)
	if n, err := e.FlushIdle(10, 9); n != 0 || err != nil || len(out.records) != 0 {
		t.Errorf("%d series flushed, %d records: %v", n, len(out.records), err)
	}
}

// pausing is a source that falls silent before some of its messages.
type pausing struct {
	*memSource
	before map[int64]time.Duration
}

func (s *pausing) Next(ctx context.Context) (ingest.Delivery, error) {
	if d := s.before[s.next]; d > 0 {
		select {
		case <-time.After(d):
			delete(s.before, s.next)
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	return s.memSource.Next(ctx)
}

// TestIdleFlushByTheClock runs a pipeline over a source that is silent for a while,
// twice: shorter and longer than idle_flush.
func TestIdleFlushByTheClock(t *testing.T) {
	in := disorder(300)
	run := func(idle time.Duration, before map[int64]time.Duration) []string {
		var got []string
		synctest.Test(t, func(t *testing.T) {
			src := &pausing{&memSource{log: in, finished: map[int64]bool{}}, before}
			out := newSink(1)
			p := testPipeline(t, t.TempDir(), src.memSource, out, newSink(2))
			c := &p.workers[0].cfg
			c.Source, c.IdleFlush, c.Checkpoint = src, idle, time.Second
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(src.finished) != len(in) {
				t.Errorf("%d of %d deliveries were acknowledged", len(src.finished), len(in))
			}
			for _, line := range distinctRevs(t, out.got) {
				got = append(got, line)
			}
		})
		return got
	}
	want := map[string][]string{}
	for _, series := range []string{"x", "y"} {
		early, _, finals := split(t, run(0, map[int64]time.Duration{500: time.Minute}), series)
		if want[series] = finals; len(early) != 0 {
			t.Fatalf("%d provisional records without idle_flush", len(early))
		}
	}
	for _, c := range []struct {
		pause time.Duration
		some  bool
	}{{29 * time.Second, false}, {40 * time.Second, true}} {
		got := run(30*time.Second, map[int64]time.Duration{500: c.pause})
		for _, series := range []string{"x", "y"} {
			early, _, finals := split(t, got, series)
			slices.Sort(finals)
			slices.Sort(want[series])
			if d := cmp.Diff(want[series], finals); d != "" {
				t.Errorf("silent for %v: %.1000s", c.pause, d)
			}
			if some := len(early) > 0; some != c.some {
				t.Errorf("silent for %v: %d provisional records of %s", c.pause, len(early), series)
			}
		}
	}
}

// distinctRevs returns the records by key, as distinct does, for several revisions
// of a slot.
func distinctRevs(t *testing.T, got []string) map[string]string {
	t.Helper()
	by := map[string]string{}
	for _, line := range got {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if had, ok := by[r.Key()]; ok && had != line {
			t.Fatalf("two records of key %s differ:\n%s\n%s", r.Key(), had, line)
		}
		by[r.Key()] = line
	}
	return by
}

// TestTickGoesOn: the time that idle series are told by is that since the start, less
// what sinks took, and not the time of day: that may be set back.
func TestTickGoesOn(t *testing.T) {
	p := testPipeline(t, t.TempDir(), &memSource{finished: map[int64]bool{}}, newSink(1), newSink(2))
	defer p.Close()
	w := p.workers[0]
	now := w.began
	w.cfg.Now = func() time.Time { return now }
	now = now.Add(5 * time.Second)
	end := w.stall()
	now = now.Add(2 * time.Second)
	end()
	if w.tick(); w.eng.now != int64(5*time.Second) {
		t.Errorf("told %v, want 5s", time.Duration(w.eng.now))
	}
}
