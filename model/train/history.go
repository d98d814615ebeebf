package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/quell-stream/quell/model"
)

// History is a noisy recording of one channel, without truth, and what is known
// of its noise.
type History struct {
	X    []float64 // finite; what it holds where Lost is ignored
	Lost []bool    // missing readings; nil: none

	// Sigma is the deviation of the noise in the unit of X where it is known; 0:
	// that of Noise, else it is estimated as the scaler estimates it.
	Sigma float64
	// Noise is a recording of nothing but noise, in the unit of X, finite; nil:
	// the noise is white. Its mean and its slope are taken off.
	Noise []float64
	// Twin are the readings of a second sensor, NaN where there is none, and Fit
	// how it reads the channel; see FitTwin.
	Twin []float64
	Fit  TwinFit
}

const (
	// historyWindow is the largest window that Windows cuts a history into. Nets
	// find more context in longer ones, and nothing is learnt from their edges.
	historyWindow = 4096
	// leastNoise is the shortest recording of noise, in samples.
	leastNoise = 64
)

// Windows scales a history as the pipeline would scale it for m and cuts it into
// windows for Truthless of nearly equal length, at most 4096 slots. It begins
// where a scale is known. The levels are those that m serves with, whatever is
// known of the noise beyond them. The error says what is wrong with the noise.
func (h *History) Windows(m *model.Model) ([]Window, error) {
	z, sigma, err := h.recorded()
	if err != nil {
		return nil, err
	}
	if h.Sigma > 0 {
		sigma = h.Sigma
	}
	cols, scales := columns(m, h.X, h.Lost)
	from := 0
	for from < len(scales) && scales[from].dev <= 0 {
		from++
	}
	n := len(cols) - from
	count := (n + historyWindow - 1) / historyWindow
	var out []Window
	for k := range count {
		a, b := from+n*k/count, from+n*(k+1)/count
		w := Window{Channels: 1, Cols: cols[a:b], Noise: z}
		if sigma > 0 {
			w.Sigma = scaledBy(scales[a:b], func(int) float64 { return sigma })
		}
		if h.Twin != nil {
			w.TwinSigma = scaledBy(scales[a:b], func(int) float64 { return h.Fit.Sigma })
			w.Twin = scaledBy(scales[a:b], func(i int) float64 { return h.Fit.Of(h.Twin[a+i]) - scales[a+i].mean })
		}
		out = append(out, w)
	}
	return out, nil
}

// scaledBy divides values by the deviations they are scaled with.
func scaledBy(scales []scale, value func(i int) float64) []float64 {
	y := make([]float64, len(scales))
	for i, s := range scales {
		y[i] = math.NaN()
		if s.dev > 0 {
			y[i] = value(i) / s.dev
		}
	}
	return y
}

// recorded returns the recorded noise, as Window has it, and its deviation.
func (h *History) recorded() ([][]float64, float64, error) {
	if h.Noise == nil {
		return nil, 0, nil
	}
	n := len(h.Noise)
	if n < leastNoise {
		return nil, 0, fmt.Errorf("train: the recorded noise has %d samples; at least %d are needed", n, leastNoise)
	}
	z := detrended(h.Noise)
	_, squares := meanSquares(z)
	sigma := math.Sqrt(squares / float64(n))
	if !(sigma > 0) {
		return nil, 0, errors.New("train: the recorded noise does not move")
	}
	for i := range z {
		z[i] /= sigma
	}
	return [][]float64{z}, sigma, nil
}

// detrended returns x less the straight line that fits it best.
func detrended(x []float64) []float64 {
	n := float64(len(x))
	mid := (n - 1) / 2
	mean, _ := meanSquares(x)
	slope := 0.0
	for i, v := range x {
		slope += (float64(i) - mid) * (v - mean)
	}
	slope /= n * (n*n - 1) / 12
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v - mean - slope*(float64(i)-mid)
	}
	return y
}
