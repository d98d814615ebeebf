package monitor

import (
	"math"
	"testing"
)

// TestBetsAreFair integrates each bet's likelihood ratio over the normal
// distribution: it must be 1, or evidence would grow from nothing. It also
// compares every ratio with its definition.
func TestBetsAreFair(t *testing.T) {
	const step = 0.001
	var mean [mostBets]float64
	for z := -12.0; z <= 12; z += step {
		c := chart{bets: len(shifts), scale: true}
		c.run.expect(2000, 0)
		c.bet(z)
		for k, r := range c.r {
			mean[k] += r * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * step
			want := 0.0
			if k < len(shifts) {
				want = shifts[k]*z - shifts[k]*shifts[k]/2
			} else {
				q := scales[k-len(shifts)]
				want = z*z/2*(1-1/(q*q)) - math.Log(q)
			}
			if got := math.Log(r); math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
				t.Fatalf("bet %d at %v: ln L = %v, want %v", k, z, got, want)
			}
		}
	}
	for k, m := range mean {
		if math.Abs(m-1) > 1e-3 {
			t.Errorf("bet %d: mean %v, want 1", k, m)
		}
	}
}

// TestALongWarningIsNotHistory: of values that keep up a warning only the first
// ones are ever ranked against.
func TestALongWarningIsNotHistory(t *testing.T) {
	x := make([]float64, 2000)
	for i := range x {
		x[i] = normalQuantile((float64(i*1237%2000) + 0.5) / 2000)
	}
	var c chart
	c.fit(x, 1e300, scoreCells, true, 1, 0) // no alarm, ever
	c.log = 20
	i := int64(0)
	for ; !c.warn; i++ {
		c.update(1.5, i)
	}
	held := c.ranks.n
	for range 1000 {
		c.update(1.5, i)
	}
	c.calmDown(i)
	if n := c.ranks.n - held; n > mostHeld {
		t.Errorf("%v values of a warning became history, want at most %d", n, mostHeld)
	}
}
