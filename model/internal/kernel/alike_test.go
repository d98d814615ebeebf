package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every tier gives the bits of the definitions, inside its slices, for any length.
func TestAlike(t *testing.T) { eachTier(t, testAlike) }

func testAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	for n := range 70 {
		a, allA := guarded(rng, n)
		b, allB := guarded(rng, n)
		d, allD := guarded(rng, n)
		x, y := float32(rng.NormFloat64()), float32(rng.NormFloat64())
		want := append([]float32(nil), d...)
		exchangeGeneric(want, a, b, x, y)
		Exchange(d, a, b, x, y)
		for i := range d {
			if math.Float32bits(d[i]) != math.Float32bits(want[i]) {
				t.Fatalf("Exchange of %d: value %d is %v, want %v", n, i, d[i], want[i])
			}
		}
		var lanes [4][8]float32
		weighGeneric(&lanes, d, a, -.5, .7)
		got := Weigh(d, a, -.5, .7)
		var all [4]float64
		for k := range lanes {
			for _, v := range lanes[k] {
				all[k] += float64(v)
			}
		}
		for k, v := range [...]float32{got.W, got.W2, got.WY, got.WU} {
			if math.Abs(float64(v)-all[k]) > 1e-5*(1+math.Abs(all[k])) {
				t.Fatalf("Weigh of %d: sum %d is %v, want %v", n, k, v, all[k])
			}
		}
		swaps := [3]Swap{{A: a, B: b, X: x, Y: y}, {A: b, B: a, X: y, Y: x}, {A: a, B: a, X: .5, Y: -.5}}
		both := append([]float32(nil), d...)
		sums := ExchangeWeigh(both, &swaps, b, -.5, .7)
		for k := range swaps {
			exchangeGeneric(want, swaps[k].A, swaps[k].B, swaps[k].X, swaps[k].Y)
		}
		if !slices.Equal(both, want) || sums != Weigh(want, b, -.5, .7) {
			t.Fatalf("ExchangeWeigh of %d: not what its parts give", n)
		}
		var direct [4]float64 // by the formula
		for i, v := range d {
			u := max(0, (float64(v)+.5)*.7)
			w := math.Pow(max(0, 1-u), 4)
			for k, f := range [...]float64{1, w, float64(a[i]), u} {
				direct[k] += w * f
			}
		}
		for k := range direct {
			if math.Abs(direct[k]-all[k]) > 1e-4*(1+math.Abs(direct[k])) {
				t.Fatalf("Weigh of %d: sum %d is %v, the formula says %v", n, k, all[k], direct[k])
			}
		}
		intact(t, "d", allD)
		intact(t, "a", allA)
		intact(t, "b", allB)
	}
}

// What ExchangeWeigh leaves out is of no weight, however near its edge, and what is far
// beyond it, were it infinite, adds nothing to what is near.
func TestExchangeWeighEdge(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		y := make([]float32, 128)
		for i := range y {
			y[i] = float32(1 + i)
		}
		for _, base := range []float32{0, -3, 1e-30, .7, 3e6, 1e30} {
			for _, scale := range []float32{1e-30, 1e-3, .9, 3e5, 1e30} {
				d := make([]float32, len(y))
				v := base + 1/scale
				for range len(d) / 2 {
					v = math.Nextafter32(v, float32(math.Inf(-1)))
				}
				for i := range d { // each in a vector whose others are of no weight
					for k := range d {
						d[k] = math.MaxFloat32
					}
					d[i] = v
					v = math.Nextafter32(v, float32(math.Inf(1)))
					var lanes [4][8]float32
					weighGeneric(&lanes, d, y, base, scale)
					want := weighed(&lanes)
					got := ExchangeWeigh(d, &[3]Swap{{A: y, B: y}, {A: y, B: y}, {A: y, B: y}}, y, base, scale)
					if alone := Weigh(d, y, base, scale); got != want || alone != want {
						t.Fatalf("base %g, scale %g, value %d, %g: %+v, and Weigh %+v, want %+v", base, scale, i, d[i], got, alone, want)
					}
				}
			}
		}
	})
}

// The tiers agree bit for bit.
func TestAlikeBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 9))
	d, _ := guarded(rng, 1003)
	y, _ := guarded(rng, 1003)
	var first *Weighed
	eachTier(t, func(t *testing.T) {
		got := Weigh(d, y, -1, .3)
		if first == nil {
			first = &got
		}
		if got != *first {
			t.Errorf("%+v, in another tier %+v", got, *first)
		}
	})
}

// Distances give in every tier what the definition says, inside their slices.
func TestDistances(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 9))
		for n := range 80 {
			x, allX := guarded(rng, 1+rng.IntN(9))
			a, allA := guarded(rng, n+len(x)-1)
			d, allD := guarded(rng, n)
			want := append([]float32(nil), d...)
			for i := range want {
				for k := len(x) - 1; k >= 0; k-- {
					e := x[k] - a[i+k]
					want[i] += float32(e * e)
				}
			}
			if Distances(d, a, x); !slices.Equal(d, want) {
				t.Fatalf("%d sums over %d values: %v, want %v", n, len(x), d, want)
			}
			intact(t, "d", allD)
			intact(t, "a", allA)
			intact(t, "x", allX)
		}
	})
}

// BenchmarkExchangeWeigh takes as many lags as a memory of 2048 has: none of them of any
// weight, and as many as a signal of some eight cycles gives.
func BenchmarkExchangeWeigh(b *testing.B) {
	const lags, period = 2016, 250
	rng := rand.New(rand.NewPCG(5, 9))
	past := make([]float32, lags+64)
	for i := range past {
		past[i] = float32(rng.NormFloat64())
	}
	for _, near := range []int{0, 10} {
		d := make([]float32, lags)
		for i := range d {
			if d[i] = 5; i%period < near {
				d[i] = .5
			}
		}
		swaps := [3]Swap{{A: past[9:], B: past[41:], X: 1, Y: 1}, {A: past[32:], B: past[24:], X: 1, Y: 1}, {A: past[23:], B: past[15:], X: 1, Y: 1}}
		for k := range swaps {
			swaps[k].B = swaps[k].A // d stays where it is
		}
		b.Run(fmt.Sprintf("near=%d", near), func(b *testing.B) {
			for b.Loop() {
				ExchangeWeigh(d, &swaps, past[24:], 0, 1)
			}
		})
	}
}
