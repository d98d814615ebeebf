package eval

import "math"

// NumNominal is the number of coverages that intervals are asked for.
const NumNominal = 4

// Ninety is the index of .9 in Nominal: what Coverage, Width, CRPS and
// CoverageBlocks of a Result are about.
const Ninety = 2

// Nominal returns the coverages that intervals are asked for, rising.
func Nominal() [NumNominal]float64 { return [NumNominal]float64{.5, .8, .9, .95} }

func noReliability() (r [NumNominal]float64) {
	for i := range r {
		r[i] = math.NaN()
	}
	return r
}

// Bounds is an interval around each sample; the zero value is none.
type Bounds struct{ Lo, Hi []float64 }

// Estimate is what a method makes of one channel. The slices of one Estimate
// have one length.
type Estimate struct {
	Clean  []float64
	Bounds [NumNominal]Bounds // by Nominal(), zero where there is none
	Trace  *Trace             // nil where one method makes all of it
}

// from returns the estimate of the samples from i on.
func (e Estimate) from(i int) Estimate {
	out := Estimate{Clean: e.Clean[i:], Trace: e.Trace.from(i)}
	for k, b := range e.Bounds {
		if b.Lo != nil && b.Hi != nil {
			out.Bounds[k] = Bounds{b.Lo[i:], b.Hi[i:]}
		}
	}
	return out
}

// normal90 is the half width of the central 90 % of a standard normal.
const normal90 = 1.6448536269514722

// CRPS returns the mean continuous ranked probability score, in the signal's
// unit, of a 90 % interval. Of the two quantiles it makes the Gaussian that has
// them, N((lo+hi)/2, ((hi-lo)/(2·1.645))²), whose score is
//
//	σ·( z·(2Φ(z)-1) + 2φ(z) - 1/√π ),  z = (x-μ)/σ
//
// (Gneiting and Raftery 2007, section 4.2). Less is better; of an interval
// without width it is the absolute error. Samples whose truth or bounds are not
// finite don't count.
func CRPS(x, lo, hi []float64) float64 {
	checkLengths(x, lo, hi)
	sum, n := 0.0, 0.0
	for i, v := range x {
		mean, sigma := (lo[i]+hi[i])/2, (hi[i]-lo[i])/(2*normal90)
		if !finite(v) || !finite(mean) || !finite(sigma) {
			continue
		}
		n++
		sum += gaussianCRPS(v-mean, sigma)
	}
	return sum / n
}

func gaussianCRPS(d, sigma float64) float64 {
	if !(sigma > 0) {
		return math.Abs(d)
	}
	z := d / sigma
	density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return sigma * (z*math.Erf(z/math.Sqrt2) + 2*density - 1/math.Sqrt(math.Pi))
}

// Blocks in which a 90 % interval is said to cover as it should.
const (
	coverageBlock         = 1000
	blockLeast, blockMost = .82, .97
)

// CoverageBlocks returns the share of blocks of 1,000 consecutive samples in
// which between 82 and 97 % of the truth lie in lo … hi. A rest shorter than a
// block is left out, as is a block in which less than half of the samples count;
// with none left it is NaN.
func CoverageBlocks(x, lo, hi []float64) float64 {
	checkLengths(x, lo, hi)
	good, n := 0.0, 0.0
	for i := 0; i+coverageBlock <= len(x); i += coverageBlock {
		part := Range{i, i + coverageBlock}
		a, b, c := part.Of(x), part.Of(lo), part.Of(hi)
		if 2*counted(a, b, c) < coverageBlock {
			continue
		}
		n++
		if share, _ := Coverage(a, b, c); share >= blockLeast && share <= blockMost {
			good++
		}
	}
	return good / n
}

// counted returns the number of samples that Coverage takes.
func counted(x, lo, hi []float64) (n int) {
	for i, v := range x {
		if finite(v) && !math.IsNaN(hi[i]-lo[i]) {
			n++
		}
	}
	return n
}
