package adapt

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/replay"
)

// rattle is the vibration of a machine, noise through a resonance in the fastest octave, which
// the finest details take for noise.
func rattle() signal {
	rng := rand.New(rand.NewPCG(2, 6))
	x := make([]float64, 1<<15)
	a, b := 0.0, 0.0
	for i := range x {
		const r = .95
		a, b = 2*r*math.Cos(2*math.Pi*.35)*a-r*r*b+rng.NormFloat64(), a
		x[i] = 30 + sigma*a
	}
	return func(t int) float64 { return x[t%len(x)] }
}

// The noise level of windows of a rough signal is that of the noise, and where there are too few
// for a spectrum what they were served with, if that does not lag.
func TestNoiseOfRoughSignal(t *testing.T) {
	ws := inARow(t, rattle(), 16, 4)
	details := sigmaOf(ws[15])[0]
	if details < 2*sigma {
		t.Fatalf("the details have %.2f σ, too little for this test", details/sigma)
	}
	for name, c := range map[string]struct {
		ws     []*replay.Window
		served bool
		lo, hi float64
	}{
		"eight":                                  {ws[8:], false, .85, 1.3},
		"two":                                    {ws[14:], false, 2, 5},
		"two, by their scales":                   {ws[14:], true, .85, 1.3},
		"the first, whose scale knows no better": {ws[:2], true, 2, 5},
	} {
		if got := sigmas(c.ws, c.served)["x"][0] / sigma; got < c.lo || got > c.hi {
			t.Errorf("%s windows: %.2f σ, want %g to %g", name, got, c.lo, c.hi)
		}
	}
	plain := inARow(t, slow, 16, 4)
	if got, want := sigmas(plain[8:], true)["x"][0], pooled(plain[8:]); got != want {
		t.Errorf("a level of %g where nothing is rough, the details have %g", got, want)
	}
}

func pooled(ws []*replay.Window) float64 {
	sum := 0.0
	for _, w := range ws {
		s := sigmaOf(w)[0]
		sum += s * s
	}
	return math.Sqrt(sum / float64(len(ws)))
}

// A signal in the second octave does not make white noise coloured, and coloured noise stays so beside it.
func TestSignalIsNoColour(t *testing.T) {
	hum := func(t int) float64 { return 30 + 6*math.Sin(float64(t)) }
	if why := coloured(inARow(t, hum, 16, 4), (&Config{}).name); why != "" {
		t.Errorf("white noise beside a hum: %s", why)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	ar := 0.0
	red := func(t int) float64 {
		ar = .8*ar + 3*rng.NormFloat64()
		return hum(t) + ar
	}
	if why := coloured(inARow(t, red, 16, 4), (&Config{}).name); why == "" {
		t.Error("coloured noise beside a hum passes as white")
	}
}
