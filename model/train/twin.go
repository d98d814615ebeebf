package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/quell-stream/quell/model/noise"
)

// TwinFit says how a second sensor reads the quantity that a channel reads:
// twin = Gain·channel + Offset, both but for noise.
type TwinFit struct {
	Gain, Offset float64
	Sigma        float64 // deviation of the twin's noise, in the channel's unit
	Correlation  float64 // of the readings
}

// leastCorrelation is what two sensors of one quantity have at -6 dB each.
const leastCorrelation = .2

// FitTwin fits the gain and the offset of a twin by Deming's regression, which is
// total least squares in units of the noise that each of the two has (Deming,
// "Statistical Adjustment of Data", 1943, section 41); least squares would flatten
// the gain by the channel's noise. With the readings' covariances s and the ratio
// δ of the noise's variances, twin to channel,
//
//	Gain = (s₂₂ - δ·s₁₁ + √((s₂₂ - δ·s₁₁)² + 4·δ·s₁₂²)) / (2·s₁₂)
//
// δ is that of noise.SigmaMAD, and shares the variance of the difference between
// the twin and the channel out between the two. NaN marks a missing reading in either. It is an error where the two
// have too little in common to measure the same.
func FitTwin(channel, twin []float64) (TwinFit, error) {
	if len(channel) != len(twin) {
		panic("train: FitTwin: channel and twin differ in length")
	}
	var x, y []float64
	for i := range channel {
		if !math.IsNaN(channel[i]) && !math.IsNaN(twin[i]) {
			x, y = append(x, channel[i]), append(y, twin[i])
		}
	}
	if len(x) < 64 {
		return TwinFit{}, fmt.Errorf("train: %d slots have readings of both sensors; at least 64 are needed", len(x))
	}
	mx, s11 := meanSquares(x)
	my, s22 := meanSquares(y)
	s12 := 0.0
	for i := range x {
		s12 += (x[i] - mx) * (y[i] - my)
	}
	if !(s11 > 0 && s22 > 0) {
		return TwinFit{}, errors.New("train: one of the two sensors does not move")
	}
	f := TwinFit{Correlation: s12 / math.Sqrt(s11*s22)}
	if math.Abs(f.Correlation) < leastCorrelation {
		return f, fmt.Errorf("train: the readings have a correlation of %.2f: a twin measures the same quantity at the same time", f.Correlation)
	}
	n1, n2 := noise.SigmaMAD(x), noise.SigmaMAD(y)
	if n1 > 0 {
		delta := n2 * n2 / (n1 * n1)
		d := s22 - delta*s11
		f.Gain = (d + math.Sqrt(d*d+4*delta*s12*s12)) / (2 * s12)
	} else {
		f.Gain = s12 / s11 // what has no noise explains the other
	}
	f.Offset = my - f.Gain*mx
	for i := range y {
		y[i] = f.Of(y[i]) - x[i]
	}
	_, squares := meanSquares(y)
	n2 /= math.Abs(f.Gain)
	f.Sigma = math.Sqrt(squares / float64(len(y)))
	if n := math.Hypot(n1, n2); n > 0 {
		f.Sigma *= n2 / n
	}
	return f, nil
}

// Of returns what the twin's reading says in the channel's unit.
func (f TwinFit) Of(twin float64) float64 { return (twin - f.Offset) / f.Gain }
