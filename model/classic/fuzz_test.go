package classic

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzParseFilter: what is read can be made into a filter, and written and read again
// as the same.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"median:w=9,l=0", "savitzky_golay:w=11,p=3", "ema:a=.2", "kalman:model=level,lambda=3", "hampel:w=7,t=2,l=full", "haar:level=2,rule=sure", "butterworth:order=3,fc=.2", "wavelet:mode=hard", "identity", "median:w=99999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseFilter(s)
		if err != nil {
			return
		}
		again, err := ParseFilter(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q is written as %q, and that read as %q, %v", s, p, again, err)
		}
	})
}

// FuzzFilterState: no state has a filter fail, whatever it holds.
func FuzzFilterState(f *testing.F) {
	all := []Params{
		{Family: MovingAverageName, Window: 5, Lookahead: 2}, {Family: EMAName, Alpha: .2},
		{Family: SavitzkyGolayName, Window: 11, Order: 3, Lookahead: Full}, {Family: MedianName, Window: 9, Lookahead: 4},
		{Family: HampelName, Window: 7, Threshold: 3}, {Family: KalmanName, Lambda: 3, Trend: true, Lookahead: 4},
		{Family: WienerName, Window: 4, Taps: []float64{.4, .3, .2, .1}}, {Family: ButterworthName, Order: 2, Cutoff: .1},
		{Family: HaarName, Levels: 3, Lookahead: Full, Threshold: 2}, {Family: IdentityName},
	}
	for i, p := range all {
		for _, n := range []int{0, 3, 300} {
			filter, err := NewFilter(p)
			if err != nil {
				f.Fatal(err)
			}
			for k := range n {
				filter.Push(float64(k % 7))
			}
			f.Add(uint8(i), filter.AppendState(nil))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, state []byte) {
		p := all[int(which)%len(all)]
		filter, ok := fuzztest.Restore(t, state, func() Filter {
			filter, err := NewFilter(p)
			if err != nil {
				t.Fatal(err)
			}
			return filter
		})
		if !ok {
			return
		}
		for _, x := range []float64{1, math.NaN(), -2, 3e9} {
			filter.Push(x)
		}
		filter.Finish(nil)
	})
}

// FuzzCovariance: as FuzzFilterState.
func FuzzCovariance(f *testing.F) {
	c := NewCovariance(4)
	f.Add(c.AppendState(nil))
	c.Add(nil, []float64{1, 3, 2, 4, 3, 5, 1, 2}, 0, .1)
	f.Add(c.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		if c, ok := fuzztest.Restore(t, state, func() *Covariance { return NewCovariance(4) }); ok {
			c.Add(nil, []float64{1, 3, 2, 4, 3, 5, 1, 2}, 0, .1)
			c.Learn(.1, Params{Window: 4})
		}
	})
}
