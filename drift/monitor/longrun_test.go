package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// filled returns what a long run says of n values of an autoregression of unit
// variance that a fit to 2,000 blocks left over.
func filled(phi float64, n int, seed uint64) *longRun {
	r := rand.New(rand.NewPCG(seed, 3))
	var l longRun
	l.expect(2000, 0.9)
	y := r.NormFloat64()
	for range n {
		y = phi*y + math.Sqrt(1-phi*phi)*r.NormFloat64()
		l.add(y)
	}
	return &l
}

func TestLongRun(t *testing.T) {
	for _, c := range []struct{ phi, sums, squares float64 }{
		{0, 1, 1},
		// (1+φ)/(1−φ), and of the squares the same of φ².
		{0.1, 1.222, 1.02},
		{0.3, 1.857, 1.198},
		{-0.3, 1, 1.198},
	} {
		sums, squares := filled(c.phi, 400_000, 1).ratios()
		if math.Abs(sums-c.sums) > 0.08*c.sums || math.Abs(squares-c.squares) > 0.08*c.squares {
			t.Errorf("φ = %v: ratios %.3f and %.3f, want %.3f and %.3f", c.phi, sums, squares, c.sums, c.squares)
		}
	}
}

// TestLongRunIsSlow: in the beginning what is expected counts, and a change that
// is found within the segments that wait leaves nothing.
func TestLongRunIsSlow(t *testing.T) {
	if sums, _ := filled(0.3, 8*runSegment, 2).ratios(); sums != 1 {
		t.Errorf("after %d segments: %.3f, want 1", 8, sums)
	}
	l := filled(0, 10_000, 3)
	was, _ := l.ratios()
	for range waiting * runSegment / 2 {
		l.add(3)
	}
	l.drop()
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		l.add(r.NormFloat64())
	}
	if is, _ := l.ratios(); is > was+0.05 {
		t.Errorf("a shift that was dropped moved the ratio from %.3f to %.3f", was, is)
	}
	for range 100_000 { // bounded whatever comes
		l.add(6)
	}
	if sums, squares := l.ratios(); sums > mostRun || squares > mostRun {
		t.Errorf("ratios %.3f and %.3f, want at most %d", sums, squares, mostRun)
	}
}
