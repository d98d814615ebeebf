package drift

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// welch is the two-sided t test for means of samples of unequal variance (Welch
// 1947, "The generalization of Student's problem when several different
// population variances are involved"), as SciPy's ttest_ind.
type welch struct{}

func (welch) learn([]float64) {}

func (welch) compare(ref, window []float64) (t, p float64) {
	mx, vx := meanError(ref)
	my, vy := meanError(window)
	if vx+vy == 0 {
		if mx == my {
			return 0, 1
		}
		return math.Inf(sign(mx - my)), 0
	}
	t = (mx - my) / math.Sqrt(vx+vy)
	df := (vx + vy) * (vx + vy) / (vx*vx/float64(len(ref)-1) + vy*vy/float64(len(window)-1))
	return t, mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

func sign(x float64) int {
	if x < 0 {
		return -1
	}
	return 1
}

// meanError returns the mean and its squared standard error.
func meanError(v []float64) (mean, squared float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x
	}
	mean /= n
	for _, x := range v {
		squared += (x - mean) * (x - mean)
	}
	return mean, squared / (n - 1) / n
}
