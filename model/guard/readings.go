package guard

import "math"

// readings are the latest readings of a channel, NaN where one is missing: a ring of a
// power of two that grows with the channel up to block, and beyond where keep says so.
type readings []float64

func newReadings() (r readings) {
	r.resize(32, 0)
	return r
}

// at returns the reading of a slot, one of the latest.
func (r readings) at(t int64) float64 { return r[int(t)&(len(r)-1)] }

// set takes the reading of a slot, the next one.
func (r *readings) set(t int64, y float64) {
	if n := int64(len(*r)); t >= n && n < block {
		r.resize(int(min(2*n, block)), t)
	}
	(*r)[int(t)&(len(*r)-1)] = y
}

// keep has room for the latest n readings, at most ring, of which slot t is the next, and
// not for more than that and block.
func (r *readings) keep(n int, t int64) {
	switch {
	case n > block && len(*r) < ring:
		r.resize(ring, t)
	case n <= block && len(*r) > block:
		r.resize(block, t)
	}
}

// resize has room for n readings, of which slot t is the next.
func (r *readings) resize(n int, t int64) {
	other := make(readings, n)
	for i := range other {
		other[i] = math.NaN()
	}
	for k := max(0, t-int64(min(n, len(*r)))); k < t; k++ {
		other[int(k)&(n-1)] = r.at(k)
	}
	*r = other
}

// appendTo appends the readings of slots from..to-1, some of the latest, to dst.
func (r readings) appendTo(dst []float64, from, to int64) []float64 {
	for from < to {
		i := int(from) & (len(r) - 1)
		n := min(int(to-from), len(r)-i)
		from += int64(n)
		dst = append(dst, r[i:i+n]...)
	}
	return dst
}
