package pipeline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// TestBlindSpotGuard: the second run of a blind-spot model measures the derivative
// of the whole map. One whose net says N(0, 1) of every slot has that of the
// posterior alone, 1/(1+σ²), and fills a missing slot with the mean.
func TestBlindSpotGuard(t *testing.T) {
	net, err := nn.New(nn.BlindSpot(3, 2, 4, 2, []int{1, 2}, 2), 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Header{Name: "blind", Kind: model.BlindSpot, Spread: true, Scaler: model.Scaler{Kind: model.ScaleRunning},
		Inputs: []model.Input{model.Reading, model.Level, model.Mask}}, net)
	if err != nil {
		t.Fatal(err)
	}
	out := &blindOut{t: t}
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: m, Guard: true, Window: window.Config{RateHz: 1}}, out)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	out.engine = e
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 3000 {
		s := ingest.Sample{Series: "x", Time: int64(i) * int64(time.Second), Value: 5 + 2*math.Sin(float64(i)/50) + .7*rng.NormFloat64()}
		if i%50 == 49 {
			s.Missing = ingest.NonFinite
		}
		if err := e.Push("", []ingest.Sample{s}, 0); err != nil {
			t.Fatal(err)
		}
		e.Run()
	}
	e.Finish()
	if out.measured < 1500 || out.filled < 40 {
		t.Errorf("%d derivatives measured, %d slots filled", out.measured, out.filled)
	}
}

// blindOut compares what the lane hands its guard with what it must be.
type blindOut struct {
	nowhere
	t                *testing.T
	engine           *Engine
	measured, filled int
}

func (o *blindOut) Record(r *sink.Record) {
	l, v := o.engine.lanes["x"], &r.Values[0]
	if l == nil || l.guard == nil || !l.estimates[0].known {
		return
	}
	g := l.guard.values[0]
	if v.Raw-v.Raw != 0 {
		o.filled++
		if g.Own-g.Own == 0 {
			o.t.Fatalf("a missing slot has a derivative of %g", g.Own)
		}
		return
	}
	if g.Own-g.Own != 0 {
		return
	}
	sigma := math.Pow(10, float64(l.levelsY[0].value))
	o.measured++
	if want := 1 / (1 + sigma*sigma); math.Abs(g.Own-want) > 2e-3*want {
		o.t.Fatalf("the derivative is measured as %.5f, want %.5f", g.Own, want)
	}
	if want := sigma / math.Sqrt(1+sigma*sigma); math.Abs(g.Spread/(want*g.Sigma/sigma)-1) > 1e-3 {
		o.t.Fatalf("the deviation is %.5f, want %.5f", g.Spread, want*g.Sigma/sigma)
	}
}
