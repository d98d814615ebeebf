package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// smoothing is a task that a small net can learn: white noise over a slow sine,
// the noise being what is wanted.
type smoothing struct{}

func (smoothing) Example(e *Example, step, i int) {
	const t = 64
	rng := rand.New(rand.NewPCG(uint64(step), uint64(i)))
	e.resize(t, 1, 1)
	phase := 2 * math.Pi * rng.Float64()
	for k := range t {
		n := float32(0.5 * rng.NormFloat64())
		e.X[k] = float32(math.Sin(phase+float64(k)/10)) + n
		e.Y[k], e.W[k] = n, 1
	}
}

func fitted(t *testing.T, cfg FitConfig) (*nn.Net, FitReport) {
	t.Helper()
	net, err := nn.New(nn.TCN(1, 1, 8, 5, []int{1, 2, 4}, -1), 1)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Fit(t.Context(), net, smoothing{}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return net, rep
}

func sameWeights(a, b *nn.Net) bool {
	for i, p := range a.Params() {
		if !slices.Equal(p.Data, b.Params()[i].Data) {
			return false
		}
	}
	return true
}

func TestFitLearns(t *testing.T) {
	_, rep := fitted(t, FitConfig{Steps: 300})
	// The noise has a variance of 0.25, which is what knowing nothing costs.
	if !(rep.Loss < 0.1) {
		t.Errorf("loss %g after %d steps, want below 0.1", rep.Loss, rep.Steps)
	}
}

func TestWorkersChangeNothing(t *testing.T) {
	want, _ := fitted(t, FitConfig{Steps: 25, Workers: 1})
	for _, n := range []int{2, 3, 8, 11} {
		if got, _ := fitted(t, FitConfig{Steps: 25, Workers: n}); !sameWeights(want, got) {
			t.Errorf("%d workers give other weights than one", n)
		}
	}
}

func TestResumeContinues(t *testing.T) {
	want, _ := fitted(t, FitConfig{Steps: 40})
	var half *Snapshot
	fitted(t, FitConfig{Steps: 40, CheckpointEvery: 15, Checkpoint: func(s *Snapshot) error {
		if half == nil {
			half = s
		}
		return nil
	}})
	if half == nil {
		t.Fatal("no snapshot was taken")
	}
	if got, _ := fitted(t, FitConfig{Steps: 40, Resume: half}); !sameWeights(want, got) {
		t.Error("a resumed run gives other weights than an uninterrupted one")
	}
}

// TestAdamFollowsItsFormula compares three steps on one weight with the update
// written out (Loshchilov and Hutter 2019, algorithm 2).
func TestAdamFollowsItsFormula(t *testing.T) {
	p := [][]float32{{1}}
	a := NewAdam(p)
	a.Decay = 0.1
	w, m, v := 1.0, 0.0, 0.0
	for step, g := range []float64{0.5, -2, 0.25} {
		a.Step(p, [][]float32{{float32(g)}}, 0.01, 0.9)
		m, v = 0.9*m+0.1*g, 0.999*v+0.001*g*g
		k := float64(step + 1)
		w -= 0.01 * 0.1 * w
		w -= 0.01 * (m / (1 - math.Pow(0.9, k))) / (math.Sqrt(v/(1-math.Pow(0.999, k))) + 1e-8)
		if got := float64(p[0][0]); math.Abs(got-w) > 1e-6 {
			t.Errorf("step %d: weight %g, want %g", step, got, w)
		}
	}
}

func TestOneCycleEnds(t *testing.T) {
	o := OneCycle{Peak: 1, Steps: 101}
	first, b0 := o.At(0)
	last, b1 := o.At(100)
	best := 0.0
	for i := range 101 {
		lr, _ := o.At(i)
		best = max(best, lr)
	}
	for _, c := range []struct{ got, want float64 }{{first, 1.0 / 25}, {best, 1}, {last, 1.0 / 25 / 1e4}, {b0, .95}, {b1, .95}} {
		if math.Abs(c.got-c.want) > 1e-3*c.want {
			t.Errorf("got %g, want %g", c.got, c.want)
		}
	}
}
