package drift

import (
	"math"
	"slices"
)

// reached is how many usual sizes the largest statistic of a calibration has.
const reached = 5

// fit learns from what was collected, and goes through it once more as if it
// came live, for the usual sizes of the statistics.
func (d *LocalLevel) fit() {
	d.centre, d.scale = robustScale(d.cal)
	x := make([]float64, len(d.cal))
	for i, v := range d.cal {
		x[i] = min(max((v-d.centre)/d.scale, -5), 5)
	}
	d.q, d.r = fitLocalLevel(x)
	d.hold = min(d.q, farRate(x, d.span(1)))
	d.level, d.variance, d.past = x[0], d.r, make([]pastLevel, d.cfg.Window+1)
	var squares, most [means]float64
	v := make([]float64, 0, len(x))
	for i, raw := range d.cal {
		d.follow(min(max((raw-d.centre)/d.scale, -20), 20))
		if i < max(d.cfg.Window, min(2*d.cfg.Window, len(x)/2)) {
			continue
		}
		// A model that fits has z of size 1 and rarely reaches 5. What lies beyond 4
		// is cut off, lest a disturbance while it learns make it deaf, but what was
		// reached once is not far from usual.
		for k, z := range d.z {
			squares[k] += min(z*z, 16)
			most[k] = max(most[k], math.Abs(z))
		}
		v = append(v, d.v)
	}
	for k := range squares {
		d.size[k] = max(math.Sqrt(squares[k]/float64(len(v))), most[k]/reached, 1)
	}
	_, sd := meanDeviation(v)
	slices.Sort(v)
	d.rough = (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	// The logarithm of a mean of W squared differences of white noise has a
	// variance of 3/W (von Neumann et al. 1941).
	d.devR = max(sd, math.Sqrt(3/float64(d.span(1))))
	d.z, d.v = [means]float64{}, 0
	d.cal, d.fitted = nil, true
}

// robustScale returns the median of x and its deviation, of which values beyond
// 5 robust deviations count as that far. Where more than half are equal it is
// the plain one, and where all are a tiny one.
func robustScale(x []float64) (centre, scale float64) {
	y := slices.Clone(x)
	slices.Sort(y)
	centre = (y[(len(y)-1)/2] + y[len(y)/2]) / 2
	for i, v := range x {
		y[i] = math.Abs(v - centre)
	}
	slices.Sort(y)
	limit := 5 * (y[(len(y)-1)/2] + y[len(y)/2]) / 2 / 0.6744897501960817
	if limit == 0 {
		limit = math.Inf(1)
	}
	for i, v := range x {
		y[i] = min(max(v-centre, -limit), limit)
	}
	if _, scale = meanDeviation(y); !(scale > 0) {
		scale = 1e-9*math.Abs(centre) + 1e-300
	}
	return centre, scale
}

func meanDeviation(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		sd += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(sd / float64(len(x)))
}

// farRate returns by how much a sample the mean square difference of means of
// window samples grows, from one to another that is half of x later. Of a level
// that wanders that is q; of what swings about one place it is next to nothing,
// though it looks like wandering from near.
func farRate(x []float64, window int) float64 {
	lag, n := len(x)/2, 0.0
	sum, squares := 0.0, 0.0
	for i := range len(x) - lag {
		sum += x[i+lag] - x[i]
		if i >= window {
			sum -= x[i+lag-window] - x[i-window]
		}
		if i >= window-1 {
			squares += sum * sum / float64(window*window)
			n++
		}
	}
	return squares / max(n, 1) / float64(lag)
}

// leastNoise is the least r, in units of the calibration's variance.
const leastNoise = 1e-6

// fitLocalLevel returns the q and r under which x is most likely, of ratios q/r
// of 0 and of half decades from 1e-6 to 10. For a given ratio the best r is in
// closed form.
func fitLocalLevel(x []float64) (q, r float64) {
	best := math.Inf(-1)
	for k := -1; k <= 14; k++ {
		ratio := 0.0
		if k >= 0 {
			ratio = math.Pow(10, float64(k)/2-6)
		}
		level, p, squares, logs := x[0], 1.0, 0.0, 0.0
		for _, v := range x[1:] {
			p += ratio
			s := p + 1
			e := v - level
			squares += e * e / s
			logs += math.Log(s)
			level += p / s * e
			p /= s
		}
		n := float64(len(x) - 1)
		if l := -(n*math.Log(squares/n+1e-12) + logs) / 2; l > best {
			best, q, r = l, ratio*squares/n, squares/n
		}
	}
	return q, max(r, leastNoise)
}
