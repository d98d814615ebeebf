package guard

import "math"

// readings are the latest readings of a channel, NaN where one is missing: a ring
// that grows with the channel.
type readings []float64

// at returns the reading of a slot, NaN of one that was not read.
func (r readings) at(t int64) float64 {
	if i := int(t % ring); i < len(r) {
		return r[i]
	}
	return math.NaN()
}

// set takes the reading of a slot.
func (r *readings) set(t int64, y float64) {
	i := int(t % ring)
	if i >= len(*r) {
		n := max(32, len(*r))
		for n <= i {
			n *= 2
		}
		longer := make(readings, n)
		for k := copy(longer, *r); k < n; k++ {
			longer[k] = math.NaN()
		}
		*r = longer
	}
	(*r)[i] = y
}

// appendTo appends the readings of slots from..to-1, at most ring of them, to dst.
func (r readings) appendTo(dst []float64, from, to int64) []float64 {
	for from < to {
		i := int(from % ring)
		n := min(int(to-from), ring-i)
		from += int64(n)
		there := r[min(i, len(r)):min(i+n, len(r))]
		dst = append(dst, there...)
		for range n - len(there) {
			dst = append(dst, math.NaN())
		}
	}
	return dst
}
