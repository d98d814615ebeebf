package train_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// Windows begin where the scale is known, and hold what the stream would see.
func TestWindows(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	x, lost := make([]float64, 1000), make([]bool, 1000)
	for i := range x {
		x[i] = 20 + math.Sin(float64(i)/30) + .3*rng.NormFloat64()
	}
	lost[300], x[300] = true, x[299]
	windows := train.Windows(m, x, lost, 128)
	if len(windows) != 6 { // of 1000/128 = 7 the first has no scale yet
		t.Fatalf("got %d windows; want 6", len(windows))
	}
	if c := windows[1].Cols[300-256]; !c.Missing {
		t.Error("a lost sample is not marked")
	}
	for _, w := range windows {
		if len(w.Cols) != 128 || w.Channels != 1 {
			t.Fatalf("a window of %d columns, %d channels", len(w.Cols), w.Channels)
		}
		for i, c := range w.Cols {
			if math.Abs(float64(c.X)) > 5 {
				t.Errorf("column %d is %g: not scaled", i, c.X)
			}
		}
	}
}

// The interval is around the estimate, and there is none before the scale.
func TestDenoiseInterval(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	x := make([]float64, 2000)
	for i := range x {
		x[i] = 20 + 2*math.Sin(float64(i)/40) + .5*rng.NormFloat64()
	}
	clean, lo, hi, err := train.DenoiseInterval(m, x, nil, .9)
	if err != nil {
		t.Fatal(err)
	}
	want, err := train.Denoise(m, x, nil)
	if err != nil {
		t.Fatal(err)
	}
	covered := 0
	for i := range x {
		if clean[i] != want[i] {
			t.Fatalf("sample %d is %g; Denoise says %g", i, clean[i], want[i])
		}
		if i < 16 {
			if !math.IsNaN(lo[i]) || !math.IsNaN(hi[i]) {
				t.Fatalf("an interval at sample %d, where no scale is known", i)
			}
		} else if truth := 20 + 2*math.Sin(float64(i)/40); lo[i] <= truth && truth <= hi[i] {
			covered++
		}
	}
	if share := float64(covered) / float64(len(x)-16); share < .7 || share > .999 {
		t.Errorf("90 %% intervals cover %.3f", share)
	}
}
