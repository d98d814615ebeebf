package drift

// mean is a running mean.
type mean struct {
	n int
	v float64
}

func (m *mean) add(x float64) {
	m.n++
	m.v += (x - m.v) / float64(m.n)
}

// addScaled is add in the order of River's stats.Mean: tests of equality see
// the last bit. The conversion keeps the compiler from fusing.
func (m *mean) addScaled(x float64) {
	m.n++
	m.v += float64(1 / float64(m.n) * (x - m.v))
}

func (m *mean) code(c *codec) {
	c.count(&m.n)
	c.f64(&m.v)
}

// variance adds the sum of squared deviations to a mean (Welford 1962).
type variance struct {
	mean
	sum float64
}

func (v *variance) add(x float64) {
	old := v.v
	v.addScaled(x)
	v.sum += (x - old) * (x - v.v)
}

// sample returns the sum over n−1, and 0 for fewer than two values.
func (v *variance) sample() float64 {
	if v.n < 2 {
		return 0
	}
	return v.sum / float64(v.n-1)
}

func (v *variance) code(c *codec) {
	v.mean.code(c)
	c.f64(&v.sum)
}

// ewma is an exponentially weighted mean.
type ewma struct{ v float64 }

func (e *ewma) add(x, weight float64) {
	e.v = float64(weight*x) + float64((1-weight)*e.v)
}
