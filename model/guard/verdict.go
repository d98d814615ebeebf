package guard

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/model/classic"
)

// judged is a block that was gathered, while the filters are run over it, one
// per slot: that spreads the work.
type judged struct {
	open   bool
	start  int64
	next   int // filter
	sigma2 float64
	now    evidence
	total  float64 // slots
}

// tally is what is known of a filter, in σ̂²: sums over parts, with memory. Where
// σ² is ρσ̂², a filter is better than the network by diff+ρ·own.
//
// There is one of each of 130 filters, so they are kept in single precision, rounded once
// a block: of a risk of a hundredth of σ² that is a share of 1e-5, and verdicts go by a
// fiftieth of a risk. σ² that is taken from a loss is off by 1e-8, and with it intervals
// and filters that are learnt.
type tally struct {
	slots   float32
	squares float32 // Σ (y-x̂)²
	weights float32 // Σ ∂x̂/∂y
	alone   float32 // Σ (y-x̂)² of the filter without the sample itself
	parts   float32
	diff    float32 // Σ (y-x̂)² of the network less its own
	own     float32 // 2·Σ ∂x̂/∂y of the network less its own
	diff2   float32
	cross   float32
	own2    float32
}

// close ends a block that began at slot start, and has the filters run over it.
func (c *channel) close(p *Panel, start int64) {
	j := judged{open: true, start: start, sigma2: c.sigma * c.sigma, now: c.now}
	for _, n := range j.now.n {
		j.total += n
	}
	// Where too much is missing, or in coloured noise, there is nothing to say.
	j.open = j.sigma2 > 0 && j.total >= block/2
	c.judged, c.now = j, evidence{}
	c.mixer.learn(p, &c.net)
	c.cycles.learn(j.sigma2, c.net.rho)
}

// judgeNext runs the next filter that is worth it over the block. That the block
// and what it needs is still among the latest readings a test proves.
func (c *channel) judgeNext(p *Panel, in, blocks int64) {
	if c.tally == nil {
		c.tally = make([]tally, len(p.params))
	}
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
	from := c.from(in)
	c.readings(p, in)
	var learnt classic.Params
	if p.filters[k] == nil {
		var ok bool
		if learnt, ok = c.learn(p, k); !ok {
			return // nothing is known before the first block
		}
	}
	m := p.run(k, learnt, p.raw, int(j.start-from), wild*math.Sqrt(j.sigma2))
	c.tally[k].add(j, &m)
}

// from returns the first of the readings that the filters run over.
func (c *channel) from(in int64) int64 { return max(0, c.judged.start-settle, in-ring) }

// readings returns the readings of the block, those before it for the filters to
// settle, and those of its look-ahead; they stay valid until the next call.
func (c *channel) readings(p *Panel, in int64) []float64 {
	to := min(in, c.judged.start+block+int64(p.lookahead))
	p.raw = c.raw.appendTo(p.raw[:0], c.from(in), to)
	return p.raw
}

// learn returns Wiener filter k as the blocks before teach it.
func (c *channel) learn(p *Panel, k int) (classic.Params, bool) {
	return c.covariance.Learn(math.Sqrt(c.judged.sigma2*c.net.rho), p.params[k])
}

// add takes what a filter made of a block.
func (t *tally) add(j *judged, m *made) {
	var slots, squares, weights, alone, n, diff, own, diff2, cross, own2 float64
	for i, here := range j.now.n {
		if here == 0 {
			continue
		}
		s := m.squares[i] / j.sigma2
		d, o := j.now.squares[i]/j.sigma2-s, 2*(j.now.own[i]-m.own[i])
		slots += here
		squares += s
		weights += m.own[i]
		alone += m.alone[i] / j.sigma2
		n++
		diff += d
		own += o
		diff2 += d * d
		cross += d * o
		own2 += o * o
	}
	keep := 1 - j.total/memory
	block := [...]float64{slots, squares, weights, alone, n, diff, own, diff2, cross, own2}
	for i, v := range t.numbers() {
		*v = float32(float64(*v)*keep + block[i])
	}
}

// lead returns by how much a filter is better than the network, per part in σ̂²,
// and the standard error of that.
func (t *tally) lead(rho float64) (mean, err float64) {
	n := float64(t.parts)
	if n < 2 {
		return 0, math.Inf(1)
	}
	mean = (float64(t.diff) + rho*float64(t.own)) / n
	square := (float64(t.diff2) + 2*rho*float64(t.cross) + rho*rho*float64(t.own2)) / n
	return mean, math.Sqrt(max(0, square-mean*mean) / (n - 1))
}

// mean returns the mean of the estimated squared error, infinite where there is no
// evidence.
func (t *tally) mean(rho float64) float64 {
	if t.slots == 0 {
		return math.Inf(1)
	}
	slots := float64(t.slots)
	return (float64(t.squares) - rho*slots + 2*rho*float64(t.weights)) / slots
}

// loss returns the mean squared error in foretelling a reading without seeing
// it, which is that of the estimate plus the noise, whatever the noise (Batson and
// Royer, "Noise2Self", 2019). Of the identity, which needs the reading, it is
// infinite.
func (t *tally) loss() float64 {
	if t.slots == 0 {
		return math.Inf(1)
	}
	return float64(t.alone) / float64(t.slots)
}

// skips says whether a filter is clearly worse than the best one, and it is not
// its turn to be tried again.
func (c *channel) skips(k int, blocks int64) bool {
	t := &c.tally[k]
	if k == 0 || blocks <= patience || t.slots == 0 || c.best < 0 || (blocks+int64(k))%retry == 0 {
		return false
	}
	return t.loss() > hopeless*c.tally[c.best].loss()
}

// foretelling returns the filter that foretells best.
func (c *channel) foretelling() int {
	best, least := 0, math.Inf(1)
	for k := range c.tally {
		if l := c.tally[k].loss(); l < least {
			best, least = k, l
		}
	}
	return best
}

// chooseFilter returns the filter of the least estimated error where σ² is ρσ̂²,
// among those that foretell nearly as well as the best: how well a filter foretells
// does not say whether the sample itself has the right weight in it. Once the first
// blocks are in, one that was chosen stays unless another one is better by more than
// a little. It is the identity where the filter is likely to do harm.
func (c *channel) chooseFilter(rho float64, blocks int64) int {
	near, margin := c.near(rho), 0.0
	if blocks > dense && c.filter > 0 && c.tally[c.filter].slots > 0 {
		margin = max(tolerance*c.tally[c.filter].mean(rho), leastMargin)
	}
	best, least := 0, rho
	for k := range c.tally {
		t, less := &c.tally[k], 0.0
		if k == c.filter {
			less = margin
		}
		if !(t.loss()-less <= near) {
			continue
		}
		if r := t.mean(rho); r-less < least {
			best, least = k, r-less
		}
	}
	if best > 0 && c.tally[best].mean(rho) > rho {
		return 0
	}
	return best
}

// near returns the largest loss of a filter that foretells nearly as well as the
// best one.
func (c *channel) near(rho float64) float64 {
	l := c.tally[c.best].loss()
	return l + nearly*max(0, l-rho)
}

// decide weighs the evidence after a block.
func (c *channel) decide(p *Panel, in, blocks int64) {
	j := &c.judged
	c.best = c.foretelling()
	c.net.add(j, c.rho(p))
	rho := c.net.rho
	filter := c.chooseFilter(rho, blocks)
	another, was := filter != c.filter, c.serving
	c.filter = filter
	lead, err := c.tally[filter].lead(rho)
	switch {
	case rho < rough:
		c.serving = true
	case blocks < patience:
		c.serving = lead > against*err
	case was:
		c.serving = lead > -convincing*err
	default:
		c.serving = lead > -lasting*err
	}
	learns, taps := p.filters[filter] == nil, c.serves.Taps
	if c.serves = p.params[filter]; learns && c.serving {
		c.serves, c.serving = c.learn(p, filter)
	} else if c.serving {
		c.blend(p, rho)
	}
	from := c.from(in)
	p.out = c.covariance.Add(p.out, c.readings(p, in)[:j.start+block-from], int(j.start-from), 1-j.total/memory)
	c.level(p)
	if !c.serving {
		c.live, c.lag = nil, lag{}
		return
	}
	if another || !was || learns || !slices.Equal(taps, c.serves.Taps) {
		c.enter(p, in)
	}
	if another || !was {
		c.errs.replace()
		c.lag = lag{}
	}
	c.errs.weigh(rho)
}

// level gives filters that had nothing to learn from in the first block the evidence
// of the best one there: means over different blocks cannot be compared.
func (c *channel) level(p *Panel) {
	for k := range c.tally {
		if t := &c.tally[k]; t.slots == 0 && p.filters[k] == nil {
			*t = c.tally[c.best]
		}
	}
}

// network is what is known of the network, in σ̂²: sums over slots, with memory.
type network struct {
	squares float64 // Σ (y-x̂)²
	weights float64 // Σ ∂x̂/∂y
	claim   float64 // Σ of the variance that it claims for its error
	slots   float64
	rho     float64 // σ² in σ̂²
}

func (n *network) add(j *judged, rho float64) {
	f := 1 - j.total/memory
	n.squares, n.weights, n.claim, n.slots, n.rho = n.squares*f, n.weights*f, n.claim*f+j.now.claim/j.sigma2, n.slots*f+j.total, rho
	for i := range parts {
		n.squares += j.now.squares[i] / j.sigma2
		n.weights += j.now.own[i]
	}
}

// factor is what the deviations are to be multiplied with that the network claims.
func (n *network) factor() float64 {
	return factor(n.risk(), n.claim, n.slots)
}

// risk returns Σ of the estimated squared error.
func (n *network) risk() float64 { return n.squares - n.rho*n.slots + 2*n.rho*n.weights }

// mean returns the mean of the estimated squared error, 0 where there is no evidence.
func (n *network) mean() float64 {
	if n.slots == 0 {
		return 0
	}
	return n.risk() / n.slots
}

// A network claims too small an error of signals that are not quite like those it
// was trained on: on recordings its variance is larger by about so much.
const transfer = 1.15

// How far such a claim is off, and by how much of σ² an estimated one
// is: by what σ̂² is off, and by chance, with a variance of 2σ⁴ a slot or more,
// since errors hang together.
const (
	claimError = .3
	levelError = .02
	slotError2 = 4
)

// factor returns what deviations are to be multiplied with whose squares sum up
// to claim over so many slots, where those of the errors are estimated as risk:
// both count as they can be trusted. The error of a good estimate is so much
// smaller than the noise that the estimate of it says little.
func factor(risk, claim, slots float64) float64 {
	if !(claim > 0) || !(slots > 0) {
		return math.Sqrt(transfer)
	}
	off := (levelError*levelError + slotError2/slots) * slots * slots / (claim * claim)
	trust := claimError * claimError / (claimError*claimError + off)
	return math.Sqrt(min(max(transfer+trust*(risk/claim-transfer), .25), 9))
}
