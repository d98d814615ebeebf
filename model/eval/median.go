package eval

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/model/classic"
)

// Median returns the median of several runs, score by score. All runs hold the
// same rows in the same order, as Compare gives them for different seeds; else
// it panics. A run where a score is NaN has no say in it. Of an even number of
// runs it is the mean of the middle two. Setting is that of the first run, Ahead
// the largest, and the shares of Served are means.
func Median(runs ...[]Result) []Result {
	if len(runs) == 0 {
		return nil
	}
	out := slices.Clone(runs[0])
	for _, run := range runs {
		if len(run) != len(out) {
			panic("eval: runs differ in length")
		}
	}
	values := make([]float64, 0, len(runs))
	for i := range out {
		for _, run := range runs {
			if run[i].Channel != out[i].Channel || run[i].Method != out[i].Method {
				panic("eval: runs differ in their rows")
			}
			out[i].Ahead = further(out[i].Ahead, run[i].Ahead)
		}
		var served []*Served
		for _, run := range runs {
			served = append(served, run[i].Served)
		}
		out[i].Served = meanServed(served)
		for k, dst := range out[i].scores() {
			values = values[:0]
			for _, run := range runs {
				if v := *run[i].scores()[k]; !math.IsNaN(v) {
					values = append(values, v)
				}
			}
			*dst = middle(values)
		}
	}
	return out
}

func (r *Result) scores() []*float64 {
	all := []*float64{&r.SNRIn, &r.SNROut, &r.Gain, &r.RMSE, &r.MAD, &r.PRD, &r.Cos, &r.Coverage, &r.Width, &r.Lag, &r.USPerSample,
		&r.SSD, &r.RRMSET, &r.RRMSES, &r.CC, &r.CRPS, &r.CoverageBlocks, &r.LSD}
	for i := range r.Reliability {
		all = append(all, &r.Reliability[i])
	}
	return all
}

// middle returns the median of values, which it sorts; NaN where there are none.
func middle(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// further returns the larger of two look-aheads.
func further(a, b int) int {
	if a == classic.Full || b == classic.Full {
		return classic.Full
	}
	return max(a, b)
}
