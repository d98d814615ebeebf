package floor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/internal/floor/floortest"
)

func drifting(t int) float64 { return 3*math.Sin(float64(t)/90) + float64(t)/500 }

// What the spectrum allows σ² to be, in the σ² it is told, of one long recording and of
// short windows.
func TestFloor(t *testing.T) {
	const n = 12_000
	x := floortest.Vibration(n)
	for name, c := range map[string]struct {
		clean  func(t int) float64
		told   float64
		lost   float64
		lo, hi float64
	}{
		"noise alone":               {func(int) float64 { return 0 }, 1, 0, .93, 1},
		"a signal far above it":     {func(t int) float64 { return 1000 * math.Sin(float64(t)/60) }, 1, 0, .93, 1},
		"σ̂ too large":              {drifting, 2, 0, .23, .28},
		"σ̂ too small":              {drifting, .5, 0, 1, 1},
		"resonances":                {func(t int) float64 { return x[t] }, 3, 0, .11, .14},
		"few readings missing":      {drifting, 2, .02, .23, .28},
		"too many readings missing": {drifting, 2, .2, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			y := make([]float64, n)
			for i := range y {
				y[i] = c.clean(i) + rng.NormFloat64()
				if rng.Float64() < c.lost {
					y[i] = math.NaN()
				}
			}
			for _, block := range []int{512, 256} {
				var f Floor
				s := NewSpectra(block)
				for from := 0; from+block <= n; from += block / 2 {
					f.Add(s, y[from:from+block], c.told*c.told, 1-1/128.)
				}
				if share := f.Share(s); !(share >= c.lo && share <= c.hi) {
					t.Errorf("blocks of %d: σ² is %.3f of σ̂², want %g to %g", block, share, c.lo, c.hi)
				}
			}
		})
	}
}

// Of a handful of windows the floor of white noise is, in the mean, hardly below it, and
// that of a rough signal far below what the fastest changes say.
func TestFloorOfFewWindows(t *testing.T) {
	const windows, length, runs = 4, 256, 200
	x := floortest.Vibration(runs * windows * length)
	rng := rand.New(rand.NewPCG(3, 4))
	s := NewSpectra(length)
	white, rough := 0.0, 0.0
	for run := range runs {
		var a, b Floor
		for w := range windows {
			noise, both := make([]float64, length), make([]float64, length)
			for i := range noise {
				noise[i] = rng.NormFloat64()
				both[i] = x[(run*windows+w)*length+i] + noise[i]
			}
			a.Add(s, noise, 1, 1)
			b.Add(s, both, 9, 1)
		}
		white, rough = white+a.Share(s)/runs, rough+9*b.Share(s)/runs
	}
	if white < .9 {
		t.Errorf("white noise is taken for %.2f of itself", white)
	}
	if rough < .8 || rough > 1.5 {
		t.Errorf("the noise of a rough signal is taken for %.2f of itself", rough)
	}
}

// The largest readings there are leave it a number.
func TestFloorOfWildReadings(t *testing.T) {
	var f Floor
	s, y := NewSpectra(512), make([]float64, 512)
	for i := range y {
		y[i] = math.MaxFloat64 / 4 * float64(1-2*(i%2))
	}
	for range 100 {
		f.Add(s, y, 1e-300, .98)
	}
	if share := f.Share(s); share != 1 {
		t.Errorf("σ² is %g of σ̂²", share)
	}
	clear(y)
	for range 3000 {
		f.Add(s, y, 1, .98)
	}
	if share := f.Share(s); share-share != 0 {
		t.Errorf("σ² is %g of σ̂² after readings that stand still", share)
	}
}

// Readings so small that the square of their noise is 0 leave no mark on those that come
// later.
func TestFloorOfNothing(t *testing.T) {
	var f Floor
	s, y := NewSpectra(512), make([]float64, 512)
	for _, sigma := range []float64{1e-170, 0, math.NaN()} {
		for i := range y {
			y[i] = float64(i%7) * 1e-170
		}
		f.Add(s, y, sigma*sigma, 1)
	}
	if f != (Floor{}) || f.Share(s) != 1 {
		t.Errorf("%v, σ² is %v of σ̂², want none and 1", f, f.Share(s))
	}
}
