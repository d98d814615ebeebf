package replay

import (
	"math"
	"math/bits"
	"unsafe"
)

// Scale is what one channel of a window was scaled with, in the channel's unit.
type Scale struct {
	Mean  float64
	Dev   float64 // 0: the values are not scaled, only the mean is off
	Sigma float64 // noise level; 0 while unknown
}

// Window is T consecutive slots of a series. It is read only and never reused:
// a reference stays good, in any goroutine, whatever becomes of the Buffer.
type Window struct {
	Series string
	Start  int64 // index of the first slot in the series' grid
	// Values are [T][C] with channel c of slot t at t*C+c, scaled by Scales:
	//	(raw - Mean) / Dev,  or raw - Mean where Dev is 0
	// A value far from zero in its unit keeps its digits that way. 0 where missing.
	Values []float32
	Scales []Scale // one per channel
	// Regime is the number of the regime that the series was in, see
	// Buffer.SetRegime.
	Regime int

	missing []uint64 // bit t*C+c; nil: nothing is missing
}

// Missing says whether channel c of slot t has no value.
func (w *Window) Missing(t, c int) bool {
	i := t*len(w.Scales) + c
	return w.missing != nil && w.missing[i/64]>>(i%64)&1 != 0
}

// MissingCount returns the number of missing values.
func (w *Window) MissingCount() int {
	n := 0
	for _, b := range w.missing {
		n += bits.OnesCount64(b)
	}
	return n
}

// Steps returns the number of slots T.
func (w *Window) Steps() int { return len(w.Values) / len(w.Scales) }

// End returns the index of the slot after the last one.
func (w *Window) End() int64 { return w.Start + int64(w.Steps()) }

// Raw returns channel c of slot t in the channel's unit, NaN where it is missing.
func (w *Window) Raw(t, c int) float64 {
	if w.Missing(t, c) {
		return math.NaN()
	}
	s := w.Scales[c]
	x := float64(w.Values[t*len(w.Scales)+c])
	if s.Dev > 0 {
		x *= s.Dev
	}
	return s.Mean + x
}

// Level returns the noise level of channel c as networks take it: log10(Sigma/Dev)
// within -3 … 0.5, and -3 where either is unknown.
func (w *Window) Level(c int) float64 {
	s := w.Scales[c]
	if !(s.Sigma > 0 && s.Dev > 0) {
		return leastLevel
	}
	return min(max(math.Log10(s.Sigma/s.Dev), leastLevel), mostLevel)
}

// The range of noise levels that networks know.
const leastLevel, mostLevel = -3, 0.5

func (w *Window) setMissing(i int) {
	if w.missing == nil {
		w.missing = make([]uint64, (len(w.Values)+63)/64)
	}
	w.missing[i/64] |= 1 << (i % 64)
}

// newWindow copies what it is given. missing may be nil. A value that is not
// finite counts as missing, whatever its mark.
func newWindow(series string, start int64, values []float32, missing []bool, scales []Scale) *Window {
	w := &Window{Series: series, Start: start, Values: append([]float32(nil), values...), Scales: append([]Scale(nil), scales...)}
	for i, v := range values {
		if v-v != 0 || missing != nil && missing[i] {
			w.Values[i] = 0
			w.setMissing(i)
		}
	}
	return w
}

// windowBytes is the memory of a window of the given shape: its values, scales
// and mask, the structs that hold them, and the slot of its entry. The series'
// name is shared with the caller and not counted.
func windowBytes(steps, channels int) int {
	n := steps * channels
	return 4*n + 8*((n+63)/64) + int(unsafe.Sizeof(Scale{}))*channels + int(unsafe.Sizeof(Window{})) + int(unsafe.Sizeof(entry{}))
}
