package nonlocal

// tail is the newest of a row of values, zeros before the first, side by side in
// memory that grows with them, up to an eighth longer than what is kept.
type tail struct {
	keep int
	v    []float32
}

// before is how many zeros there are in front of the first value: as far as is looked
// back from it.
const before = past + maxGap + maxAhead + nearest + 4

func newTail(keep int) tail { return tail{keep: keep, v: make([]float32, min(keep, before))} }

func (t *tail) push(x float32) {
	if most := t.keep + t.keep/8; len(t.v) == cap(t.v) && cap(t.v) < most {
		t.v = append(make([]float32, 0, min(2*cap(t.v), most)), t.v...)
	} else if len(t.v) == cap(t.v) {
		t.v = t.v[:copy(t.v, t.v[len(t.v)-t.keep+1:])]
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
	t.v = t.v[:min(t.keep, before)]
	clear(t.v)
}

// held returns how many are kept of a row of so many values.
func (t *tail) held(pushed int64) int { return int(min(pushed, int64(t.keep))) }

// latest returns them.
func (t *tail) latest(pushed int64) []float32 { return t.back(0, t.held(pushed)) }

// lower takes by from all values.
func (t *tail) lower(by float32) {
	for i := range t.v {
		t.v[i] -= by
	}
}

// fill takes the values of a row that is as new.
func (t *tail) fill(values []float32) {
	for _, x := range values {
		t.push(x)
	}
}
