package nonlocal

// tail is the newest of a row of values, zeros before the first, side by side in
// memory that is a quarter longer.
type tail struct {
	keep int
	v    []float32
}

func newTail(keep int) tail {
	return tail{keep, make([]float32, keep, keep+keep/4)}
}

func (t *tail) push(x float32) {
	if len(t.v) == cap(t.v) {
		n := copy(t.v, t.v[len(t.v)-t.keep+1:])
		t.v = t.v[:n]
	}
	t.v = append(t.v, x)
}

func (t *tail) newest() float32 { return t.v[len(t.v)-1] }

// back returns n values of which the last is k before the newest.
func (t *tail) back(k, n int) []float32 {
	end := len(t.v) - k
	return t.v[end-n : end : end]
}

func (t *tail) reset() {
	t.v = t.v[:t.keep]
	clear(t.v)
}

// latest returns what is kept of a row of so many values.
func (t *tail) latest(pushed int64) []float32 {
	return t.back(0, int(min(pushed, int64(t.keep))))
}

// lower takes by from all values.
func (t *tail) lower(by float32) {
	for i := range t.v {
		t.v[i] -= by
	}
}
