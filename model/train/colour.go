package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/floor"
	"github.com/quell-stream/quell/model/noise"
)

// mostColour is by how much two estimates of a white noise's level may differ.
// Noise with a memory of ρ from sample to sample, AR(1), makes them differ by
// 1.33 at ρ = .3, 1.50 at .5 and 1.66 at .9; a signal that reaches into the
// second octave, as vibrations do, by 1.2 and more.
const mostColour = 1.4

// Coloured says whether the noise of stretches of one channel, in one unit and NaN where a
// value is missing, is not white. It compares the level in the
// second octave with that of differences, which the highest frequencies rule, by
// the median over the stretches, and returns both; zeros where there is too
// little to tell. Where the second octave has more, and the spectrum above it is that of white
// noise (internal/floor), that more is signal.
func Coloured(stretches [][]float64) (coloured bool, octave, diff float64) {
	var octaves, diffs []float64
	top := floor.NewWindows()
	var there []float64
	for _, x := range stretches {
		there = there[:0]
		for _, v := range x {
			if v == v {
				there = append(there, v)
			}
		}
		o, d := noise.SigmaMADLevel(there, 2), noise.SigmaDiff(there)
		if o > 0 && d > 0 {
			octaves, diffs = append(octaves, o), append(diffs, d)
			top.Add(x, d*d)
		}
	}
	if len(octaves) == 0 {
		return false, 0, 0
	}
	octave, diff = lowerMedian(octaves), lowerMedian(diffs)
	r := octave / diff
	return r > mostColour && !top.White() || r < 1/mostColour, octave, diff
}

// ErrColoured is what CheckWhite and Truthless return, wrapped with figures, where
// the noise is not white.
var ErrColoured = errors.New("the noise is not white")

// colourStretch is the number of slots that CheckWhite looks at together.
const colourStretch = 512

// CheckWhite returns ErrColoured, wrapped, where the noise of some channel of the
// windows is not white by Coloured. The windows should be of one series, or of
// several of the same kind.
func CheckWhite(windows []Window) error {
	if len(windows) == 0 {
		return nil
	}
	for c := range windows[0].Channels {
		var xs [][]float64
		for i := range windows {
			w := &windows[i]
			var x []float64
			for k := c; k < len(w.Cols); k += w.Channels {
				v := math.NaN()
				if !w.Cols[k].Missing {
					v = float64(w.Cols[k].X)
				}
				x = append(x, v)
				if len(x) == colourStretch {
					xs, x = append(xs, x), nil
				}
			}
		}
		if yes, octave, diff := Coloured(xs); yes {
			return fmt.Errorf("%w: its level is %.2g in the second octave and %.2g between neighbours, in deviations of the readings", ErrColoured, octave, diff)
		}
	}
	return nil
}

// lowerMedian returns the lower median of x, which it sorts.
func lowerMedian(x []float64) float64 {
	slices.Sort(x)
	return x[(len(x)-1)/2]
}
