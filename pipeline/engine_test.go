package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// lines collects what an engine gives out, as JSON.
type lines struct {
	records []string
	events  []string
	dead    int
}

func (o *lines) Record(r *sink.Record) {
	o.records = append(o.records, string(sink.AppendRecord(nil, r)))
}
func (o *lines) Event(e sink.Event)              { o.events = append(o.events, e.Kind+" "+e.Why) }
func (o *lines) Dead(ingest.Sample, window.Fate) { o.dead++ }

// testModel is a small net with random weights: what it says is of no use, but
// any mistake in the order or the scale of its input shows.
func testModel(t testing.TB, seed uint64) *model.Model {
	t.Helper()
	net, err := nn.New(nn.TCN(3, 1, 8, 5, []int{1, 2, 4}, 8), seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] += 0.1 * float32(rng.NormFloat64())
		}
	}
	net.Pack()
	m, err := model.New(model.Header{Name: fmt.Sprint("test", seed), Kind: model.TCN, Inputs: []model.Input{model.Signal, model.Level, model.Mask},
		Residual: true, Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// untrained stands in for a fitted sentinel: what it reconstructs badly it does
// so always, which is all these tests need.
func untrained(_ [][]float32, channels int, seed uint64) (*nn.Net, error) {
	return nn.New(nn.DAE(2*channels, channels, []int{4, 8}, 3, 4), seed)
}

func testEngine(t testing.TB, m *model.Model, out Out) *Engine {
	t.Helper()
	e, err := NewEngine(EngineConfig{
		Stream: "s", Channels: []string{"a", "b"}, Guard: true, Model: m, Watch: true, FitSentinel: untrained, FalseAlarms: monitor.DefaultRate,
		SentinelSlots: 256, Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond},
	}, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// disorder is a recording of two series with everything that happens to one:
// swapped and doubled samples, missing values, short and long gaps.
func disorder(n int) []ingest.Sample {
	rng := rand.New(rand.NewPCG(9, 9))
	var in []ingest.Sample
	for i := range n {
		if i%701 > 680 || i%97 > 94 {
			continue
		}
		for k, name := range []string{"x", "y"} {
			for ch := range 2 {
				s := ingest.Sample{Series: name, Channel: ch, Time: int64(1e18) + int64(i)*1e7,
					Value: 5*float64(k) + math.Sin(float64(i)/(20+10*float64(ch))) + 0.3*rng.NormFloat64()}
				if rng.IntN(50) == 0 {
					s.Missing, s.Value = ingest.Null, 0
				}
				in = append(in, s)
				if rng.IntN(40) == 0 {
					in = append(in, s)
				}
			}
		}
		if m := len(in); m > 20 && rng.IntN(10) == 0 {
			in[m-1], in[m-9] = in[m-9], in[m-1]
		}
	}
	return in
}

func bySeries(records []string) map[string][]string {
	out := map[string][]string{}
	for _, r := range records {
		p, err := sink.ParseRecord([]byte(r))
		if err != nil {
			panic(err)
		}
		out[p.Series] = append(out[p.Series], r)
	}
	return out
}

// TestChunksChangeNothing is promise 4: any cutting of the input into calls
// gives the same records, byte for byte.
func TestChunksChangeNothing(t *testing.T) {
	in := disorder(3000)
	m := testModel(t, 1)
	var want map[string][]string
	for _, chunk := range []int{len(in), 1, 7, 1000} {
		out := &lines{}
		e := testEngine(t, m, out)
		for from := 0; from < len(in); from += chunk {
			if err := e.Push("p", in[from:min(from+chunk, len(in))], 0); err != nil {
				t.Fatal(err)
			}
			e.Run()
		}
		e.Finish()
		got := bySeries(out.records)
		if want == nil {
			want = got
			if len(got["x"]) < 2000 || len(got["x"]) != len(got["y"]) {
				t.Fatalf("%d and %d records: the recording is not what the test thinks", len(got["x"]), len(got["y"]))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("chunks of %d: %.2000s", chunk, d)
		}
		f := e.Fates()
		if f.In() != int64(len(in)) || f[window.Pending] != 0 {
			t.Errorf("chunks of %d: fates %v do not add up to %d", chunk, f, len(in))
		}
	}
}

// TestRestoreContinues restores every series at several points, and checks that
// the records go on as if nothing had happened.
func TestRestoreContinues(t *testing.T) {
	in := disorder(1800)
	m := testModel(t, 1)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.Save(m); err != nil {
		t.Fatal(err)
	}
	whole := &lines{}
	e := testEngine(t, m, whole)
	if err := e.Push("p", in, 0); err != nil {
		t.Fatal(err)
	}
	e.Finish()
	want := bySeries(whole.records)
	for _, cut := range []int{1, 50, 700, 1100, 2001, 2900, len(in) - 3} {
		out := &lines{}
		a := testEngine(t, m, out)
		if err := a.Push("p", in[:cut], 0); err != nil {
			t.Fatal(err)
		}
		a.Run()
		b := testEngine(t, m, out)
		for name, l := range a.lanes {
			r, err := restoreLane(b, "p", name, l.appendState(nil), bank)
			if err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
			b.lanes[name] = r
		}
		if err := b.Push("p", in[cut:], 0); err != nil {
			t.Fatal(err)
		}
		b.Finish()
		if d := cmp.Diff(want, bySeries(out.records)); d != "" {
			t.Fatalf("cut %d: %.3000s", cut, d)
		}
		if f := b.Fates(); f.In() != int64(len(in)) {
			t.Errorf("cut %d: fates %v do not add up to %d", cut, f, len(in))
		}
	}
}

// TestSwitchTakesEffectAtItsRecord decides on a switch and replays it with
// other chunks: the records must agree, score and drift of the rebased monitor
// among them, and the model's name must change where it was decided.
func TestSwitchTakesEffectAtItsRecord(t *testing.T) {
	in := disorder(5000)
	first, second := testModel(t, 1), testModel(t, 2)
	run := func(chunk int, sw *Switch) ([]string, Switch) {
		out := &lines{}
		e := testEngine(t, first, out)
		var decided Switch
		if sw != nil {
			if err := e.Obey("p", *sw); err != nil {
				t.Fatal(err)
			}
		}
		for from := 0; from < len(in); from += chunk {
			if err := e.Push("p", in[from:min(from+chunk, len(in))], 0); err != nil {
				t.Fatal(err)
			}
			e.Run()
			if sw == nil && decided.Model == nil && from > len(in)/2 {
				var ok bool
				if decided, ok = e.Decide(Switch{Series: "x", Model: second, Kind: "model.promoted", Why: "test", Rebase: true}); !ok {
					t.Fatal("the series is unknown")
				}
			}
		}
		e.Finish()
		return bySeries(out.records)["x"], decided
	}
	want, sw := run(10, nil)
	got, _ := run(333, &sw)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%.2000s", d)
	}
	for i, line := range want {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		model := first.Name()
		if int64(i) >= sw.Record {
			model = second.Name()
		}
		if r.Model != model {
			t.Fatalf("record %d was served by %s, want %s (switch at %d)", i, r.Model, model, sw.Record)
		}
	}
}

func TestNothingNonFiniteComesOut(t *testing.T) {
	out := &lines{}
	e := testEngine(t, testModel(t, 1), out)
	for i := range 1000 {
		v := ingest.Sample{Series: "x", Time: int64(i) * 1e7, Value: 1e300 * float64(i%2)}
		if i%10 == 0 {
			v.Missing, v.Value = ingest.NonFinite, 0
		}
		if err := e.Push("p", []ingest.Sample{v}, 0); err != nil {
			t.Fatal(err)
		}
	}
	e.Finish()
	for _, line := range out.records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Values {
			if math.IsInf(v.Clean, 0) || v.Quality == sink.Good && math.IsNaN(v.Clean) {
				t.Fatalf("clean value %g in %s", v.Clean, line)
			}
		}
	}
}

// TestKnownNoise: what is known of a channel's noise is what the net is told, and
// nonsense is refused.
func TestKnownNoise(t *testing.T) {
	tap := &levels{}
	cfg := EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Model: testModel(t, 1), Guard: true, Tap: tap,
		Noise: []Noise{{Sigma: .25, Colour: .8}, {}}, Window: window.Config{RateHz: 1}}
	e, err := NewEngine(cfg, &nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for i := range 600 {
		at := int64(i) * int64(time.Second)
		v := math.Sin(float64(i))
		if err := e.Push("", []ingest.Sample{{Series: "x", Time: at, Value: v}, {Series: "x", Channel: 1, Time: at, Value: v}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	e.Finish()
	last := tap.last
	if want := math.Log10(.25 / last.scales[0].Dev); math.Abs(float64(last.cols[0].Level)-want) > 1e-6 || last.cols[0].Colour != .8 || last.scales[0].Sigma != .25 {
		t.Errorf("the net is told %+v of a scale %+v", last.cols[0], last.scales[0])
	}
	if last.cols[1].Colour != 0 || last.scales[1].Sigma == .25 {
		t.Errorf("of the other channel it is told %+v of a scale %+v", last.cols[1], last.scales[1])
	}
	for _, n := range [][]Noise{{{}}, {{Sigma: -1}, {}}, {{Sigma: math.NaN()}, {}}, {{Colour: .5}, {}}, {{}, {Sigma: 1, Colour: 1}}} {
		cfg.Noise = n
		if _, err := NewEngine(cfg, &nowhere{}); err == nil {
			t.Errorf("%+v is taken", n)
		}
	}
}

// levels is a tap that keeps the latest slot.
type levels struct {
	last struct {
		cols   []model.Column
		scales []window.Scale
	}
}

func (l *levels) Slot(_ string, _ int, _ int64, cols []model.Column, scales []window.Scale, _ string) {
	l.last.cols, l.last.scales = slices.Clone(cols), slices.Clone(scales)
}
func (*levels) Serving(string, *model.Model) {}
func (*levels) Dropped(string)               {}
func (*levels) Opened(string, int64, string) {}
func (*levels) Resolved(string, int64)       {}

// TestFixedScale: a model that brings its scale along but leaves the noise level
// open is told the one of the series.
func TestFixedScale(t *testing.T) {
	m := testModel(t, 1)
	for _, sigma := range []float64{0, .5} {
		h := m.Header()
		h.Scaler = model.Scaler{Kind: model.ScaleFixed, Mean: []float64{10}, Dev: []float64{2}, Sigma: []float64{sigma}}
		fixed, err := model.New(h, m.Net())
		if err != nil {
			t.Fatal(err)
		}
		tap := &levels{}
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: fixed, Tap: tap, Window: window.Config{RateHz: 1}}, &nowhere{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 2000 {
			v := 10 + math.Sin(float64(i)/50) + .2*rng.NormFloat64()
			if err := e.Push("", []ingest.Sample{{Series: "x", Time: int64(i) * int64(time.Second), Value: v}}, 0); err != nil {
				t.Fatal(err)
			}
		}
		e.Finish()
		want := sigma
		if sigma == 0 {
			want = .2
		}
		s := tap.last.scales[0]
		if s.Mean != 10 || s.Dev != 2 || math.Abs(s.Sigma/want-1) > .1 {
			t.Errorf("with a level of %g the scale is %+v", sigma, s)
		}
	}
}

// TestNotWhite: a model for noise that the guard knows nothing of serves, however
// it looks; the same one for white noise, which has not been trained, does not.
func TestNotWhite(t *testing.T) {
	m := testModel(t, 1)
	for _, notWhite := range []bool{false, true} {
		h := m.Header()
		h.NotWhite = notWhite
		own, err := model.New(h, m.Net())
		if err != nil {
			t.Fatal(err)
		}
		out := &methods{count: map[string]int{}}
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: own, Guard: true, Window: window.Config{RateHz: 1}}, out)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 4000 {
			v := math.Sin(float64(i)/50) + .3*rng.NormFloat64()
			if err := e.Push("", []ingest.Sample{{Series: "x", Time: int64(i) * int64(time.Second), Value: v}}, 0); err != nil {
				t.Fatal(err)
			}
			e.Run()
		}
		e.Finish()
		if filters := 4000 - out.count["net"] - out.count["raw"]; (filters > 0) == notWhite {
			t.Errorf("not white %v: served by %v", notWhite, out.count)
		}
	}
}

// methods counts what served.
type methods struct {
	nowhere
	count map[string]int
}

func (m *methods) Record(r *sink.Record) { m.count[r.Values[0].Method]++ }

// TestGuardOfFarAndRaw: a guard stands beside a net that looks further ahead than
// filters do, and beside one that takes raw values, whatever their unit: if they
// are of no use, a filter serves; if they are, they do.
func TestGuardOfFarAndRaw(t *testing.T) {
	const n = 6000
	for _, c := range []struct {
		name      string
		lookahead int
		unit      float64
		useful    bool // the net knows that the signal is ±unit; else it says 0
	}{
		{"far, of no use", 200, 1, false},
		{"far, of use", 200, 1, true},
		{"raw, of no use", 8, 1, false},
		{"raw, of no use in a large unit", 8, 1e-6, false},
		{"raw, of no use in a small unit", 8, 1e6, false},
		{"raw, of use", 8, 1, true},
		{"raw, of use in a large unit", 8, 1e-5, true},
		{"raw, of use in a small unit", 8, 1e5, true},
	} {
		out := &served{}
		var why []guard.Reason
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: deciding(t, c.lookahead, c.unit, c.useful), Guard: true,
			Window: window.Config{RateHz: 1}, Judged: func(_ string, _ int, r guard.Reason) { why = append(why, r) }}, out)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		rng, x := rand.New(rand.NewPCG(1, 1)), 1.
		for i := range n {
			if rng.IntN(40) == 0 {
				x = -x
			}
			v := c.unit * (x + .5*rng.NormFloat64())
			if err := e.Push("", []ingest.Sample{{Series: "x", Time: int64(i) * int64(time.Second), Value: v}}, 0); err != nil {
				t.Fatal(err)
			}
			if i%100 == 0 {
				e.Run()
			}
		}
		e.Finish()
		if len(out.methods) != n || len(why) != n {
			t.Fatalf("%s: %d records, %d reasons", c.name, len(out.methods), len(why))
		}
		last := out.methods[n-1]
		if c.useful != (last == "net") {
			t.Errorf("%s: %s serves at last: %s", c.name, last, why[n-1])
		}
		if want := map[bool]guard.Reason{true: guard.Better, false: guard.Worse}[c.useful]; why[n-1] != want {
			t.Errorf("%s: %s", c.name, why[n-1])
		}
		if half := out.half[n/2]; !(half > 0) {
			t.Errorf("%s: half the interval is %g wide", c.name, half)
		}
	}
}

// deciding is a model on raw values whose net says by nine of them whether it is
// unit or -unit, or always says 0.
func deciding(t *testing.T, lookahead int, unit float64, useful bool) *model.Model {
	t.Helper()
	net, err := nn.New(nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 1, Kernel: 2*lookahead + 1, Pad: [2]int{lookahead, lookahead}},
		{Op: nn.Tanh}, {Op: nn.Conv, Out: 1, Kernel: 1}}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range net.Params() {
		clear(p.Data)
		if i == 0 {
			for k := lookahead - 4; k <= lookahead+4; k++ {
				p.Data[k] = float32(.5 / unit)
			}
		}
		if i == 2 && useful {
			p.Data[0] = float32(unit)
		}
	}
	net.Pack()
	m, err := model.New(model.Header{Name: "deciding", Kind: model.TCN, Inputs: []model.Input{model.Signal}, Scaler: model.Scaler{Kind: model.ScaleNone}}, net)
	if err != nil {
		t.Fatal(err)
	}
	if m.Lookahead() != lookahead {
		t.Fatalf("look-ahead %d", m.Lookahead())
	}
	return m
}

// served keeps the methods and the half widths.
type served struct {
	nowhere
	methods []string
	half    []float64
}

func (s *served) Record(r *sink.Record) {
	v := &r.Values[0]
	s.methods, s.half = append(s.methods, v.Method), append(s.half, v.Hi-v.Clean)
}
