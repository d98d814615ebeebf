package nn

// Taps names which taps of a convolution read which of its input channels.
type Taps string

// The restrictions of taps. The centre is the tap that reads the column that the
// output is for.
const (
	AllTaps   Taps = ""      // all channels by all taps
	SidedTaps Taps = "sided" // the first half of the channels up to the centre, the second half from it on
	BlindTaps Taps = "blind" // the same without the centre
)

// masked reports whether some weights of the layer are held at zero.
func (l LayerSpec) masked() bool { return l.Groups > 1 || l.Taps != AllTaps }

// centre returns the index of the tap that reads the column the output is for.
func (l LayerSpec) centre() int { return l.Pad[0] / l.dilation() }

// reads reports whether output channel out of a convolution of so many input
// channels may have a weight other than zero for a tap of channel in.
func (l LayerSpec) reads(out, in, tap, channels int) bool {
	if g := max(l.Groups, 1); out*g/l.Out != in*g/channels {
		return false
	}
	if l.Taps == AllTaps {
		return true
	}
	ahead := tap - l.centre()
	if in < channels/2 {
		ahead = -ahead
	}
	return ahead > 0 || ahead == 0 && l.Taps == SidedTaps
}

// mask returns the positions in a layer's weight that are held at zero.
func (l LayerSpec) mask(channels int) []int32 {
	if !l.masked() {
		return nil
	}
	inStep, outStep := l.strides(channels)
	var zeros []int32
	for out := range l.Out {
		for in := range channels {
			for tap := range l.kernel() {
				if !l.reads(out, in, tap, channels) {
					zeros = append(zeros, int32(out*outStep+in*inStep+tap))
				}
			}
		}
	}
	return zeros
}

// clearAt sets x to zero at the positions of a mask.
func clearAt(x []float32, mask []int32) {
	for _, i := range mask {
		x[i] = 0
	}
}

// mask checks the restrictions of a layer of so many input channels.
func (v *validator) mask(path string, l LayerSpec, channels int) {
	if g := max(l.Groups, 1); l.Out%g != 0 || channels%g != 0 {
		v.errorf(path, "%d groups do not divide %d channels in and %d out; want a divisor of both", l.Groups, channels, l.Out)
	}
	switch {
	case l.Taps == AllTaps:
	case l.Taps != SidedTaps && l.Taps != BlindTaps:
		v.errorf(path, "unknown taps %q; want sided, blind or none", l.Taps)
	case channels%2 != 0:
		v.errorf(path, "%s taps on %d channels; want an even number", l.Taps, channels)
	case l.stride() != 1 || l.Pad[0]%l.dilation() != 0 || l.centre() >= l.kernel():
		v.errorf(path, "%s taps without a tap at the column the output is for; want stride 1 and a pad[0] of a multiple of the dilation up to %d",
			l.Taps, (l.kernel()-1)*l.dilation())
	case l.Taps == BlindTaps && l.kernel() == 1:
		v.errorf(path, "blind taps with a kernel of 1 read nothing; want at least 2")
	}
}
