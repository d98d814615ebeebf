package noise

import (
	"math"
	"math/rand/v2"
	"slices"
)

// AllanDeviation returns the overlapping Allan deviation of x at an averaging
// time of m samples (Allan, "Statistics of Atomic Frequency Standards", 1966;
// overlapping as in Riley, NIST SP 1065, 2008, eq. 11):
//
//	σ²(m) = 1/2 · mean over t of (mean x[t+m … t+2m-1] - mean x[t … t+m-1])²
//
// On white noise of deviation σ it is σ/√m; on AR(1) noise it first rises with m.
// It is not robust: a step of height h among n samples adds h²·m/(3n) to σ²(m), a
// slope of b per sample b²m²/2, a sine of amplitude a and frequency f
// a²·sin⁴(πfm)/(m·sin πf)². m below 1 panics; fewer than 2·m samples give 0.
// Values must be finite.
func AllanDeviation(x []float64, m int) float64 {
	if m < 1 {
		panic("noise: AllanDeviation: averaging times count from 1 sample")
	}
	if len(x) < 2*m {
		return 0
	}
	d := 0.0 // Σ of the later m samples - Σ of the earlier
	for i := range m {
		d += x[i+m] - x[i]
	}
	sum := d * d
	for t := range len(x) - 2*m {
		d += x[t] - 2*x[t+m] + x[t+2*m]
		sum += d * d
	}
	return math.Sqrt(sum/float64(len(x)-2*m+1)/2) / float64(m)
}

// SigmaAllan returns the deviation of the white noise that has the Allan
// deviation of x at an averaging time of m samples, √m·AllanDeviation(x, m).
func SigmaAllan(x []float64, m int) float64 {
	return math.Sqrt(float64(m)) * AllanDeviation(x, m)
}

// SigmaLag is SigmaDiff with the difference of each sample to the line through
// the samples lag before and after it. On white noise all lags agree; on AR(1)
// noise of deviation 1 it is √((3-4ρ^m+ρ^2m)/3) at lag m; what the curvature of a
// signal adds grows with the square of the lag. A lag below 1 panics; with fewer
// than 14 samples beyond twice the lag the answer is 0. Values must be finite.
func SigmaLag(x []float64, lag int) float64 {
	if lag < 1 {
		panic("noise: SigmaLag: lags count from 1")
	}
	if len(x) < 14+2*lag {
		return 0
	}
	d := make([]float64, len(x)-2*lag)
	for i := range d {
		d[i] = (x[i]+x[i+2*lag])/2 - x[i+lag]
	}
	return medianAbs(d) / (madNormal * math.Sqrt(1.5))
}

// SigmaFourth estimates the deviation of white noise in x by the median of the
// absolute fourth differences, which are 0 for cubic signals (a difference-based
// estimator as in Hall, Kay and Titterington, "Asymptotically Optimal
// Difference-Based Estimation of Variance in Nonparametric Regression", 1990, with
// binomial weights and a median for the mean). Signals with sharp features
// disturb it less than SigmaMAD and SigmaDiff. Noise that is not white is read as
// its density at the highest frequencies. With fewer than 16 samples the answer is
// 0. Values must be finite; x is not changed.
func SigmaFourth(x []float64) float64 {
	if len(x) < 16 {
		return 0
	}
	d := make([]float64, len(x)-4)
	for i := range d {
		d[i] = fourth(x[i:])
	}
	return medianAbs(d) / madNormal
}

// fourth returns the fourth difference at the middle of five samples; on white
// noise it has the noise's deviation.
func fourth(x []float64) float64 {
	const norm = 8.366600265340756 // √(1+16+36+16+1)
	return (x[0] - 4*x[1] + 6*x[2] - 4*x[3] + x[4]) / norm
}

// Estimates are figures of the noise level of a recording, in the unit of its
// readings. If the noise is white and there is no signal, MAD, Difference, Lags,
// Allan and Sigma equal its deviation.
type Estimates struct {
	MAD        float64    // SigmaMAD
	Difference float64    // SigmaDiff
	Lags       [3]float64 // SigmaLag for 1, 2 and 4 samples
	Allan      float64    // SigmaAllan of one sample; not robust
	// Sigma is the best single figure for white noise, that of quantisation
	// included: SigmaFourth, of readings that were dithered where they are
	// quantised, and without stretches that repeat a reading where they are not.
	// Where quantised readings move, it is at least Step/√12.
	Sigma float64
	// Spread is by which share the largest of MAD, Difference, Lags and Sigma
	// exceeds the smallest. It is +Inf where only the smallest is 0.
	Spread float64

	// Step is the distance that changes of the reading are multiples of, 0 if there
	// is none. The deviation before quantisation is √(Sigma²-Step²/12).
	Step float64
	// Repeated is the share of readings that equal the one before.
	Repeated float64
}

// Level estimates the noise level of x in several ways. Fewer than 16 samples
// give zeros. Values must be finite; x is not changed.
//
// What a signal adds to Sigma, in the median over a family of package synth, is
// at most 2 % at 0 dB, 4 % at 10 dB, 9 % at 20 dB and 20 % at 30 dB (to MAD 2, 8,
// 17 and 37 %). Only recipes of short ramps and holds (synth.Batch) disturb Sigma
// more than Difference, 7 to 4 % at 30 dB. Signals that are as rough as noise
// (synth.Family.Rough) are taken for it by all estimates: see package floor.
func Level(x []float64) Estimates {
	var e Estimates
	if len(x) < 16 {
		return e
	}
	e.MAD, e.Difference, e.Allan = SigmaMAD(x), SigmaDiff(x), SigmaAllan(x, 1)
	for i := range e.Lags {
		e.Lags[i] = SigmaLag(x, 1<<i)
	}
	e.Step, e.Repeated = step(x)
	e.Sigma = best(x, e.Step, e.Repeated)
	lo, hi := e.Sigma, e.Sigma
	for _, s := range append(e.Lags[:], e.MAD, e.Difference) {
		lo, hi = min(lo, s), max(hi, s)
	}
	if hi > 0 {
		e.Spread = hi/lo - 1
	}
	return e
}

// best is Estimates.Sigma.
func best(x []float64, step, repeated float64) float64 {
	if repeated == 1 || step == 0 && repeated == 0 {
		return SigmaFourth(x)
	}
	if step == 0 {
		return unrepeated(x)
	}
	// Uniform dither of one step makes the readings continuous again; the median
	// would fall on a multiple of the step without. Its variance is known.
	rng := rand.New(rand.NewPCG(uint64(len(x)), 0))
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v + step*(rng.Float64()-.5)
	}
	s := SigmaFourth(y)
	return math.Sqrt(max(s*s-step*step/12, step*step/12))
}

// unrepeated is SigmaFourth of the stretches in which no reading repeats.
func unrepeated(x []float64) float64 {
	var d []float64
	for i := range len(x) - 4 {
		w := x[i : i+5]
		if w[0] != w[1] && w[1] != w[2] && w[2] != w[3] && w[3] != w[4] {
			d = append(d, fourth(w))
		}
	}
	if len(d) == 0 {
		return 0
	}
	return medianAbs(d) / madNormal
}

// step returns the greatest distance that all changes from reading to reading
// are multiples of, 0 where that is none or no more than the rounding of the numbers, and the
// share of readings that do not change.
func step(x []float64) (size, repeated float64) {
	const (
		tolerance = 1e-3 // of a step, for decimal fractions that were rounded
		most      = 4096 // steps in the median change; beyond, the step does not matter
	)
	changes := make([]float64, 0, len(x)-1)
	for i, v := range x[1:] {
		if d := math.Abs(v - x[i]); d > 0 {
			changes = append(changes, d)
		}
	}
	repeated = 1 - float64(len(changes))/float64(len(x)-1)
	if len(changes) == 0 {
		return 0, 1
	}
	slices.Sort(changes)
	least := changes[len(changes)/2] / most
	g := changes[0]
	for _, d := range changes {
		for r := d; ; {
			r = math.Abs(r - g*math.Round(r/g))
			if r <= tolerance*g {
				break
			}
			g, r = r, g // Euclid
			if g < least {
				return 0, repeated
			}
		}
	}
	if g < least {
		return 0, repeated
	}
	return g, repeated
}
