package adapt

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/train"
)

// laws are those of the differences of two nets that are equally good: of mean 0.
var laws = []struct {
	name string
	draw func(r *rand.Rand, i int) float64
	most float64 // share of false promotions that is tolerated
}{
	{"normal", func(r *rand.Rand, _ int) float64 { return r.NormFloat64() }, .01},
	{"t3", func(r *rand.Rand, _ int) float64 {
		return r.NormFloat64() / math.Sqrt((sq(r.NormFloat64())+sq(r.NormFloat64())+sq(r.NormFloat64()))/3)
	}, .01},
	{"gains rare and large", func(r *rand.Rand, _ int) float64 { return math.Exp(r.NormFloat64()) - math.Exp(.5) }, .01},
	{"size changes", func(r *rand.Rand, i int) float64 { return r.NormFloat64() * (1 + 4*float64(i/40%2)) }, .01},
	{"phase of the signal", func(r *rand.Rand, i int) float64 { return math.Sin(float64(i)/3) + r.NormFloat64() }, .01},
	// What is cut off is a loss here: the level does not hold, and how much it is
	// off is part of docs/adaptation.md.
	{"losses rare and large", func(r *rand.Rand, _ int) float64 { return math.Exp(.5) - math.Exp(r.NormFloat64()) }, .09},
}

func sq(x float64) float64 { return x * x }

// promotes feeds windows of six pieces as a job does, first of them at once, and
// says after how many the challenger is let through; 0: never.
func promotes(gain func(i int) float64, unit float64, first, most int) int {
	s := newShadow(nil, nil, GateConfig{})
	i := 0
	for n := first; n <= most; n++ {
		windows := 1
		if n == first {
			windows = first
		}
		c := train.Comparison{Windows: windows, Error: unit}
		for range 6 * windows {
			c.Gain = append(c.Gain, gain(i))
			i++
		}
		s.take(c)
		if v := s.verdict(); v.Promote {
			return n
		} else if s.hopeless(&v) {
			return 0
		}
	}
	return 0
}

// Two nets that are equally good are rarely told apart, however often one looks.
func TestFalsePromotions(t *testing.T) {
	for _, law := range laws {
		wrong := 0
		const runs = 1000
		for k := range runs {
			r := rand.New(rand.NewPCG(uint64(k), 7))
			// Errors of the size of the differences: 0.1 dB is soon reached.
			if promotes(func(i int) float64 { return law.draw(r, i) }, 2, 3, mostJudged) > 0 {
				wrong++
			}
		}
		rate := float64(wrong) / runs
		t.Logf("%s: %.2f %% promoted", law.name, 100*rate)
		// Three standard errors of the count.
		if rate > law.most+3*math.Sqrt(law.most/runs) {
			t.Errorf("%s: %d of %d promoted, want at most %g %%", law.name, wrong, runs, 100*law.most)
		}
	}
}

// Where only the signs are chance, the wealth is on average what it was: this goes
// through all signs, in two batches.
func TestWealth(t *testing.T) {
	sizes := []float64{.1, 3, .7, 1, 1.2, 40, .3, .8, 2, .01, 1, .5}
	sum, all := 0.0, 1<<len(sizes)
	for signs := range all {
		d := make([]float64, len(sizes))
		for i, v := range sizes {
			d[i] = v * float64(1-2*(signs>>i&1))
		}
		var w wealth
		w.add(d[:7])
		w.add(d[7:])
		sum += math.Exp(w.logE())
	}
	if m := sum / float64(all); math.Abs(m-1) > 1e-9 {
		t.Errorf("the mean wealth is %g", m)
	}
	var w wealth
	w.add(nil)
	w.add([]float64{0, 0, 0})
	w.add([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1})
	if p := w.p(); !(p > 0 && p <= 1) {
		t.Errorf("p is %g", p)
	}
	w = wealth{}
	for range 2000 {
		w.add([]float64{1, 1, 1})
	}
	if e := math.Exp(w.logE()); math.IsInf(e, 0) || !(w.p() > 0) {
		t.Errorf("e is %g, p %g", e, w.p())
	}
}

// BenchmarkWealth is what betting on a window costs.
func BenchmarkWealth(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		promotes(func(int) float64 { return r.NormFloat64() }, 1, 3, 10)
	}
}
