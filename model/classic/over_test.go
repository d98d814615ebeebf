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

// What MedianOver says lies next to a median does, among values some of which are equal.
func TestMedianOver(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 5))
	x := make([]float64, 300)
	for i := range x {
		if x[i] = math.Round(3 * rng.NormFloat64()); i%3 == 0 {
			x[i] = rng.NormFloat64()
		}
	}
	x[7], x[8], x[9] = 1, 1, 1 // a window of nothing else
	const from, n = 30, 250
	for _, p := range []Params{{Family: MedianName, Window: 3, Lookahead: 1}, {Family: MedianName, Window: 4, Lookahead: 0}, {Family: MedianName, Window: 21, Lookahead: 8}} {
		f, err := NewFilter(p)
		if err != nil {
			t.Fatal(err)
		}
		want := append([]float64(nil), Over(nil, f, x, from, n)...)
		mid, below, above, ok := MedianOver(nil, f, x, from, n)
		if !ok {
			t.Fatalf("%v: refused", p)
		}
		for i, m := range mid {
			last := from + i + p.Lookahead
			lo, hi := math.Inf(-1), math.Inf(1)
			for _, v := range x[last-p.Window+1 : last+1] {
				if v < m {
					lo = max(lo, v)
				}
				if v > m {
					hi = min(hi, v)
				}
			}
			if m != want[i] || below[i] != lo || above[i] != hi {
				t.Fatalf("%v: median %d is %g beside %g and %g, want %g beside %g and %g", p, i, m, below[i], above[i], want[i], lo, hi)
			}
		}
		gap := append([]float64(nil), x...)
		gap[100] = math.NaN()
		other, err := NewFilter(Params{Family: IdentityName})
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			f    Filter
			x    []float64
			from int
		}{"a gap": {f, gap, from}, "a window before the first": {f, x, 0}, "one beyond the last": {f, x, 51}, "another filter": {other, x, from}} {
			if _, _, _, ok := MedianOver(nil, c.f, c.x, c.from, n); ok {
				t.Errorf("%v: %s is taken", p, name)
			}
		}
	}
}
