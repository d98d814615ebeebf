package adapt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signal is a clean signal.
type signal func(t int) float64

// slow and pulses are two regimes; a net that knows the one is poor at the other.
func slow(t int) float64   { return 30 + 2*math.Sin(float64(t)/40) }
func pulses(t int) float64 { return 30 + 4*math.Exp(8*(math.Cos(float64(t)/8)-1)) }

const sigma = .6

// made are the nets that tests have in common: making one takes a while, and gives
// the same bytes each time.
var made sync.Map

// once returns what make made the first time.
func once(key string, make func() *model.Model) *model.Model {
	f, _ := made.LoadOrStore(key, sync.OnceValue(make))
	return f.(func() *model.Model)()
}

// trained returns a tiny net that was trained on clean signals.
func trained(t *testing.T, name string, steps int, signals ...signal) *model.Model {
	t.Helper()
	key := fmt.Sprint(name, steps)
	for _, s := range signals {
		key += fmt.Sprintf(" %g", s(1))
	}
	return once(key, func() *model.Model { return trainNet(t, name, steps, signals...) })
}

func trainNet(t *testing.T, name string, steps int, signals ...signal) *model.Model {
	t.Helper()
	// Supervised training wants one recording: the regimes follow each other.
	var clean []float64
	for i := range 12 * 512 {
		clean = append(clean, signals[i/512%len(signals)](i))
	}
	chain, err := noise.ParseSpec("gaussian:snr=0..12")
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := train.Supervised(t.Context(), train.SupervisedConfig{Name: name, Clean: [][]float64{clean}, Corrupt: chain,
		Arch: train.TCNArch(0, 8, 3, []int{1, 2, 4}, 2), Steps: steps, Batch: 4, Window: 128, Peak: 1e-2, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	// The tests scale as the pipeline does, with the running scaler.
	h := m.Header()
	h.Scaler = model.Scaler{Kind: model.ScaleRunning}
	if m, err = model.New(h, m.Net()); err != nil {
		t.Fatal(err)
	}
	return m
}

// general returns a tiny net that was trained on synthetic signals, as the base
// models are.
func general(t *testing.T) *model.Model {
	t.Helper()
	return once("general", func() *model.Model { return trainGeneral(t) })
}

func trainGeneral(t *testing.T) *model.Model {
	t.Helper()
	m, _, err := train.Base(t.Context(), train.BaseConfig{Lookahead: 2, Channels: 8, Taps: 3, Dilations: []int{1, 2, 4}, Steps: 250,
		Batch: 4, Window: 128, Peak: 5e-3, Decay: 1e-4, Huber: 4, Seed: 3, HoldOut: 6})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// identity returns a net that copies its input: a residual net of zeros.
func identity(t testing.TB) *model.Model {
	t.Helper()
	arch := train.TCNArch(0, 8, 3, []int{1, 2, 4}, 2)
	net, err := nn.New(arch.Spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Header{Name: "copy", Kind: arch.Kind, Inputs: arch.Inputs, Residual: true, InSigma: true, Spread: true,
		Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sensor feeds an adapter slot by slot as the engine does.
type sensor struct {
	a      *Adapter
	series string
	rng    *rand.Rand
	scaler window.Scaler
	index  int64
	epoch  int
	held   float64
}

func newSensor(a *Adapter, series string, seed uint64) *sensor {
	return &sensor{a: a, series: series, rng: rand.New(rand.NewPCG(seed, 5))}
}

// column scales a value as a lane does.
func (s *sensor) column(x float64, valid bool) (model.Column, window.Scale) {
	scale := s.scaler.Push(x, valid)
	col := model.Column{Level: -3, Missing: true}
	if valid {
		s.held = x
	}
	if scale.Known() {
		col = model.Column{X: float32((s.held - scale.Mean) / scale.Dev), Missing: !valid,
			Level: float32(min(max(math.Log10(scale.Sigma/scale.Dev), -3), .5))}
	}
	return col, scale
}

// feed hands n slots of a noisy signal to the adapter.
func (s *sensor) feed(n int, clean signal, state string) {
	for range n {
		col, scale := s.column(clean(int(s.index))+sigma*s.rng.NormFloat64(), true)
		s.a.Slot(s.series, s.epoch, s.index, []model.Column{col}, []window.Scale{scale}, state)
		s.index++
	}
}

// windowsOf cuts a noisy recording into windows as the adapter would.
func windowsOf(t *testing.T, clean signal, n, length int, seed uint64) []*replay.Window {
	t.Helper()
	buf, err := replay.New(replay.Config{Steps: length, Channels: 1, Bytes: 16 << 20, HoldoutEvery: 2})
	if err != nil {
		t.Fatal(err)
	}
	s := newSensor(nil, "x", seed)
	for i := range int64(2*n + 8) {
		values := make([]float32, length)
		var scale window.Scale
		for k := range values {
			var col model.Column
			col, scale = s.column(clean(int(i)*length+k)+sigma*s.rng.NormFloat64(), true)
			values[k] = col.X
		}
		if i >= 8 { // the scale has settled
			buf.Add("x", i*int64(length), values, nil, []replay.Scale{replay.Scale(scale)})
		}
	}
	return buf.Holdout()[:n]
}

// inARow returns n windows that follow each other.
func inARow(t *testing.T, clean signal, n int, seed uint64) []*replay.Window {
	t.Helper()
	buf, err := replay.New(replay.Config{Steps: 256, Channels: 1, Bytes: 16 << 20, HoldoutEvery: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := newSensor(nil, "x", seed)
	for i := range n {
		values := make([]float32, 256)
		var scale window.Scale
		for k := range values {
			var col model.Column
			col, scale = s.column(clean(i*256+k)+sigma*s.rng.NormFloat64(), true)
			values[k] = col.X
		}
		buf.Add("x", int64(i)*256, values, nil, []replay.Scale{replay.Scale(scale)})
	}
	return buf.Snapshot().Recent
}

// reader collects decisions until the adapter is closed.
type reader struct {
	mu       sync.Mutex
	events   []sink.Event
	switches []pipeline.Switch
	marks    chan struct{} // one for each marker read
	news     chan struct{} // holds a token after something was read
	stop     chan struct{}
	done     chan struct{}
}

// marker and filler are the kinds of events that only tests send.
const marker, filler = "marker", "filler"

// hold has the background wait with what it says next until somebody reads. A fine-tune
// that begins says so before it trains.
func hold(a *Adapter) {
	for len(a.decisions) < cap(a.decisions) {
		a.decisions <- pipelineDecision(filler)
	}
}

// jobOf returns the fine-tune of a series, nil where there is none.
func jobOf(a *Adapter, series string) *job {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tracks[series].group.job
}

// switched returns the switches so far.
func (r *reader) switched() []pipeline.Switch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.switches)
}

func read(t *testing.T, a *Adapter) *reader {
	r := &reader{marks: make(chan struct{}, 100), news: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			select {
			case d := <-a.Decisions():
				if d.Event != nil && d.Event.Kind == filler {
					continue
				}
				if d.Event != nil && d.Event.Kind == marker {
					r.marks <- struct{}{}
					continue
				}
				r.mu.Lock()
				if d.Event != nil {
					r.events = append(r.events, *d.Event)
				}
				if d.Switch.Model != nil {
					r.switches = append(r.switches, d.Switch)
				}
				r.mu.Unlock()
				select {
				case r.news <- struct{}{}:
				default: // a token is there already
				}
			case <-r.stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		close(r.stop)
		<-r.done
	})
	return r
}

// kinds returns the events' kinds so far, switches last.
func (r *reader) kinds() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.events {
		out = append(out, e.Kind)
	}
	for _, s := range r.switches {
		out = append(out, s.Kind)
	}
	return out
}

// late is told shortly before the test run ends by force.
func late(t *testing.T) <-chan time.Time {
	end, ok := t.Deadline()
	if !ok {
		return nil
	}
	return time.After(time.Until(end) - 5*time.Second)
}

// wait returns once there is something of the kind. How long a training takes is
// the machine's business: only the end of the test run is too late.
func (r *reader) wait(t *testing.T, kind string) {
	t.Helper()
	late := late(t)
	for !slices.Contains(r.kinds(), kind) {
		select {
		case <-r.news:
		case <-late:
			t.Fatalf("no %s; there are %v", kind, r.kinds())
		}
	}
}

func (r *reader) event(kind string) *sink.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.events {
		if r.events[i].Kind == kind {
			return &r.events[i]
		}
	}
	return nil
}

func open(t testing.TB, cfg Config) *Adapter {
	t.Helper()
	cfg.Channels = 1
	if cfg.Mode == "" {
		cfg.Mode = Auto
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pipelineDecision(kind string) pipeline.Decision {
	return pipeline.Decision{Event: &sink.Event{Kind: kind}}
}

// promoteNow has a model serve a series as a verdict would, from the present slot on.
func promoteNow(a *Adapter, series string, from, to *model.Model) *track {
	a.mu.Lock()
	t := a.tracks[series]
	g := t.group
	p := &pending{to, "model.promoted", "test", true}
	switched := a.exchange(g, from, p)
	g.trial = a.newProbation(g, to, from, 1, t.regime(), g.clock, switched)
	a.pushQuick(func() { a.ask(switched, p) })
	a.mu.Unlock()
	return t
}
