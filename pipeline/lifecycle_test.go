package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// turn is what a partSource does next: it hands over an assignment, then
// delivers so many messages of its only partition.
type turn struct {
	parts     []string
	committed int64
	messages  int
}

// partSource plays turns, as a consumer group does that gives partitions away
// and takes them back. Its log is read on from where the reader resumes.
type partSource struct {
	log    []ingest.Sample
	turns  []turn
	resume chan []int64
	first  [][]int64 // answers, by turn
	at     int       // turn
	left   int       // messages of it; -1: the assignment is next
	next   int64
}

func (s *partSource) Open(context.Context) error {
	s.resume, s.left = make(chan []int64, 1), -1
	return nil
}

func (s *partSource) Next(ctx context.Context) (ingest.Delivery, error) {
	for {
		if s.at == len(s.turns) {
			return ingest.Delivery{}, io.EOF
		}
		now := &s.turns[s.at]
		switch {
		case s.left == -1:
			s.left = -2
			a := &ingest.Assignment{Resume: func(first []int64) { s.resume <- first }}
			for _, p := range now.parts {
				a.Parts = append(a.Parts, ingest.Partition{Name: p, Committed: now.committed})
			}
			return ingest.Delivery{Assignment: a}, nil
		case s.left == -2:
			select {
			case first := <-s.resume:
				s.first = append(s.first, first)
				if len(first) > 0 {
					s.next = max(first[0], 0)
					if first[0] < 0 {
						s.next = max(now.committed, 0)
					}
				}
			case <-ctx.Done():
				return ingest.Delivery{}, ctx.Err()
			}
			s.left = now.messages
		case s.left == 0:
			s.at, s.left = s.at+1, -1
		default:
			s.left--
			d := ingest.Delivery{Position: ingest.Position{Offset: s.next}, Samples: s.log[s.next : s.next+1]}
			s.next++
			return d, nil
		}
	}
}

func (s *partSource) Close(context.Context) error { return nil }

func runParts(t *testing.T, dir string, src *partSource) (map[string]string, Summary) {
	t.Helper()
	out := newSink(7)
	p := testPipeline(t, dir, &memSource{}, out, newSink(8))
	p.workers[0].cfg.Source = src
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return distinct(t, out.got), p.Summaries()["s"]
}

// TestPartitionComesBack gives a partition away and takes it back, with nobody
// at work on it in between: the stream goes on without a seam.
func TestPartitionComesBack(t *testing.T) {
	in := disorder(900)
	n := len(in)
	want, whole := runParts(t, t.TempDir(), &partSource{log: in, turns: []turn{{[]string{"t/0"}, -1, n}}})
	src := &partSource{log: in, turns: []turn{{[]string{"t/0"}, -1, n / 2}, {nil, 0, 0}, {[]string{"t/0"}, int64(n / 2), n - n/2}}}
	dir := t.TempDir()
	got, s := runParts(t, dir, src)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%.2000s", d)
	}
	if d := cmp.Diff(whole.Fates, s.Fates); d != "" {
		t.Errorf("fates: %s", d)
	}
	if first := src.first[2][0]; first != int64(n/2) {
		t.Errorf("the partition was resumed at %d, want %d", first, n/2)
	}
	// A restart counts nothing twice.
	again := &partSource{log: in, turns: []turn{{[]string{"t/0"}, int64(n), 0}}}
	if _, s := runParts(t, dir, again); s.In != whole.In {
		t.Errorf("after a restart %d samples have come in, want %d", s.In, whole.In)
	}
}

// TestPartitionWasElsewhere gives a partition away and takes it back after
// another owner has gone on: what that one has done is neither done again nor
// filled in.
func TestPartitionWasElsewhere(t *testing.T) {
	in := disorder(900)
	n := len(in)
	src := &partSource{log: in, turns: []turn{{[]string{"t/0"}, -1, n / 3}, {nil, 0, 0}, {[]string{"t/0"}, int64(n / 2), n - n/2}}}
	got, s := runParts(t, t.TempDir(), src)
	if first := src.first[2][0]; first != -1 {
		t.Errorf("the partition was resumed at %d, want where the group is", first)
	}
	if total := int64(n/3 + n - n/2); s.In != total {
		t.Errorf("%d samples in, want %d", s.In, total)
	}
	const slack = int64(1e8) // ns: the input is out of order
	last, from := in[n/3-1].Time, in[n/2].Time
	for _, line := range got {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if r.Time > last+slack && r.Time < from-slack {
			t.Errorf("a record of another owner's time: %s", line)
		}
	}
}

// idleAdapter notices that it is closed.
type idleAdapter struct{ closed int }

func (*idleAdapter) Slot(string, int, int64, []model.Column, []window.Scale, string) {}
func (*idleAdapter) Serving(string, *model.Model)                                    {}
func (*idleAdapter) Dropped(string)                                                  {}
func (*idleAdapter) Opened(string, int64, string)                                    {}
func (*idleAdapter) Resolved(string, int64)                                          {}
func (*idleAdapter) Decisions() <-chan Decision                                      { return nil }
func (a *idleAdapter) Close() error {
	a.closed++
	return nil
}

type noSource struct{ partSource }

var errNoSource = errors.New("no such file")

func (*noSource) Open(context.Context) error { return errNoSource }

type noSink struct{ *memSink }

var errNoSink = errors.New("no such folder")

func (noSink) Open(context.Context) error { return errNoSink }

// TestFailedStartReleasesEverything starts pipelines that can't run: adapters
// are closed and the state directory is free again.
func TestFailedStartReleasesEverything(t *testing.T) {
	dir := t.TempDir()
	config := func(a *idleAdapter) Config {
		return Config{StateDir: dir, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
			Streams: []StreamConfig{{Engine: EngineConfig{Stream: "s", Channels: []string{"a"}, Window: window.Config{RateHz: 1}},
				Source: &partSource{}, Sinks: []string{"out"}, Adapter: a}},
			Sinks: []OutletConfig{{Name: "out", Sink: newSink(1), Emit: "records", Required: true}}, DeadLetter: OutletConfig{Sink: newSink(1)}}
	}
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  error // nil: New fails
	}{
		"unknown sink": {spoil: func(c *Config) { c.Streams[0].Sinks = []string{"none"} }},
		"no source":    {func(c *Config) { c.Streams[0].Source = &noSource{} }, errNoSource},
		"no sink":      {func(c *Config) { c.Sinks[0].Sink = noSink{newSink(1)} }, errNoSink},
	} {
		t.Run(name, func(t *testing.T) {
			var a idleAdapter
			cfg := config(&a)
			c.spoil(&cfg)
			p, err := New(cfg)
			if err == nil {
				err = p.Run(t.Context())
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if a.closed == 0 {
				t.Error("the adapter is not closed")
			}
		})
	}
	var a idleAdapter
	p, err := New(config(&a))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil || a.closed == 0 {
		t.Errorf("Close: %v, adapter closed %d times", err, a.closed)
	}
}

// awaySink is not there until it is let in.
type awaySink struct {
	*memSink
	there chan struct{}
	asked chan struct{}
}

func (s *awaySink) Write(_ context.Context, items []sink.Item) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	select {
	case <-s.there:
		return nil
	default:
		return errors.New("connection refused")
	}
}

// TestIdleSinkIsAskedFirst: a sink that nothing was written to yet counts as
// down until it has answered.
func TestIdleSinkIsAskedFirst(t *testing.T) {
	s := &awaySink{memSink: newSink(1), there: make(chan struct{}), asked: make(chan struct{}, 1)}
	o := newOutlet(OutletConfig{Name: "out", Sink: s, Emit: "records", Required: true}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()), func(error) {})
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-s.asked
	if o.up.Load() {
		t.Error("a sink that refuses connections is up")
	}
	close(s.there)
	eventually(t, "the sink that is there is tried again, and up", o.up.Load)
	o.end()
	o.wg.Wait()
	// One that never comes does not hold up the end.
	away := &awaySink{memSink: newSink(1), there: make(chan struct{}), asked: make(chan struct{}, 1)}
	o = newOutlet(OutletConfig{Name: "out", Sink: away, Emit: "records", Required: true}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()), func(error) {})
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-away.asked
	o.end()
	o.wg.Wait()
	if err := o.close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCheckpointNamesKernels reads the stream's own state back, as this version
// writes it, as the first one did, and as a machine with other kernels would.
func TestCheckpointNamesKernels(t *testing.T) {
	var log strings.Builder
	w := &worker{name: "s", log: slog.New(slog.NewTextHandler(&log, nil)), eng: &Engine{}, snap: &state.Snapshot{}}
	w.eng.spare[window.Malformed] = 7
	now := w.appendExtra(nil)
	first := now[:8*len(w.eng.spare)]
	for _, c := range []struct {
		name  string
		state []byte
		told  bool
	}{
		{"now", now, false},
		{"first version", first, false},
		{"other kernels", wire.String(slices.Clone(first), "abacus"), true},
	} {
		log.Reset()
		w.eng.spare = window.Fates{}
		if err := w.restoreExtra(c.state); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if n := w.eng.spare[window.Malformed]; n != 7 {
			t.Errorf("%s: %d malformed, want 7", c.name, n)
		}
		if told := strings.Contains(log.String(), "checkpoint=abacus"); told != c.told {
			t.Errorf("%s: the log says %q", c.name, log.String())
		}
	}
	if err := w.restoreExtra(now[:len(now)-1]); err == nil {
		t.Error("a state that is cut short is taken")
	}
}

// TestGroups follows a lane from model to model, and away: what is kept per
// model goes with its last lane.
func TestGroups(t *testing.T) {
	a, b := testModel(t, 1), testModel(t, 2)
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Model: a, Window: window.Config{RateHz: 1}}, &nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var lanes []*lane
	for _, s := range []string{"x", "y"} {
		l, err := e.lane("p", s)
		if err != nil {
			t.Fatal(err)
		}
		lanes = append(lanes, l)
	}
	refs := func(m *model.Model, want int) {
		t.Helper()
		got := 0
		if g := e.groups[m]; g != nil {
			got = g.refs
		}
		if got != want || want == 0 && len(e.groups) > 1 {
			t.Errorf("%s serves %d lanes, want %d; %d groups", m.Name(), got, want, len(e.groups))
		}
	}
	refs(a, 2)
	if err := lanes[0].serve(b); err != nil {
		t.Fatal(err)
	}
	refs(a, 1)
	refs(b, 1)
	// A model that does not fit leaves all as it was.
	net, err := nn.New(nn.TCN(3, 3, 4, 3, []int{1}, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	three, err := model.New(model.Header{Name: "three", Kind: model.TCN, Channels: 3, Inputs: []model.Input{model.Signal},
		Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	if err := lanes[1].serve(three); err == nil || lanes[1].mod != a || lanes[1].stream == nil {
		t.Errorf("a model for three channels serves two: %v", err)
	}
	refs(a, 1)
	e.drop("y")
	refs(a, 0)
	e.drop("x")
	if len(e.groups) != 0 {
		t.Errorf("%d groups without lanes", len(e.groups))
	}
}

// TestBankShares loads a model twice, and once after it was forgotten.
func TestBankShares(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := testModel(t, 1)
	if err := bank.Save(m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{m.Name(), baseName(t)} {
		a, err := bank.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bank.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("%s was read twice", name)
		}
	}
	if had, err := bank.Load(m.Name()); err != nil || had != m {
		t.Errorf("the model that was saved is not the one that is loaded: %v", err)
	}
}

func baseName(t *testing.T) string {
	t.Helper()
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	return m.Name()
}
