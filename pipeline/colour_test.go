package pipeline

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

const (
	trueSigma = .3
	trueRho   = .9
)

// beats are pulses, and the same with AR(1) noise from a sample on and white noise before
// it.
func beats(n, from int) (clean, noisy []float64) {
	rng := rand.New(rand.NewPCG(3, 3))
	clean, noisy = make([]float64, n), make([]float64, n)
	z := rng.NormFloat64()
	for i := range clean {
		d := float64(i%300-150) / 12
		clean[i] = 4 * math.Exp(-d*d/2)
		fresh := rng.NormFloat64()
		if z = trueRho*z + math.Sqrt(1-trueRho*trueRho)*fresh; i >= from {
			noisy[i] = clean[i] + trueSigma*z
		} else {
			noisy[i] = clean[i] + trueSigma*fresh
		}
	}
	return clean, noisy
}

// colourEngine returns an engine of the base model.
func colourEngine(t *testing.T, known []Noise, tap Tap, out Out) *Engine {
	t.Helper()
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: m, Guard: true, Noise: known, Tap: tap,
		Window: window.Config{RateHz: 100}}, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// feed pushes readings, NaN being a missing one, from a slot on.
func feed(t *testing.T, e *Engine, x []float64, from int) {
	t.Helper()
	for i, v := range x {
		s := ingest.Sample{Series: "x", Time: int64(1e18) + int64(from+i)*1e7, Value: v}
		if math.IsNaN(v) {
			s.Missing, s.Value = ingest.Null, 0
		}
		if err := e.Push("p", []ingest.Sample{s}, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func parsed(t *testing.T, records []string) []sink.Record {
	t.Helper()
	rs := make([]sink.Record, len(records))
	for i, line := range records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		rs[i] = *r
	}
	return rs
}

// TestColourIsToldToTheNet: noise that is found to be coloured is estimated, the
// net is told and gains by it, and records and events say so. Before, nothing is told.
func TestColourIsToldToTheNet(t *testing.T) {
	const n, from = 24000, 8000
	clean, noisy := beats(n, from)
	out, tap := &lines{}, &levels{}
	e := colourEngine(t, nil, tap, out)
	feed(t, e, noisy, 0)
	e.Finish()
	before, after, told := 0.0, 0.0, 0
	for i, r := range parsed(t, out.records) {
		v := r.Values[0]
		switch flags := v.Flags & (sink.ColouredNoise | sink.ColourEstimated); {
		case i < from && flags != 0:
			t.Fatalf("slot %d, in white noise, has flags %v", i, v.Flags)
		case flags == sink.ColouredNoise && told > 0:
			t.Fatalf("slot %d: the noise is coloured, and the net is not told any more", i)
		case flags == sink.ColouredNoise: // not yet sure enough
		case flags != 0:
			told++
			before += (noisy[i] - clean[i]) * (noisy[i] - clean[i])
			after += (v.Clean - clean[i]) * (v.Clean - clean[i])
			if v.Method != "net" {
				t.Fatalf("slot %d: served by %s", i, v.Method)
			}
		}
	}
	if gain := 10 * math.Log10(before/after); told < 2000 || gain < 1.5 {
		t.Errorf("told at %d slots, where %.2f dB are gained; want 2000 and 1.5", told, gain)
	}
	c, sigma := tap.last.cols[0], tap.last.scales[0].Dev*math.Pow(10, float64(tap.last.cols[0].Level))
	if math.Abs(float64(c.Colour)-trueRho) > .05 || math.Abs(sigma/trueSigma-1) > .3 {
		t.Errorf("the net is told an autocorrelation of %.3f and a deviation of %.3f, which are %g and %g", c.Colour, sigma, trueRho, trueSigma)
	}
	if tap.last.scales[0].Sigma > .6*trueSigma {
		t.Errorf("adaptation is told a deviation of %.3f: the scaler cannot know of slow noise", tap.last.scales[0].Sigma)
	}
	if len(out.events) != 2 || !strings.HasPrefix(out.events[0], "noise.colour a: the noise is taken to be coloured; what served") ||
		!strings.HasPrefix(out.events[1], "noise.colour a: the noise is taken to be coloured, with an estimated deviation of 0.") {
		t.Errorf("events %q", out.events)
	}
}

// TestColourOfWhiteNoise: nothing changes by a test that finds nothing.
func TestColourOfWhiteNoise(t *testing.T) {
	_, noisy := beats(12000, math.MaxInt)
	out, tap := &lines{}, &levels{}
	e := colourEngine(t, nil, tap, out)
	feed(t, e, noisy, 0)
	e.Finish()
	if c := tap.last.cols[0]; c.Colour != 0 || len(out.events) != 0 {
		t.Errorf("the net is told an autocorrelation of %g; events %q", c.Colour, out.events)
	}
	if math.Abs(math.Pow(10, float64(tap.last.cols[0].Level))*tap.last.scales[0].Dev/tap.last.scales[0].Sigma-1) > 1e-5 {
		t.Errorf("the net is told %+v of a scale %+v", tap.last.cols[0], tap.last.scales[0])
	}
}

// TestColourThatTheUserKnows: an estimate gives way.
func TestColourThatTheUserKnows(t *testing.T) {
	_, noisy := beats(12000, 0)
	for _, known := range []Noise{{Sigma: .2, Colour: .5}, {Sigma: .2}} {
		out, tap := &lines{}, &levels{}
		e := colourEngine(t, []Noise{known}, tap, out)
		feed(t, e, noisy, 0)
		e.Finish()
		c, s := tap.last.cols[0], tap.last.scales[0]
		if float64(c.Colour) != known.Colour || s.Sigma != known.Sigma || math.Abs(float64(c.Level)-math.Log10(known.Sigma/s.Dev)) > 1e-6 {
			t.Errorf("known %+v: the net is told %+v of a scale %+v", known, c, s)
		}
		if f := parsed(t, out.records)[9000].Values[0].Flags; f != sink.ColouredNoise {
			t.Errorf("known %+v: flags %v, want coloured_noise alone", known, f)
		}
	}
}

// TestColourSurvives: the same records with a restart at any slot, with missing
// readings and long gaps among them.
func TestColourSurvives(t *testing.T) {
	const n = 14000
	_, noisy := beats(n, 0)
	for i := range noisy {
		if i%97 == 5 || i/128 == 20 {
			noisy[i] = nan
		}
	}
	want := &lines{}
	e := colourEngine(t, nil, nil, want)
	feed(t, e, noisy, 0)
	e.Finish()
	if f := parsed(t, want.records)[n-1].Values[0].Flags; f&sink.ColourEstimated == 0 {
		t.Fatalf("flags at the end are %v: the recording is not what the test thinks", f)
	}
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.Save(e.cfg.Model); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{700, 3100, 8000, 13333} {
		got := &lines{}
		a := colourEngine(t, nil, nil, got)
		feed(t, a, noisy[:at], 0)
		a.Run()
		state := a.lanes["x"].appendState(nil)
		b := colourEngine(t, nil, nil, got)
		l, err := restoreLane(b, "p", "x", state, bank)
		if err != nil {
			t.Fatal(err)
		}
		b.lanes["x"] = l
		feed(t, b, noisy[at:], at)
		b.Finish()
		if d := cmp.Diff(want.records, got.records); d != "" {
			t.Errorf("restart at %d:\n%.600s", at, d)
		}
		if d := cmp.Diff(want.events, got.events); d != "" {
			t.Errorf("restart at %d: events\n%s", at, d)
		}
	}
}
