package guard

import "math"

const (
	mixBack  = 16 // slots before the present one whose readings and estimates are mixed in
	mixAhead = 8  // slots after it whose readings are
	mixRing  = 2 * mixBack

	ridge    = 2000 // σ², that each sum of squares counts for more: what few blocks teach is held back
	farthest = 3.   // deviations of its error by which the mix may be off the network's estimate
)

// mixer mixes the network's estimate with what is near. With n the estimate of a slot,
// and φ the readings around it and the network's estimates before it, each less n, the
// mix is n + Σ hφ. A linear filter of these readings is such a mix, and so is any
// weighted mean of it and the network. The best h solves
//
//	E φφᵀ h = E φ(x-n) = E φ(y-n) - σ² E ∂φ/∂y
//
// whose right side is known without the truth (Stein 1981, as in the doc of the
// package): how much an earlier estimate hangs on the reading follows from the second
// run, since the readings are moved to either side at random. The network knows signals
// of all kinds; so it gains what is particular to this one, and loses what it regularly
// errs by. How far the mix is to be trusted is judged on blocks before it learns from
// them.
type mixer struct {
	nets  latest // what the network says
	moved latest // by how much the second run moved that, in nudges

	slots    float64   // that are learnt from, with memory
	fresh    float64   // of them, of the block that is being gathered
	products []float64 // Σ φφᵀ in σ̂², the upper triangle by rows; nil before the first slot
	cross    []float64 // Σ φ(y-n) in σ̂²
	slope    []float64 // Σ ∂φ/∂y

	taps  []float64 // h; nil before it is known
	own   float64   // ∂/∂y of the step Σ hφ, in the mean
	trust trust     // in that step
}

// latest are values of the latest slots, NaN where there is none.
type latest [mixRing]float64

func (l *latest) at(t int64) float64     { return l[(t+mixRing)%mixRing] }
func (l *latest) set(t int64, x float64) { l[t%mixRing] = x }

func newMixer() mixer {
	var x mixer
	x.reset()
	return x
}

// reset begins a new context. What was learnt stays.
func (x *mixer) reset() {
	for i := range x.nets {
		x.nets[i], x.moved[i] = math.NaN(), math.NaN()
	}
	x.trust.now, x.fresh = gains{}, 0
}

// mixed returns the number of values that are mixed in at a look-ahead.
func mixed(lookahead int) int { return min(lookahead, mixAhead) + 1 + 2*mixBack }

// mix serves the mix in place of the network's estimate at slot t, and learns from the
// slot where that is due. own is ∂x̂/∂y of what it returns, NaN where it is not known.
func (c *channel) mix(p *Panel, t, in int64, due schedule, served Choice, v Value) (_ Choice, own float64) {
	x := &c.mixer
	own = v.Own
	gathers := due.gathers(t)
	if served.Filter == "" && !v.Coloured && !v.Told && v.Sigma > 0 && v.Net-v.Net == 0 && (gathers || x.trust.share > 0) {
		all := c.around(p.phi, t, in, v.Net)
		f, df := x.step(p.phi, served.Spread)
		if r := c.raw.at(t) - v.Net; gathers && all && own-own == 0 {
			x.gather(t, p.phi, r, v)
			if x.taps != nil && math.Abs(r) <= wild*v.Sigma {
				x.trust.gather(due.place(t)/part, f, r, c.net.rho*v.Sigma*v.Sigma*df, served.Spread, v.Sigma)
			}
		}
		if s := x.trust.share; s > 0 && f != 0 {
			served.Clean += s * f
			served.Spread *= math.Sqrt(1 - min(x.trust.less, mostLess))
			own += s * df
		}
	}
	x.nets.set(t, v.Net)
	x.moved.set(t, v.Own*v.Side)
	return served, own
}

// around sets phi to φ of slot t, where the network says n. It says whether all of it is
// there; what is not is 0.
func (c *channel) around(phi []float64, t, in int64, n float64) (all bool) {
	all = true
	ys, nets := phi[:len(phi)-mixBack], phi[len(phi)-mixBack:]
	for i := range ys {
		v := math.NaN()
		if k := t - mixBack + int64(i); k >= 0 && k < in {
			v = c.raw.at(k) - n
		}
		if v-v != 0 {
			v, all = 0, false
		}
		ys[i] = v
	}
	for i := range nets {
		v := c.mixer.nets.at(t-mixBack+int64(i)) - n
		if v-v != 0 {
			v, all = 0, false
		}
		nets[i] = v
	}
	return all
}

// step returns the step from the network's estimate to the mix, and ∂/∂y of it; both
// are 0 where it is too far to be true: a reading near is wild.
func (x *mixer) step(phi []float64, spread float64) (f, df float64) {
	if x.taps == nil {
		return 0, 0
	}
	for i, h := range x.taps {
		f += h * phi[i]
	}
	if !(math.Abs(f) <= farthest*spread) {
		return 0, 0
	}
	return f, x.own
}

// gather learns from slot t, whose reading is r off the network's
// estimate. It scales phi.
func (x *mixer) gather(t int64, phi []float64, r float64, v Value) {
	r /= v.Sigma
	squares := 0.
	for i := range phi {
		phi[i] /= v.Sigma
		squares += phi[i] * phi[i]
	}
	if !(squares <= wild*wild*float64(len(phi))) || !(math.Abs(r) <= wild) {
		return // a wild reading, or hardly any noise
	}
	first := t - mixBack
	for k := first; k < t; k++ {
		if m := x.moved.at(k); m-m != 0 {
			return
		}
	}
	x.add(phi, r)
	for k := first; k < t; k++ {
		x.slope[len(phi)-mixBack+int(k-first)] += x.moved.at(k) * v.Side
	}
	x.slope[mixBack]++ // the reading itself
	for i := range x.slope {
		x.slope[i] -= v.Own
	}
}

// add takes φ and y-n of a slot, in σ̂.
func (x *mixer) add(phi []float64, r float64) {
	if x.products == nil {
		n := len(phi)
		x.products, x.cross, x.slope = make([]float64, n*(n+1)/2), make([]float64, n), make([]float64, n)
	}
	at := 0
	for i, a := range phi {
		row := x.products[at:][:len(phi)-i]
		for j, b := range phi[i:] {
			row[j] += a * b
		}
		at += len(row)
		x.cross[i] += a * r
	}
	x.slots++
	x.fresh++
}

// learn takes what a block taught into the mix, beside what is known of the network.
func (x *mixer) learn(p *Panel, net *network) {
	n := x.fresh
	x.fresh = 0
	x.trust.learn(net.mean())
	if n == 0 {
		return
	}
	if x.taps == nil {
		x.taps = make([]float64, len(x.cross))
	}
	for i := range x.taps {
		x.taps[i] = x.cross[i] - net.rho*x.slope[i]
	}
	if !p.solve(x.taps, x.products, ridge) {
		x.taps = nil
		return
	}
	x.own = 0
	for i, h := range x.taps {
		x.own += h * x.slope[i] / x.slots
	}
	keep := 1 - n/memory
	x.slots *= keep
	for _, all := range [...][]float64{x.products, x.cross, x.slope} {
		for i := range all {
			all[i] *= keep
		}
	}
}

// solve sets b to the solution h of (A+λI)h = b by Cholesky's factor, where a is the upper
// triangle of A by rows. It says whether there is one.
func (p *Panel) solve(b, a []float64, lambda float64) bool {
	n := len(b)
	p.factor = append(p.factor[:0], a...)
	rest := p.factor
	for i := range n {
		row := rest[:n-i]
		rest = rest[n-i:]
		d := math.Sqrt(row[0] + lambda)
		if !(d > 0) || math.IsInf(d, 1) {
			return false
		}
		row[0] = d
		for j := 1; j < len(row); j++ {
			row[j] /= d
		}
		below := rest
		for k := 1; k < len(row); k++ {
			v := row[k]
			for j, w := range row[k:] {
				below[j] -= v * w
			}
			below = below[len(row)-k:]
		}
		b[i] /= d
		for j := 1; j < len(row); j++ {
			b[i+j] -= row[j] * b[i]
		}
	}
	at := len(p.factor)
	for i := n - 1; i >= 0; i-- {
		at -= n - i
		row := p.factor[at:][:n-i]
		for j := 1; j < len(row); j++ {
			b[i] -= row[j] * b[i+j]
		}
		if b[i] /= row[0]; b[i]-b[i] != 0 {
			return false
		}
	}
	return true
}
