package drift

import "slices"

// ring holds the latest values in the order of time, up to its capacity.
type ring struct {
	v     []float64
	first int // place of the oldest
	held  int
}

func newRing(n int) ring { return ring{v: make([]float64, n)} }

func (r *ring) len() int { return r.held }

// at returns the i-th oldest value.
func (r *ring) at(i int) float64 {
	if i += r.first; i >= len(r.v) {
		i -= len(r.v)
	}
	return r.v[i]
}

// push adds a value; a full ring loses its oldest.
func (r *ring) push(x float64) {
	if r.held == len(r.v) {
		r.pop()
	}
	i := r.first + r.held
	if i >= len(r.v) {
		i -= len(r.v)
	}
	r.v[i] = x
	r.held++
}

// pop removes the oldest value.
func (r *ring) pop() float64 {
	x := r.v[r.first]
	if r.first++; r.first == len(r.v) {
		r.first = 0
	}
	r.held--
	return x
}

func (r *ring) clear() { r.first, r.held = 0, 0 }

// code writes the values from the oldest to the newest.
func (r *ring) code(c *codec) {
	n := r.held
	c.count(&n)
	if c.r != nil {
		if n > len(r.v) {
			c.r.Fail(errForeign)
			return
		}
		r.first, r.held = 0, n
		for i := range n {
			c.f64(&r.v[i])
		}
		return
	}
	for i := range n {
		x := r.at(i)
		c.f64(&x)
	}
}

// sorted holds values in ascending order.
type sorted []float64

// insert adds a value within the capacity.
func (s *sorted) insert(x float64) {
	i, _ := slices.BinarySearch(*s, x)
	n := len(*s)
	*s = (*s)[:n+1]
	copy((*s)[i+1:], (*s)[i:n])
	(*s)[i] = x
}

// remove takes out a value that is held.
func (s *sorted) remove(x float64) {
	i, _ := slices.BinarySearch(*s, x)
	copy((*s)[i:], (*s)[i+1:])
	*s = (*s)[:len(*s)-1]
}
