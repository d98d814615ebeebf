package guard

import "math"

// judged is a block that was gathered, while the filters are run over it, one
// per slot: that spreads the work.
type judged struct {
	open   bool
	start  int64
	next   int // filter
	sigma2 float64
	now    evidence
	net    [parts]float64 // Σ of the network's estimated squared error, in σ²
	total  float64        // slots
}

// tally is what is known of a filter: sums over parts, with memory.
type tally struct {
	weight  float64 // slots
	risk    float64 // estimated squared error, in σ²
	count   float64 // parts
	diff    float64 // the network's estimated error less its own
	squares float64 // of diff
}

// close ends a block that began at slot start, and has the filters run over it.
func (c *channel) close(start int64) {
	j := judged{open: true, start: start, sigma2: c.sigma * c.sigma, now: c.now}
	for i, n := range j.now.n {
		j.total += n
		if j.sigma2 > 0 {
			j.net[i] = j.now.squares[i]/j.sigma2 - n + 2*j.now.own[i]
		}
	}
	// Where too much is missing there is nothing to say.
	j.open = j.sigma2 > 0 && j.total >= block/2
	c.judged, c.now = j, evidence{}
}

// judgeNext runs the next filter that is worth it over the block. That the block
// and what it needs is still among the latest readings a test proves.
func (c *channel) judgeNext(p *Panel, in, blocks int64) {
	j := &c.judged
	for j.next < len(c.tally) && c.skips(j.next, blocks) {
		j.next++
	}
	if j.next == len(c.tally) {
		j.open = false
		c.decide(p, in, blocks)
		return
	}
	k := j.next
	j.next++
	from := max(0, j.start-settle, in-ring)
	to := min(in, j.start+block+int64(p.lookahead))
	p.raw = p.raw[:0]
	for t := from; t < to; t++ {
		p.raw = append(p.raw, c.raw[t%ring])
	}
	squares, own := p.run(k, p.raw, int(j.start-from))
	y := &c.tally[k]
	y.decay(1 - j.total/memory)
	for i, n := range j.now.n {
		if n == 0 {
			continue
		}
		risk := squares[i]/j.sigma2 - n + 2*own[i]
		d := j.net[i] - risk
		y.weight += n
		y.risk += risk
		y.count++
		y.diff += d
		y.squares += d * d
	}
}

func (t *tally) decay(f float64) {
	t.weight *= f
	t.risk *= f
	t.count *= f
	t.diff *= f
	t.squares *= f
}

// lead returns by how much a filter is better than the network, per part in σ²,
// and the standard error of that.
func (t *tally) lead() (mean, err float64) {
	if t.count < 2 {
		return 0, math.Inf(1)
	}
	mean = t.diff / t.count
	return mean, math.Sqrt(max(0, t.squares/t.count-mean*mean) / (t.count - 1))
}

// skips says whether a filter is clearly worse than the best one, and it is not
// its turn to be tried again.
func (c *channel) skips(k int, blocks int64) bool {
	t := &c.tally[k]
	if t.count == 0 || c.filter < 0 || k == c.filter || (blocks+int64(k))%retry == 0 {
		return false
	}
	best, _ := c.tally[c.filter].lead()
	mean, err := t.lead()
	return best-mean > tolerance*part+hopeless*err
}

// decide weighs the evidence after a block.
func (c *channel) decide(p *Panel, in, blocks int64) {
	j := &c.judged
	c.net.add(j)
	best, most := c.filter, math.Inf(-1)
	if best >= 0 { // it goes on unless another one is better by more than a little
		most, _ = c.tally[best].lead()
		most += tolerance * part
	}
	for k := range c.tally {
		if lead, _ := c.tally[k].lead(); c.tally[k].count > 0 && lead > most {
			best, most = k, lead
		}
	}
	another, was := best != c.filter, c.serving
	c.filter = best
	lead, err := c.tally[best].lead()
	switch {
	case blocks < patience:
		c.serving = lead > against*err
	case was:
		c.serving = lead > -convincing*err
	default:
		c.serving = lead > -lasting*err
	}
	switch {
	case !c.serving:
		c.live = nil
	case another || !was:
		c.mix = 1
		c.enter(p, in)
	case j.now.mixedN > 0:
		t := &c.tally[best]
		c.mix = factor(t.risk, j.now.mixed/j.sigma2/j.now.mixedN*t.weight, t.weight)
	}
}

func (n *network) add(j *judged) {
	f := 1 - j.total/memory
	n.risk, n.claim, n.weight = n.risk*f, n.claim*f+j.now.claim/j.sigma2, n.weight*f+j.total
	for _, r := range j.net {
		n.risk += r
	}
}

// factor is what the deviations are to be multiplied with that the network claims.
func (n *network) factor() float64 { return factor(n.risk, n.claim, n.weight) }

// trust is how many slots of evidence a claim is worth at the start.
const trust = 1024

// factor returns what deviations are to be multiplied with whose squares sum up
// to claim over weight slots, where those of the errors are estimated as risk.
func factor(risk, claim, weight float64) float64 {
	if !(claim > 0) || !(weight > 0) {
		return 1
	}
	prior := claim / weight * trust
	return math.Sqrt(min(max((risk+prior)/(claim+prior), .25), 9))
}
