package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// withTTL is testEngine with a state_ttl.
func withTTL(t *testing.T, out Out, ttl time.Duration) *Engine {
	t.Helper()
	e := testEngine(t, testModel(t, 1), out)
	e.cfg.StateTTL = ttl
	return e
}

func push(t *testing.T, e *Engine, in []ingest.Sample) {
	t.Helper()
	if err := e.Push("p", in, 0); err != nil {
		t.Fatal(err)
	}
	e.Run()
}

// TestEvict has one of two series fall silent: it is finalised and forgotten when
// the event time of the others has passed state_ttl, its samples stay counted, and
// it starts cold when it returns.
func TestEvict(t *testing.T) {
	out := &lines{}
	e := withTTL(t, out, 5*time.Second)
	push(t, e, steady("x", 0, 300))
	push(t, e, steady("y", 0, 799))
	if e.Series() != 2 {
		t.Fatalf("%d series, want 2: x has been silent for less than 5 s", e.Series())
	}
	push(t, e, steady("y", 799, 2))
	if e.Series() != 1 || e.lanes["x"] != nil {
		t.Fatalf("%d series, want y alone", e.Series())
	}
	if n := e.recent["p"].front; n != e.lanes["y"] || n.next != nil {
		t.Error("the order of the series holds more than y")
	}
	got := bySeries(out.records)
	if len(got["x"]) != 300 {
		t.Errorf("%d records of x, want 300: what waits is finalised", len(got["x"]))
	}
	if f := e.Fates(); f.In() != 2*(300+801) || f[window.Raw] < 600 {
		t.Errorf("fates %v do not add up to %d", f, 2*(300+801))
	}
	if !slices.Contains(out.events, "series.reset forgotten after more than 5s without a sample") {
		t.Errorf("events %q do not tell that x is forgotten", out.events)
	}

	// Cold means as if it had never been there.
	out.records = nil
	push(t, e, steady("x", 800, 200))
	e.Finish()
	cold := &lines{}
	c := withTTL(t, cold, 0)
	push(t, c, steady("x", 800, 200))
	c.Finish()
	if d := cmp.Diff(bySeries(cold.records)["x"], bySeries(out.records)["x"]); d != "" {
		t.Errorf("x does not start cold: %.1000s", d)
	}
	if f := e.Fates(); f.In() != 2*(300+801+200) || f[window.Pending] != 0 {
		t.Errorf("fates %v do not add up to %d", f, 2*(300+801+200))
	}
}

// TestEvictAlone: a series alone in its partition is forgotten by its own next
// sample, and one that is merely behind the others is not.
func TestEvictAlone(t *testing.T) {
	out := &lines{}
	e := withTTL(t, out, 5*time.Second)
	push(t, e, steady("x", 0, 100))
	push(t, e, steady("x", 800, 100))
	if e.evicted != 1 || e.Series() != 1 || len(e.gonePart) != 1 {
		t.Errorf("%d evicted, %d held, want 1 and 1", e.evicted, e.Series())
	}
	push(t, e, steady("y", 5000, 1))
	for i := range 50 { // behind by more than the TTL, and not silent
		push(t, e, steady("x", 900+i, 1))
		push(t, e, steady("y", 5000+i, 1))
	}
	if e.evicted != 2 {
		t.Errorf("%d evicted, want 2: the jump of y forgets x once, and what is behind may go on", e.evicted)
	}
	// A wrong clock does not age the others.
	wild := steady("z", 1e9, 1)
	if err := e.Push("p", wild, wild[0].Time-int64(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	push(t, e, steady("y", 5050, 1))
	if e.evicted != 2 {
		t.Error("a stamp in the far future has series forgotten")
	}
}

// TestEvictMakesRoom: beyond max_series samples pass raw until a series is forgotten.
func TestEvictMakesRoom(t *testing.T) {
	out := &lines{}
	e := withTTL(t, out, 5*time.Second)
	e.cfg.MaxSeries = 2
	push(t, e, steady("a", 0, 10))
	push(t, e, steady("b", 0, 10))
	push(t, e, steady("c", 400, 1))
	if e.lanes["c"] != nil {
		t.Fatal("a third series of two")
	}
	push(t, e, steady("c", 600, 1))
	if e.lanes["c"] == nil || e.Series() != 1 {
		t.Errorf("%d series, want c alone", e.Series())
	}
	if f := e.Fates(); f.In() != 2*22 {
		t.Errorf("fates %v do not add up to 44", f)
	}
}

// TestEvictResolves: an alert of a series that is forgotten is told to be over.
func TestEvictResolves(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*lane)
		want string // kinds told
	}{
		{"none", func(*lane) {}, "series.reset"},
		{"open", func(l *lane) { l.publish(drifts(l, "drift.opened")) }, "drift.opened series.reset drift.resolved"},
		{"over", func(l *lane) {
			l.publish(drifts(l, "drift.opened"))
			l.publish(drifts(l, "drift.resolved"))
		}, "drift.opened drift.resolved series.reset"},
		{"over untold", func(l *lane) {
			l.publish(drifts(l, "drift.opened"))
			l.alerts.drifts.spent = alertBurst
			l.publish(drifts(l, "drift.resolved"))
		}, "drift.opened series.reset drift.resolved"},
		{"untold", func(l *lane) {
			l.alerts.drifts.spent, l.alerts.drifts.last = alertBurst, l.win.Newest()
			l.publish(drifts(l, "drift.opened"))
		}, "series.reset"},
	} {
		out := &kinds{}
		e := withTTL(t, out, 5*time.Second)
		push(t, e, steady("x", 0, 30))
		c.make(e.lanes["x"])
		push(t, e, steady("y", 600, 1))
		if got := strings.Join(out.all, " "); got != c.want {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
	}
}

func drifts(l *lane, kind string) sink.Event {
	return sink.Event{Stream: "s", Series: l.series, Kind: kind, Time: l.win.Newest(), Data: map[string]any{"kind": "noise"}}
}

type kinds struct {
	nowhere
	all []string
}

func (k *kinds) Event(e sink.Event) { k.all = append(k.all, e.Kind) }

// gappy are samples of several series that come and go.
func gappy(n int) []ingest.Sample {
	rng := rand.New(rand.NewPCG(3, 4))
	from := map[string]int{}
	var in []ingest.Sample
	for i := 0; i < n; i += 20 {
		for k := range 4 {
			name := fmt.Sprint("s", k)
			if i/400%4 == k || rng.IntN(40) == 0 {
				in = append(in, steady(name, i, 20)...)
				from[name] = i
			}
		}
	}
	return in
}

var errKilled = errors.New("killed")

// killedAt returns a pipeline that dies when it reads an offset: nothing leaves or
// becomes durable from there on.
func killedAt(make func(string, *memSource, *memSink) *Pipeline, dir string, in []ingest.Sample, out *memSink, at int64) (*Pipeline, error) {
	src := &memSource{log: in, finished: map[int64]bool{}}
	p := make(dir, src, out)
	src.wake = func(next int64) {
		if next == at {
			out.mu.Lock()
			out.done = true
			out.mu.Unlock()
			p.kill(errKilled)
		}
	}
	return p, errKilled
}

// TestEvictedAnywhere kills a pipeline that forgets series at random offsets: what
// comes out is what an uninterrupted run gives, and the checkpoints hold no more
// than the series that are alive.
func TestEvictedAnywhere(t *testing.T) {
	in := gappy(6000)
	make := func(dir string, src *memSource, out *memSink) *Pipeline {
		p := testPipeline(t, dir, src, out, newSink(99))
		p.workers[0].eng.cfg.StateTTL = 3 * time.Second
		return p
	}
	whole := newSink(1)
	src := &memSource{log: in, finished: map[int64]bool{}}
	p := make(t.TempDir(), src, whole)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, fates := distinct(t, whole.got), p.Summaries()["s"]
	if n := p.workers[0].eng.evicted; n < 5 {
		t.Fatalf("%d series were forgotten: the recording is not what the test thinks", n)
	}
	rng := rand.New(rand.NewPCG(12, 11))
	dir := t.TempDir()
	var got []string
	for life := 0; ; life++ {
		killAt := int64(len(in)) + 1
		if life < 8 {
			killAt = int64(rng.IntN(len(in)))
		}
		out := newSink(uint64(life))
		p, killed := killedAt(make, dir, in, out, killAt)
		err := p.Run(t.Context())
		got = append(got, out.got...)
		if err == nil {
			if d := cmp.Diff(fates.Fates, p.Summaries()["s"].Fates); d != "" {
				t.Errorf("fates: %s", d)
			}
			break
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, distinct(t, got)); d != "" {
		t.Errorf("%.2000s", d)
	}
	// A start over what is left takes up the living alone.
	p = make(dir, &memSource{log: in, finished: map[int64]bool{}}, newSink(5))
	defer p.Close()
	if n := len(p.workers[0].snap.Series["mem"]); n == 0 || n >= 4 {
		t.Errorf("the checkpoint holds %d series of 4, some of which are forgotten", n)
	}
}

// TestEvictFrees: nothing holds on to a series that is forgotten.
func TestEvictFrees(t *testing.T) {
	e := withTTL(t, &nowhere{}, 5*time.Second)
	e.cfg.Window.AllowedLateness = time.Second
	push(t, e, steady("x", 0, 500))
	e.Tick(1e12)
	if _, err := e.FlushIdle(1, 9); err != nil {
		t.Fatal(err)
	}
	x := weak.Make(e.lanes["x"])
	push(t, e, steady("y", 1200, 10))
	push(t, e, steady("y", 1210, 10))
	eventually(t, "a series that was forgotten is in memory no more", func() bool { // a fit may still be at work on copies of its readings
		runtime.GC()
		return x.Value() == nil
	})
}

// TestBeyondMaxSeries: the readings of one message and time are one record, so that
// none takes the place of another under the same key.
func TestBeyondMaxSeries(t *testing.T) {
	out := &lines{}
	e := testEngine(t, testModel(t, 1), out)
	e.cfg.MaxSeries = 1
	in := steady("y", 0, 2)
	in[3].Missing, in[3].Value = ingest.OutOfRange, 0
	push(t, e, append(steady("x", 0, 1), in...))
	got := bySeries(out.records)["y"]
	if len(got) != 2 {
		t.Fatalf("%d records, want 2: %q", len(got), got)
	}
	for i, line := range got {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Values) != 2 || r.Values[0].Clean != in[2*i].Value || r.Values[0].Method != "raw" || (r.Values[1].Quality == sink.Bad) != (i == 1) {
			t.Errorf("record %d: %s", i, line)
		}
	}
	if f := e.Fates(); f.In() != 6 || f[window.Raw] != 4 {
		t.Errorf("fates %v, want 4 of 6 raw", f)
	}
}

// TestEvictNotBeforeFirst: a series that only a switch is known of is not forgotten
// before its first sample, nor in a checkpoint.
func TestEvictNotBeforeFirst(t *testing.T) {
	second := testModel(t, 2)
	out := &lines{}
	e := withTTL(t, out, 5*time.Second)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.Save(second); err != nil {
		t.Fatal(err)
	}
	if err := e.Obey("p", Switch{Series: "x", Record: 10, Model: second, Kind: "model.promoted"}); err != nil {
		t.Fatal(err)
	}
	push(t, e, steady("y", 0, 700))
	l, err := restoreLane(e, "p", "x", e.lanes["x"].appendState(nil), bank)
	if err != nil {
		t.Fatal(err)
	}
	delete(e.lanes, "x")
	e.adopt("p", []*lane{l})
	push(t, e, steady("y", 700, 700))
	push(t, e, steady("x", 1400, 100))
	e.Finish()
	if e.evicted != 0 || e.lanes["x"].modelName() != second.Name() {
		t.Errorf("%d series were forgotten, x is served by %s, want %s", e.evicted, e.lanes["x"].modelName(), second.Name())
	}
}

// TestEvictByTurns: where all were silent one sample has few of them forgotten, and
// each that returns starts cold all the same.
func TestEvictByTurns(t *testing.T) {
	out := &lines{}
	e := withTTL(t, out, 5*time.Second)
	for i := range 20 {
		push(t, e, steady(fmt.Sprint("s", i), 0, 40))
	}
	push(t, e, steady("y", 1000, 1)[:1])
	if e.evicted != evictMost {
		t.Errorf("one sample has %d series forgotten, want %d", e.evicted, evictMost)
	}
	out.records = nil
	push(t, e, steady("s15", 1000, 50))
	if e.evicted != 20 {
		t.Errorf("%d series are forgotten, want 20", e.evicted)
	}
	e.Finish()
	cold := &lines{}
	c := withTTL(t, cold, 0)
	push(t, c, steady("s15", 1000, 50))
	c.Finish()
	if d := cmp.Diff(bySeries(cold.records)["s15"], bySeries(out.records)["s15"][40-32:]); d != "" {
		t.Errorf("s15 does not start cold: %.1000s", d)
	}
	if f := e.Fates(); f.In() != 2*(20*40+50)+1 || f[window.Pending] != 0 {
		t.Errorf("fates %v", f)
	}
}
