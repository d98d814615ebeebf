package adapt

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/replay"
)

// octaves is the number of bands of a signature, the highest being that between
// neighbours.
const octaves = 5

// signature says what the input of a regime looks like, per channel.
type signature []signatureOfChannel

// signatureOfChannel holds quantiles in the channel's unit, the noise level
// likewise, and the shares of octave bands in the variance, as logarithms to
// base 10.
type signatureOfChannel struct {
	quantiles [5]float64
	sigma     float64
	bands     [octaves]float64
}

var quantiles = [5]float64{.05, .25, .5, .75, .95}

// signatureOf returns the signature of stretches of readings, [C][n], scaled by
// scales.
func signatureOf(x [][]float64, scales []replay.Scale) signature {
	s := make(signature, len(x))
	for c := range x {
		if len(x[c]) == 0 {
			continue
		}
		raw := make([]float64, len(x[c]))
		for i, v := range x[c] {
			raw[i] = scales[c].Mean + v*scales[c].Dev
		}
		s[c].bands = bands(raw)
		s[c].sigma = scales[c].Dev * noise.SigmaMAD(x[c])
		slices.Sort(raw)
		for i, q := range quantiles {
			s[c].quantiles[i] = raw[int(q*float64(len(raw)-1)+.5)]
		}
	}
	return s
}

// bands returns the logarithms of the shares of the octaves in the variance, by
// Haar's wavelet.
func bands(x []float64) [octaves]float64 {
	var power [octaves]float64
	x = slices.Clone(x)
	total := 0.0
	for k := range power {
		half := len(x) / 2
		for i := range half {
			d := (x[2*i] - x[2*i+1]) / math.Sqrt2
			power[k] += d * d
			x[i] = (x[2*i] + x[2*i+1]) / math.Sqrt2
		}
		x = x[:half]
		total += power[k]
	}
	for k := range power {
		power[k] = math.Log10(max(power[k], 1e-6*total, math.SmallestNonzeroFloat64) / max(total, math.SmallestNonzeroFloat64))
	}
	return power
}

// distance says how far signatures are apart: the mean over the channels of how
// far quantiles lie apart in units of the range, plus the differences of the
// logarithms of noise level and bands.
func (s signature) distance(o signature) float64 {
	if len(s) == 0 || len(s) != len(o) {
		return math.Inf(1)
	}
	sum := 0.0
	for c := range s {
		a, b := &s[c], &o[c]
		width := max(a.quantiles[4]-a.quantiles[0], b.quantiles[4]-b.quantiles[0])
		for i := range quantiles {
			if width > 0 {
				sum += math.Abs(a.quantiles[i]-b.quantiles[i]) / width / float64(len(quantiles))
			}
		}
		if a.sigma > 0 && b.sigma > 0 {
			sum += math.Abs(math.Log10(a.sigma / b.sigma))
		}
		for k := range a.bands {
			sum += math.Abs(a.bands[k]-b.bands[k]) / octaves
		}
	}
	return sum / float64(len(s))
}

// signatureOfWindows returns the signature of windows, each scaled by its own
// scales, as the mean of theirs.
func signatureOfWindows(ws []*replay.Window) signature {
	var sum signature
	for _, w := range ws {
		x := make([][]float64, len(w.Scales))
		for c := range x {
			x[c] = present(w, c)
		}
		s := signatureOf(x, w.Scales)
		if sum == nil {
			sum = make(signature, len(s))
		}
		for c := range s {
			n := 1 / float64(len(ws))
			for i := range s[c].quantiles {
				sum[c].quantiles[i] += n * s[c].quantiles[i]
			}
			sum[c].sigma += n * s[c].sigma
			for k := range s[c].bands {
				sum[c].bands[k] += n * s[c].bands[k]
			}
		}
	}
	return sum
}
