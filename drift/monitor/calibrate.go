package monitor

import (
	"math"
	"slices"
)

// median returns the median of x, which it sorts.
func median(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// medianMAD returns the median of x and 1.4826 times the median distance from
// it, the robust counterpart of mean and deviation. It leaves x as it is.
func medianMAD(x []float64) (med, mad float64) {
	y := slices.Clone(x)
	med = median(y)
	for i, v := range x {
		y[i] = math.Abs(v - med)
	}
	return med, median(y) / madGain
}

// clipped returns x about its median, limited to 5 MAD.
func clipped(x []float64) []float64 {
	med, mad := medianMAD(x)
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v - med
		if mad > 0 {
			y[i] = min(max(y[i], -5*mad), 5*mad)
		}
	}
	return y
}

// autocovariance returns the autocovariances (times len(x)) of x at 0…most.
func autocovariance(x []float64, most int) []float64 {
	m := 0.0
	for _, v := range x {
		m += v
	}
	m /= float64(len(x))
	r := make([]float64, most+1)
	for k := range r {
		for i := k; i < len(x); i++ {
			r[k] += (x[i] - m) * (x[i-k] - m)
		}
	}
	return r
}

// fitAR returns the coefficients of the autoregression of the order up to most
// that has the least corrected Akaike criterion (Hurvich and Tsai 1989), by
// Levinson's and Durbin's recursion on the clipped values.
//
// Estimated coefficients of a positively correlated series are too small in
// sum, by about (1+3φ)/n for a first-order one (Kendall 1954). What is left
// over would look like evidence to every bet on a small shift, so the sum is
// put right to that order.
func fitAR(x []float64, most int) []float64 {
	y := clipped(x)
	most = min(most, len(y)/10)
	r := autocovariance(y, most)
	if !(r[0] > 0) {
		return nil
	}
	n := float64(len(y))
	var best []float64
	a := make([]float64, most)
	b := make([]float64, most)
	e := r[0]
	least := math.Inf(1)
	for m := 0; m <= most; m++ {
		if m > 0 {
			k := r[m]
			for j := 1; j < m; j++ {
				k -= a[j-1] * r[m-j]
			}
			k /= e
			copy(b, a)
			for j := 1; j < m; j++ {
				a[j-1] = b[j-1] - k*b[m-j-1]
			}
			a[m-1] = k
			e *= 1 - k*k
		}
		if !(e > 1e-12*r[0]) {
			break
		}
		p := float64(m + 1)
		if aic := n*math.Log(e) + 2*p + 2*p*(p+1)/(n-p-1); aic < least {
			least = aic
			best = slices.Clone(a[:m])
		}
	}
	sum := 0.0
	for _, v := range best {
		sum += v
	}
	if sum > 0 {
		scale := min(sum+(1+3*sum)/n, max(sum, 0.995)) / sum
		for i := range best {
			best[i] *= scale
		}
	}
	return best
}

// looksWhite says whether Ljung's and Box's test (1978) finds no
// autocorrelation in x (10 lags, level 2.5 %) nor in its squares (5 lags, 5 %).
// The spread of a series that is calm and wild by turns changes slowly, so that
// few lags tell most of it.
func looksWhite(x []float64) bool {
	y := clipped(x)
	lags := min(10, len(y)/5)
	if lags < 1 {
		return true
	}
	if ljungBox(y, lags) > chiSquared(lags, 1.959963984540054) {
		return false
	}
	for i, v := range y {
		y[i] = v * v
	}
	lags = min(lags, 5)
	return ljungBox(y, lags) <= chiSquared(lags, 1.6448536269514722)
}

func ljungBox(x []float64, lags int) float64 {
	r := autocovariance(x, lags)
	if !(r[0] > 0) {
		return 0
	}
	n, q := float64(len(x)), 0.0
	for k := 1; k <= lags; k++ {
		rho := r[k] / r[0]
		q += rho * rho / (n - float64(k))
	}
	return n * (n + 2) * q
}

// chiSquared returns the quantile of χ² with so many degrees of freedom at the
// level of the normal quantile z (Wilson and Hilferty 1931).
func chiSquared(dof int, z float64) float64 {
	d := 2 / (9 * float64(dof))
	c := 1 - d + z*math.Sqrt(d)
	return float64(dof) * c * c * c
}

// blockMeans returns the means of consecutive blocks of size values.
func blockMeans(x []float64, size int) []float64 {
	y := make([]float64, 0, len(x)/size)
	for i := 0; i+size <= len(x); i += size {
		s := 0.0
		for _, v := range x[i : i+size] {
			s += v
		}
		y = append(y, s/float64(size))
	}
	return y
}

// moments are a running mean and sum of squared deviations (Welford 1962).
type moments struct{ n, mean, m2 float64 }

func (m *moments) add(x float64) {
	if math.IsNaN(x) {
		return
	}
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.m2 += d * (x - m.mean)
}

func (m *moments) sd() float64 {
	if m.n < 2 {
		return 0
	}
	return math.Sqrt(m.m2 / (m.n - 1))
}
