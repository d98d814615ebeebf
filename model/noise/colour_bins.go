package noise

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

const (
	binCount  = 40
	perOctave = 2 // leading bits of the mantissa that tell bins apart: four bins an octave
	// tiny stands for the logarithm of 0.
	tiny = -1100
	// What a restored histogram can hold: no block counts as much, no finite number
	// has a higher bin.
	maxCount = 1e6
	maxBin   = 2047<<perOctave - binCount - 1
)

// bins is a histogram of |d| over ten octaves around where the values lie, four
// bins an octave, that forgets. What lies beyond counts at the ends: the figures
// made of the quantiles are limited to less.
type bins struct {
	n     [binCount]float32
	zero  float32
	base  int32 // number of the lowest bin on the scale of binOf
	begun bool
}

// binOf numbers the bins of positive numbers: exponent and leading mantissa bits.
func binOf(v float64) int32 { return int32(math.Float64bits(v) << 1 >> (53 - perOctave)) }

// lowest returns the lower end of a bin.
func lowest(bin int32) float64 { return math.Float64frombits(uint64(max(bin, 0)) << (52 - perOctave)) }

func (b *bins) forget(keep float32) {
	b.zero *= keep
	for i := range b.n {
		b.n[i] *= keep
	}
}

// begin puts v > 0 in the middle of a histogram that is empty.
func (b *bins) begin(v float64) {
	if !b.begun && v > 0 {
		b.base, b.begun = binOf(v)-binCount/2, true
	}
}

// push forgets and counts the |v|, which must not be NaN, and moves the
// histogram to where they lie.
func (b *bins) push(values []float64, keep float32) {
	if !b.begun {
		b.begin(geometricMean(values))
	}
	b.forget(keep)
	for _, v := range values {
		b.add(v)
	}
	b.centre()
}

// geometricMean returns the geometric mean of the |v| that are not 0; 0 if there are
// none.
func geometricMean(values []float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range values {
		if v != 0 {
			sum += math.Log2(math.Abs(v))
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Exp2(sum / n)
}

// add counts |v|, which must not be NaN, in a histogram that has begun if v is
// not 0.
func (b *bins) add(v float64) {
	if v == 0 {
		b.zero++
		return
	}
	b.n[min(max(binOf(v)-b.base, 0), binCount-1)]++
}

func (b *bins) total() float64 {
	sum := float64(b.zero)
	for _, c := range b.n {
		sum += float64(c)
	}
	return sum
}

// centre moves the histogram so that its median stays 3.5 octaves away from its
// ends.
func (b *bins) centre() {
	const margin = 14
	half, sum, at := (b.total()-float64(b.zero))/2, 0.0, 0
	for at < binCount-1 {
		if sum += float64(b.n[at]); sum >= half {
			break
		}
		at++
	}
	if half <= 0 || at >= margin && at < binCount-margin {
		return
	}
	old, by := b.n, at-binCount/2
	clear(b.n[:])
	for i, c := range old {
		b.n[min(max(i-by, 0), binCount-1)] += c
	}
	b.base += int32(by)
}

// quantiles writes the base-2 logarithms of the quantiles p, which rise, to
// dst; where a quantile is 0 it is tiny.
func (b *bins) quantiles(dst, p []float64) {
	total, sum, at := b.total(), float64(b.zero), 0
	for i, q := range p {
		want := q * total
		if want <= float64(b.zero) {
			dst[i] = tiny
			continue
		}
		for at < binCount-1 && sum+float64(b.n[at]) < want {
			sum += float64(b.n[at])
			at++
		}
		share := 1.0
		if c := float64(b.n[at]); c > 0 {
			share = min((want-sum)/c, 1)
		}
		lo, hi := lowest(b.base+int32(at)), lowest(b.base+int32(at)+1)
		dst[i] = math.Log2(lo + share*(hi-lo))
	}
}

func (b *bins) appendState(dst []byte) []byte {
	dst = wire.I64(wire.F32(wire.Bool(dst, b.begun), b.zero), int64(b.base))
	for _, c := range b.n {
		dst = wire.F32(dst, c)
	}
	return dst
}

func (b *bins) restore(r *wire.Reader) {
	b.begun, b.zero = r.Bool(), r.F32()
	base := r.I64()
	b.base = int32(min(max(base, math.MinInt32), math.MaxInt32))
	for i := range b.n {
		if b.n[i] = r.F32(); !(b.n[i] >= 0 && b.n[i] < maxCount) {
			r.Fail(errNotColour)
		}
	}
	if !(b.zero >= 0 && b.zero < maxCount) || b.base < -binCount || b.base > maxBin {
		r.Fail(errNotColour)
	}
}

// zeros returns the share of zeros.
func (b *bins) zeros() float64 { return float64(b.zero) / max(b.total(), 1) }
