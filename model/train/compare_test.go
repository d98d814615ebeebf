package train

import (
	"math"
	"math/rand/v2"
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
	for _, told := range []float64{.97, 1, 1.05, 1.1} { // of the noise's deviation
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
		if math.Abs(there.DB()-want) > .4*want {
			t.Errorf("%.2f of the noise level: %.2f dB, in truth %.2f", told, there.DB(), want)
		}
		if p := 1.25 / 11; math.Abs(there.Passed-p) > .1*p || there.Passed != back.OtherPassed {
			t.Errorf("%.3f of the noise pass, or %.3f, not %.3f", there.Passed, back.OtherPassed, p)
		}
		if math.Abs(there.DB()+back.DB()) > 1e-9 {
			t.Errorf("%.3f dB there and %.3f back", there.DB(), back.DB())
		}
		if least := there.DBAtLeast(2); !(least < there.DB() && least > 0) {
			t.Errorf("%.2f dB, at least %.2f", there.DB(), least)
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
	if !math.IsNaN(none.DB()) || !math.IsNaN(none.DBAtLeast(1)) {
		t.Error("nothing was judged")
	}
	if one := (Comparison{Gain: []float64{1}}); !math.IsInf(one.DBAtLeast(1), -1) {
		t.Errorf("of one piece %.2f dB are sure", one.DBAtLeast(1))
	}
}
