package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
)

// watching returns eyes that see the given series and all arrows.
func watching(series ...string) *eyes {
	e := &eyes{feeds: map[string]*view.Feed{}}
	for _, s := range series {
		e.feeds[s] = view.NewFeed([]string{"a", "b"})
	}
	for i, name := range view.Arrows {
		e.taps[i] = view.NewTap("s", name, time.Now)
	}
	return e
}

// seen is an engine's Out that shows its records as a worker does.
type seen struct {
	lines
	e *Engine
}

func (s *seen) Record(r *sink.Record) {
	if s.e.eyes != nil {
		s.e.eyes.record(r)
	}
	s.lines.Record(r)
}

// TestWatchingChangesNothing: records and events are the same, whoever looks on.
func TestWatchingChangesNothing(t *testing.T) {
	in := disorder(1500)
	run := func(look *eyes) *seen {
		out := &seen{}
		out.e = testEngine(t, testModel(t, 1), out)
		for i := range in {
			if i > len(in)/2 {
				out.e.eyes = look
			}
			push(t, out.e, in[i:i+1])
		}
		out.e.Finish()
		return out
	}
	e := watching("x")
	want, got := run(nil), run(e)
	if d := cmp.Diff(want.records, got.records); d != "" {
		t.Errorf("%.1000s", d)
	}
	if d := cmp.Diff(want.events, got.events); d != "" {
		t.Errorf("%.1000s", d)
	}
	points, next, _ := e.feeds["x"].Since(0, 0)
	if next == 0 || len(points.TimeMS) != int(next) {
		t.Fatalf("%d points are kept", next)
	}
	known := 0
	for i, s := range points.Stat {
		if s.Known() != points.Threshold[i].Known() {
			t.Errorf("point %d has a statistic of %g and a threshold of %g", i, s, points.Threshold[i])
		}
		if s.Known() {
			known++
		}
	}
	if known < len(points.Stat)/2 {
		t.Errorf("%d of %d points have a statistic", known, len(points.Stat))
	}
	for i, name := range view.Arrows[tapWindow:] {
		if shown, _ := e.taps[i+tapWindow].Since(0); len(shown) == 0 || shown[0].Text == "" || shown[0].Arrow != name {
			t.Errorf("%s: %v", name, shown)
		}
	}
}

// TestUnwatchedAllocatesNothing: where nobody looks on, a slot costs no memory; where
// somebody does, neither.
func TestUnwatchedAllocatesNothing(t *testing.T) {
	for name, look := range map[string]*eyes{"unwatched": nil, "watched": {feeds: map[string]*view.Feed{"x": view.NewFeed([]string{"a", "b"})}}} {
		out := &nowhere{}
		e := revising(t, fixedModel(t, 3, false), false, 0, out)
		e.eyes = look
		in := steady("x", 0, 4000)
		push(t, e, in[:4000])
		at := 4000
		if n := testing.AllocsPerRun(1500, func() {
			push(t, e, in[at:at+2])
			if look != nil {
				look.record(&e.lanes["x"].rec)
			}
			at += 2
		}); n != 0 {
			t.Errorf("%s: %g allocations a slot", name, n)
		}
	}
}

// stuck is a sink that takes nothing until it is let go.
type stuck struct{ free chan struct{} }

func (s *stuck) Open(context.Context) error { return nil }
func (s *stuck) Write(ctx context.Context, _ []sink.Item) error {
	select {
	case <-s.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (s *stuck) Close(context.Context) error { return nil }

// TestAnswersWhileASinkIsBehind: what a stream shows of itself can be seen when it is
// wanted most.
func TestAnswersWhileASinkIsBehind(t *testing.T) {
	src := &memSource{log: disorder(2000), finished: map[int64]bool{}}
	slow := &stuck{make(chan struct{})}
	p := testPipeline(t, t.TempDir(), src, newSink(1), newSink(2))
	p.outlets[0].cfg.Sink = slow
	p.outlets[0].queue = make(chan *batch, 4)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer close(slow.free)
	full := func() bool { return len(p.outlets[0].queue) == cap(p.outlets[0].queue) }
	for end := time.Now().Add(10 * time.Second); !full() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if !full() {
		t.Fatal("the queue of the sink is not full")
	}
	total, page, err := p.Series(t.Context(), view.Query{Stream: "s", Limit: 10})
	if err != nil || total != 2 || len(page) != 2 || page[0].Series != "x" || page[0].N < 0 {
		t.Errorf("%d series, %v: %v", total, page, err)
	}
	if s := p.Streams(t.Context()); len(s) != 1 || s[0].Series != 2 || s[0].Records == 0 || s[0].Queues.Batch == 0 {
		t.Errorf("%+v", s)
	}
}

// TestDesk: the first who watches has a feed made, the last has it dropped, and nobody
// is answered when the worker has gone.
func TestDesk(t *testing.T) {
	d := newDesk()
	w := &worker{desk: d, eng: testEngine(t, testModel(t, 1), &lines{})}
	f, stop, err := d.watch("x", []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	g, stop2, err := d.watch("x", []string{"a"})
	if err != nil || f != g {
		t.Fatalf("the second watcher got another feed, or %v", err)
	}
	_, untap := d.tap("s", tapDrift)
	w.attend()
	if e := w.eng.eyes; e == nil || e.feeds["x"] != f || e.taps[tapDrift] == nil {
		t.Fatalf("eyes: %v", e)
	}
	stop()
	stop() // once more does no harm
	untap()
	w.attend()
	if e := w.eng.eyes; e == nil || e.feeds["x"] != f {
		t.Error("somebody watches still")
	}
	stop2()
	w.attend()
	if w.eng.eyes != nil || d.bytes != 0 {
		t.Errorf("nobody watches, and there are eyes %v and %d bytes", w.eng.eyes, d.bytes)
	}
	var stops []func()
	for i := range mostFeeds {
		_, stop, err := d.watch(strings.Repeat("x", i+1), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, stop)
	}
	if _, _, err := d.watch("one more", []string{"a"}); !errors.Is(err, ErrBusy) {
		t.Errorf("a feed too many: %v", err)
	}
	for _, stop := range stops {
		stop()
	}
	if _, _, err := d.watch("wide", make([]string, 10_000)); !errors.Is(err, ErrBusy) {
		t.Errorf("a feed too large: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.ask(ctx, func() {}); !errors.Is(err, ErrBusy) {
		t.Errorf("nobody answers: %v", err)
	}
	d.leave()
	if err := d.ask(t.Context(), func() { t.Error("a worker that has gone was asked") }); !errors.Is(err, ErrBusy) {
		t.Errorf("nobody is there: %v", err)
	}
}

// TestWhatIsShown follows a pipeline to the end of its input: dead letters, series with
// what serves them, and unknown names.
func TestWhatIsShown(t *testing.T) {
	src := &memSource{log: disorder(1200), bad: map[int]bool{3: true}, finished: map[int64]bool{}}
	p := testPipeline(t, t.TempDir(), src, newSink(1), newSink(2))
	var series []view.Series
	var detail *view.Detail
	var models view.Models
	src.wake = func(next int64) { // the worker is free to answer: the source is not its goroutine
		if int(next) != len(src.log)-1 {
			return
		}
		err := ErrBusy
		for tries := 0; errors.Is(err, ErrBusy) && tries < 10; tries++ { // it may be at work on a chunk for longer than is waited for it
			var err1, err2, err3 error
			_, series, err1 = p.Series(context.Background(), view.Query{Stream: "s", Limit: 1, Sort: view.ByName})
			detail, err2 = p.OneSeries(context.Background(), "s", "y")
			models, err3 = p.Models(context.Background())
			err = errors.Join(err1, err2, err3)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(series) != 1 || series[0].Series != "x" || len(series[0].Channels) != 2 || series[0].Drift == "" || !series[0].Rate.Known() {
		t.Errorf("%+v", series)
	}
	if detail == nil || len(detail.Guard) != 2 || detail.Guard[0].Why == "" || detail.Guard[0].Serves == "" || detail.History != nil {
		t.Errorf("%+v", detail)
	}
	if len(models.Models) != 1 || models.Models[0].Serves != 2 || models.Models[0].State != view.Serving || !slices.Equal(models.Models[0].Series, []string{"x", "y"}) {
		t.Errorf("%+v", models)
	}
	l := p.Letters(1000, 0)
	if len(l.Letters) == 0 || l.Totals["json"] != 1 {
		t.Fatalf("%+v", l)
	}
	first := l.Letters[len(l.Letters)-1]
	if first.N != 0 || first.Reason != "json" || string(first.Payload) != "{" {
		t.Errorf("%+v", first)
	}
	if older := p.Letters(1000, 1); len(older.Letters) != 1 || older.Letters[0].N != 0 {
		t.Errorf("before the second one: %+v", older)
	}
	if _, _, err := p.Watch("none", "x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a stream that is not there: %v", err)
	}
	if _, _, err := p.Tap("s", "none"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an arrow that is not there: %v", err)
	}
	if _, err := p.Replay(t.Context(), "s", "x"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "adapt.mode") {
		t.Errorf("a stream that does not adapt: %v", err)
	}
	if _, err := p.OneSeries(t.Context(), "s", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("a pipeline that has ended: %v", err)
	}
}

// BenchmarkWatched is what a slot costs of which nothing, or everything, is looked at.
func BenchmarkWatched(b *testing.B) {
	for _, c := range []struct {
		name string
		look *eyes
	}{{"watched=no", nil}, {"watched=series", &eyes{feeds: map[string]*view.Feed{"x": view.NewFeed([]string{"a", "b"})}}}, {"watched=all", watching("x")}} {
		b.Run(c.name, func(b *testing.B) {
			out := &seenNowhere{}
			e := testEngine(b, testModel(b, 1), out)
			out.e, e.eyes = e, c.look
			at := int64(1e18)
			step := func() {
				at += 1e7
				s := [2]ingest.Sample{{Series: "x", Time: at, Value: float64(at % 7e8)}, {Series: "x", Channel: 1, Time: at, Value: 1}}
				if err := e.Push("p", s[:], 0); err != nil {
					b.Fatal(err)
				}
				e.Run()
			}
			for range 2000 {
				step()
			}
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

type seenNowhere struct {
	nowhere
	e *Engine
}

func (s *seenNowhere) Record(r *sink.Record) {
	if s.e.eyes != nil {
		s.e.eyes.record(r)
	}
}

// TestLatencies: what is told is of the latest minute, once somebody has looked for long
// enough, and of all time before.
func TestLatencies(t *testing.T) {
	h := NewMetrics(prometheus.NewRegistry()).latency.WithLabelValues("s").(prometheus.Histogram)
	var l latencies
	now := time.Unix(0, 0)
	if q := l.look(h, now); q != nil {
		t.Errorf("of nothing: %v", q)
	}
	for range 100 {
		h.Observe(20) // in a backlog, long ago
	}
	now = now.Add(5 * time.Second)
	if q := l.look(h, now); q.P50 != 20 || q.P99 < 29 {
		t.Errorf("of all: %v", *q)
	}
	for range 100 {
		now = now.Add(2 * time.Second)
		h.Observe(.0015)
		l.look(h, now)
	}
	if q := l.look(h, now); !(q.P50 > .001 && q.P99 <= .002) {
		t.Errorf("of the latest minute: %v", *q)
	}
	if len(l.past) > 8 {
		t.Errorf("%d pasts are kept", len(l.past))
	}
}
