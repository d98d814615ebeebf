package guard

import "github.com/quell-stream/quell/model/classic"

const (
	longestBlend = settle // taps of a blend: as many readings as a filter is entered with
	mostTail     = .01    // of a filter's weight that may lie beyond
)

// blend has the mean of two filters serve in place of the best one where that is
// likely to err less. With a and b their errors,
//
//	E ((a+b)/2)² = (E a² + E b²)/2 - E (a-b)²/4
//
// and the noise alone makes E (a-b)² as large as ρσ̂² times the energy of the
// difference of their impulse responses. So the mean is the better one where b² is above
// a² by less than half of that, by Stein's estimate and by how well both foretell: the
// one hangs on σ², the other does not. Filters whose evidence is nearly equal are as a
// rule that close. Their mean errs less than either, and hangs less on which of them
// chance favours (Leung and Barron, "Information Theory and Mixed Least-Squares
// Regressions", 2006). Means of more than two gain nothing more.
//
// The mean of two linear filters is linear: it is served as its taps, like a filter
// that was learnt.
func (c *channel) blend(p *Panel, rho float64) {
	a := p.tapsOf(c.filter)
	if a == nil {
		return
	}
	first := &c.tally[c.filter]
	with, most := []float64(nil), 0.
	for k := range c.tally {
		t := &c.tally[k]
		more := max(t.mean(rho)-first.mean(rho), t.loss()-first.loss()) / 2
		if k == c.filter || !(more < rho) || p.params[k].Latency() != p.params[c.filter].Latency() {
			continue
		}
		if b := p.tapsOf(k); b != nil {
			if less := rho*apart(a, b)/4 - more; less > most {
				with, most = b, less
			}
		}
	}
	if with == nil {
		return
	}
	taps := make([]float64, len(a))
	for i := range taps {
		taps[i] = (a[i] + with[i]) / 2
	}
	c.serves = learntAs(c.serves, taps, 0)
}

// apart returns the energy of the difference of two impulse responses.
func apart(a, b []float64) float64 {
	sum := 0.
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return sum
}

// learntAs returns the settings of a filter of so many taps, with the latency of p.
func learntAs(p classic.Params, taps []float64, mean float64) classic.Params {
	if p.Family != classic.WienerName {
		p = classic.Params{Family: classic.WienerName, Window: len(taps), Lookahead: p.Latency()}
	}
	p.Taps, p.Mean = taps, mean
	return p
}

// tapsOf returns the impulse response of filter k, whose sum is 1, nil where it has
// none or one that is too long. It is worked out when it is first wanted.
func (p *Panel) tapsOf(k int) []float64 {
	if p.ranks[k] || p.filters[k] == nil || p.params[k].Family == classic.IdentityName {
		return nil
	}
	if p.taps == nil {
		p.taps = make([][]float64, len(p.params))
	}
	if p.taps[k] == nil {
		p.taps[k] = impulse(p.params[k], longestBlend)
	}
	if len(p.taps[k]) == 0 {
		return nil
	}
	return p.taps[k]
}

// impulse returns the first n values of an impulse response, of the sum 1; none where
// it goes on for long.
func impulse(c classic.Params, n int) []float64 {
	f := newFilter(c)
	for range quiet {
		f.Push(0)
	}
	h := make([]float64, n)
	sum := 0.
	for t := range h {
		y := 0.
		if t == 0 {
			y = 1
		}
		h[t], _ = f.Push(y)
		sum += h[t]
	}
	if sum < 1-mostTail || sum > 1+mostTail {
		return []float64{}
	}
	for t := range h {
		h[t] /= sum
	}
	return h
}
