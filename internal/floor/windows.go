package floor

import "math"

const (
	windowBlock = 256 // readings that the spectrum is taken of
	leastBlocks = 4   // that say something

	// leastColour is the memory from reading to reading of noise, AR(1), that white noise is told
	// from, at colouredErrors standard errors. With more of it the spectrum is steeper.
	leastColour    = .5
	colouredErrors = 2
)

// slope is the shape of the fastest half of the spectrum of such noise: the power of its bands
// above their mean, as a share of it. steep is the sum of the squares.
var slope, steep = func() (slope [Bands / 2]float64, steep float64) {
	mean := 0.0
	for b := range slope {
		f := (float64(Bands/2+b) + .5) / (2 * Bands)
		slope[b] = 1 / (1 + leastColour*leastColour - 2*leastColour*math.Cos(2*math.Pi*f))
		mean += slope[b] / float64(len(slope))
	}
	for b := range slope {
		slope[b] = slope[b]/mean - 1
		steep += slope[b] * slope[b]
	}
	return slope, steep
}()

// Windows is the spectrum of a handful of windows of readings. It is not safe for concurrent
// use.
type Windows struct {
	spectra *Spectra
	floor   Floor
}

// NewWindows returns that of none.
func NewWindows() *Windows { return &Windows{spectra: NewSpectra(windowBlock)} }

// Add takes the readings of a window, NaN where one is missing, under noise that is estimated
// as σ̂². One of fewer than 256 readings says nothing.
func (w *Windows) Add(readings []float64, sigma2 float64) {
	for ; len(readings) >= windowBlock; readings = readings[windowBlock/2:] {
		w.floor.Add(w.spectra, readings[:windowBlock], sigma2, 1)
	}
}

// Share returns which share of σ̂² is noise, as far as the windows show it clearly, else 1. ok is
// false where there are too few to tell.
func (w *Windows) Share() (share float64, ok bool) {
	if w.floor.n < leastBlocks {
		return 1, false
	}
	return Clear(w.floor.Share(w.spectra), w.floor.n, windowBlock), true
}

// White says whether the fastest half of the spectrum is flat, as that of white noise is: the
// windows show that the noise has no correlation of half or more from reading to reading. It
// says nothing of what is slower, which a signal may be. About one in forty such noises is
// taken for white, and fewer that have more of a memory.
func (w *Windows) White() bool {
	top := w.floor.power[Bands/2:]
	mean := 0.0
	for _, p := range top {
		mean += p / float64(len(top))
	}
	if w.floor.n < leastBlocks || !(mean > 0) {
		return false
	}
	likeness, variance := 0.0, 0.0 // to coloured noise, and what it scatters by there
	for b, p := range top {
		likeness += slope[b] * (p/mean - 1)
		scatter := slope[b] * (1 + slope[b])
		variance += scatter * scatter
	}
	err := errorOf(windowBlock) * math.Sqrt(variance/w.floor.n)
	return likeness < steep-colouredErrors*err && likeness > -steep
}
