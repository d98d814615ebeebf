package eval

import (
	"math"
	"slices"
)

// Median returns the median of several runs, score by score. All runs hold the
// same rows in the same order, as Compare gives them for different seeds; else
// it panics. A run where a score is NaN has no say in it. Of an even number of
// runs it is the mean of the middle two. Setting is that of the first run.
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
		}
		for k, dst := range out[i].scores() {
			values = values[:0]
			for _, run := range runs {
				if v := *run[i].scores()[k]; !math.IsNaN(v) {
					values = append(values, v)
				}
			}
			*dst = math.NaN()
			if n := len(values); n > 0 {
				slices.Sort(values)
				*dst = (values[(n-1)/2] + values[n/2]) / 2
			}
		}
	}
	return out
}

func (r *Result) scores() []*float64 {
	return []*float64{&r.SNRIn, &r.SNROut, &r.Gain, &r.RMSE, &r.MAD, &r.PRD, &r.Cos, &r.Coverage, &r.Width, &r.Lag, &r.USPerSample}
}
