package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// boxOf is a model that takes the mean of so many readings around each.
func boxOf(t *testing.T, width int) *model.Model {
	t.Helper()
	net, err := nn.New(nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 1, Kernel: width, Pad: [2]int{width / 2, width - 1 - width/2}}}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] = 0
			if len(p.Data) == width {
				p.Data[i] = 1 / float32(width)
			}
		}
	}
	m, err := model.New(model.Header{Name: "average", Kind: model.TCN, Inputs: []model.Input{model.Signal}, Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// boxError returns the error of that against the truth, on the noise of recorruptions.
func boxError(width int, clean func(i int) float64) float64 {
	bias := 0.0
	const n = 4000
	for i := range n {
		sum := 0.0
		for k := range width {
			sum += clean(i + k - width/2)
		}
		d := sum/float64(width) - clean(i)
		bias += d * d / n
	}
	return bias + (1+recorruptAlpha*recorruptAlpha)/float64(width)
}

// A gain is told where both errors are too small to be told from none, and where the
// noise level is off; and never another one with the models in each other's place.
func TestCompareSmallErrors(t *testing.T) {
	clean := func(i int) float64 { return 3 * math.Sin(float64(i)/60) }
	narrow, wide := boxOf(t, 11), boxOf(t, 17)
	want := 10 * math.Log10(boxError(11, clean)/boxError(17, clean))
	if want < 1 || boxError(11, clean) > .12 {
		t.Fatalf("%.2f dB between errors of %.3f and %.3f", want, boxError(11, clean), boxError(17, clean))
	}
	for _, c := range []struct{ told, least, most float64 }{ // of the noise's deviation; shares of the gain
		{.97, .5, 1}, // told too low, an error looks larger than it is, and a gain in dB smaller
		{1, .8, 1.1},
		{1.05, .8, 1.1},
		{1.1, .8, 1.2},
	} {
		told := c.told
		rng := rand.New(rand.NewPCG(1, 2))
		var windows []Evidence
		for k := range 12 {
			w := Evidence{Window: Window{Channels: 1}, From: 32, To: 224, Seed: [2]uint64{uint64(k), 3}}
			for i := range 256 {
				w.Cols = append(w.Cols, model.Column{X: float32(clean(256*k+i) + rng.NormFloat64())})
				w.Sigma = append(w.Sigma, told)
			}
			windows = append(windows, w)
		}
		there, err := Compare(narrow, wide, windows, CompareConfig{Draws: 12})
		if err != nil {
			t.Fatal(err)
		}
		back, err := Compare(wide, narrow, windows, CompareConfig{Draws: 12})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%.2f of the noise level: an error of %.3f, of which %.3f passed, %.2f dB of %.2f", told, there.Error, there.Passed, there.DB(), want)
		if share := there.DB() / want; share < c.least || share > c.most {
			t.Errorf("%.2f of the noise level: %.2f dB, in truth %.2f", told, there.DB(), want)
		}
		if p := 1.25 / 11; math.Abs(there.Passed-p) > .1*p || there.Passed != back.OtherPassed {
			t.Errorf("%.3f of the noise pass, or %.3f, not %.3f", there.Passed, back.OtherPassed, p)
		}
		if math.Abs(there.DB()+back.DB()) > 1e-9 {
			t.Errorf("%.3f dB there and %.3f back", there.DB(), back.DB())
		}
	}
}

func TestCompareFloors(t *testing.T) {
	for _, c := range []struct {
		c    Comparison
		want float64
	}{
		{Comparison{Error: .2, Gain: []float64{.1}, Passed: .01, OtherPassed: .01}, 10 * math.Log10(2)},
		{Comparison{Error: -.3, Gain: []float64{.1}, Passed: .2, OtherPassed: .05}, 10 * math.Log10(2)},   // the champion's share is the floor
		{Comparison{Error: -.3, Gain: []float64{-.1}, Passed: .1, OtherPassed: .05}, -10 * math.Log10(2)}, // and here
		{Comparison{Error: .05, Gain: []float64{.1}, Passed: .01, OtherPassed: .1}, 10 * math.Log10(2)},   // the challenger's
		{Comparison{Error: -.3, Gain: []float64{0}}, 0},
		{Comparison{Error: -.3, Gain: []float64{.1}}, 10 * math.Log10(.101/.001)},
		{Comparison{Error: -.3, Gain: []float64{-.1}}, -10 * math.Log10(.101/.001)},
	} {
		if got := c.c.DB(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v: %.3f dB, want %.3f", c.c, got, c.want)
		}
	}
	var none Comparison
	if !math.IsNaN(none.DB()) {
		t.Error("nothing was judged")
	}
}

// On a signal that a model makes the errors are those against it, on noise of the level told.
func TestCompareOn(t *testing.T) {
	narrow, wide, on := boxOf(t, 5), boxOf(t, 9), boxOf(t, 3)
	rng := rand.New(rand.NewPCG(1, 2))
	var windows []Evidence
	for k := range 12 {
		w := Evidence{Window: Window{Channels: 1}, From: 32, To: 224, Seed: [2]uint64{uint64(k), 3}}
		for range 256 {
			w.Cols = append(w.Cols, model.Column{X: float32(rng.NormFloat64())})
			w.Sigma = append(w.Sigma, .5)
		}
		w.Cols[100].Missing = true
		windows = append(windows, w)
	}
	before := slices.Clone(windows[0].Cols)
	c, err := Compare(narrow, wide, windows, CompareConfig{Draws: 8, On: on})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, windows[0].Cols) {
		t.Error("the window is another one afterwards")
	}
	// What a mean of w makes of white noise that a mean of three has been through is off from
	// that by 1/3 - 2/w + (the squared taps of both, one after the other).
	want := func(w float64) float64 { return (1./3-2/w+(3*w-8./3)/(3*w*w))/.25 + 1/w }
	if got, want := c.Error, want(5); math.Abs(got-want) > .1*want {
		t.Errorf("an error of %.3f, want %.3f", got, want)
	}
	if got, want := c.DB(), 10*math.Log10(want(5)/want(9)); math.Abs(got-want) > .1*math.Abs(want) {
		t.Errorf("%.2f dB, want %.2f", got, want)
	}
	again, err := Compare(narrow, wide, windows, CompareConfig{Draws: 8, On: on})
	if err != nil || again.DB() != c.DB() {
		t.Errorf("asked again %.3f dB, then %.3f: %v", again.DB(), c.DB(), err)
	}
}
