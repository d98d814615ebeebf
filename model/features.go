package model

import "math"

// Features lays columns out as the input of a net. It is what Stream and
// training have in common. It is not safe for concurrent use.
type Features struct {
	inputs   []Input
	per      int       // channels
	past     []float32 // X of the latest maxLag slots, [slot][channel]
	seen     int       // slots in past, up to maxLag
	at       int       // place of the next slot in past
	maxLag   int
	level    float32 // the level that scale is of
	scale    float32 // 10^-level
	hasLevel bool
}

// stepLimit bounds the steps that a net sees, in units of the noise level:
// beyond, only that there is a jump matters.
const stepLimit = 8

// lag returns the distance of a step input, 0 for the others.
func (in Input) lag() int {
	switch in {
	case Step1:
		return 1
	case Step4:
		return 4
	case Step16:
		return 16
	}
	return 0
}

// NewFeatures returns the layout of a net of the given inputs that serves so
// many channels at once.
func NewFeatures(inputs []Input, channels int) *Features {
	f := &Features{inputs: inputs, per: channels}
	for _, in := range inputs {
		f.maxLag = max(f.maxLag, in.lag())
	}
	f.past = make([]float32, f.maxLag*channels)
	return f
}

// Reset forgets the slots seen.
func (f *Features) Reset() { f.seen, f.at = 0, 0 }

// copyFrom makes the slots seen those of src, of the same inputs.
func (f *Features) copyFrom(src *Features) {
	copy(f.past, src.past)
	f.seen, f.at = src.seen, src.at
}

// Append appends the net's input for slots of a series with so many channels,
// slot-major, of which the net serves those from first on.
func (f *Features) Append(dst []float32, cols []Column, channels, first int) []float32 {
	for ; len(cols) >= channels; cols = cols[channels:] {
		group := cols[first : first+f.per]
		for _, in := range f.inputs {
			for k := range group {
				dst = append(dst, f.value(in, group[k], k))
			}
		}
		if f.maxLag == 0 {
			continue
		}
		for k := range group {
			f.past[f.at*f.per+k] = group[k].X
		}
		f.at = (f.at + 1) % f.maxLag
		f.seen = min(f.seen+1, f.maxLag)
	}
	return dst
}

func (f *Features) value(in Input, c Column, k int) float32 {
	switch in {
	case Level:
		return c.Level
	case Mask:
		if c.Missing {
			return 1
		}
		return 0
	case Colour:
		return c.Colour
	case Signal:
		return c.X
	case Reading:
		if c.Missing {
			return 0
		}
		return c.X
	}
	lag := in.lag()
	if f.seen < lag {
		return 0
	}
	if !f.hasLevel || c.Level != f.level { // levels change rarely
		f.level, f.scale, f.hasLevel = c.Level, 1/unitOf(c.Level), true
	}
	before := f.past[(f.at+f.maxLag-lag)%f.maxLag*f.per+k]
	return min(max((c.X-before)*f.scale, -stepLimit), stepLimit)
}

// unitOf returns σ̂/dev, the noise level as a plain number.
func unitOf(level float32) float32 { return float32(math.Pow(10, float64(level))) }
