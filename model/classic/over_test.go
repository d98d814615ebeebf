package classic

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Over gives the bits of Push and Finish, of every filter of the grids, wherever the
// stretch lies, with and without gaps.
func TestOverIsTheStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 5))
	const all = 900
	clean, gappy := make([]float64, all), make([]float64, all)
	for i := range clean {
		clean[i] = 1e3 + 20*math.Sin(float64(i)/30) + rng.NormFloat64()
		if gappy[i] = clean[i]; rng.IntN(9) == 0 {
			gappy[i] = math.NaN()
		}
	}
	for _, lookahead := range []int{0, 8, 126} {
		for _, p := range gridFilters(clean, lookahead) {
			f, err := NewFilter(p)
			if err != nil {
				t.Fatal(err)
			}
			var scratch []float64
			for _, c := range []struct {
				x       []float64
				from, n int
			}{{clean, 256, 512}, {clean, 256, 644}, {clean, 0, 100}, {clean[:30], 3, 20}, {gappy, 256, 512}, {clean[:776], 256, 512}} {
				var want []float64
				for _, x := range c.x {
					if y, ok := f.Push(x); ok {
						want = append(want, y)
					}
				}
				want = f.Finish(want)[c.from:][:c.n]
				scratch = Over(scratch, f, c.x, c.from, c.n)
				for i, y := range scratch {
					if math.Float64bits(y) != math.Float64bits(want[i]) {
						t.Fatalf("%v, %d of %d from %d: value %d is %v, want %v", p, c.n, len(c.x), c.from, i, y, want[i])
					}
				}
			}
		}
	}
}

// gridFilters returns the settings of the grids that run on a stream.
func gridFilters(x []float64, lookahead int) (all []Params) {
	for _, f := range FamiliesAt(lookahead) {
		for _, p := range f.Grid {
			if f.LearnBlind != nil {
				p = f.LearnBlind(x, 1, p)
			}
			all = append(all, p)
		}
	}
	return append(all, Params{Family: IdentityName})
}

func BenchmarkOver(b *testing.B) {
	rng := rand.New(rand.NewPCG(2, 5))
	x := make([]float64, 776)
	for i := range x {
		x[i] = 20*math.Sin(float64(i)/30) + rng.NormFloat64()
	}
	for _, fam := range FamiliesAt(8) {
		b.Run("family="+fam.Name, func(b *testing.B) {
			var filters []Filter
			for _, p := range fam.Grid {
				if fam.LearnBlind != nil {
					p = fam.LearnBlind(x, 1, p)
				}
				f, err := NewFilter(p)
				if err != nil {
					b.Fatal(err)
				}
				filters = append(filters, f)
			}
			var scratch []float64
			b.ReportAllocs()
			for b.Loop() {
				for _, f := range filters {
					scratch = Over(scratch, f, x, 256, 512)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*len(filters)), "us_per_filter")
		})
	}
}
