package guard

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/floor"
	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/classic"
)

const (
	block  = 512 // slots of evidence at a time
	part   = 64  // slots whose differences count as one
	parts  = block / part
	settle = 256 // slots before the first block, and before each for the filters to settle
	dense  = 8   // blocks in a row at the start
	period = 4   // later one block in so many
	memory = 1 << 15
	ring   = 1 << 10

	retry       = 8     // a filter that is left out is tried again every so many blocks
	patience    = 4     // blocks before the network has to be the better one
	convincing  = 1.5   // standard errors by which the network must be better to serve
	lasting     = .5    // … to go on serving
	against     = 2.    // standard errors by which a filter must be better for an early verdict
	rough       = .9    // of σ̂², below which the noise cannot be what it is taken for
	hopeless    = 3.    // times the best filter's loss, beyond which another one is left out
	nearly      = .015  // of what the best filter foretells wrongly beside the noise: so far apart filters foretell equally well
	tolerance   = .02   // of a filter's error, by which another one must be better to take over
	leastMargin = .0005 // the same, at least, in σ²
	wild        = 32.   // σ̂ that a reading counts to be off an estimate by at most: one wild reading is no verdict

	// MaxLookahead is the largest look-ahead of a Panel, in samples: filters gain
	// nothing from a larger one. A network may look further ahead.
	MaxLookahead = 128
)

// Value is what is known of a channel at the slot whose estimate is due.
type Value struct {
	Net    float64 // the network's estimate, NaN where it has none
	Spread float64 // deviation of its error as the network sees it, in the channel's unit; 0: unknown
	Own    float64 // ∂x̂/∂y of the network as the second run tells it; NaN where there was none
	Side   float64 // to which side its reading was moved for that: -1 or 1
	Sigma  float64 // σ̂ of the slot, 0: unknown
	// Coloured says that the noise is taken not to be white: there is no evidence for
	// either. Told says that the network knows how it is coloured: it serves.
	Coloured, Told bool
}

// Choice is what serves a slot.
type Choice struct {
	Clean  float64
	Spread float64 // deviation of the error to be expected; 0: unknown
	Filter string  // name of the filter's family; "" for the network
	Cycles bool    // earlier cycles of the channel had their share in it
	Alone  float64 // Clean without that share, and as the network says it where that serves
	Fill   float64 // as Spread, of the network's estimate: it serves where there is no reading
}

// largestReading keeps the squares of readings finite; a larger one counts as missing.
const largestReading = 1e150

// Guard follows the channels of a series. Slots are numbered from the start of a
// context. It is not safe for concurrent use.
type Guard struct {
	panel    *Panel
	channels []channel
	schedule schedule
	in, out  int64 // slots read, and given out
	blocks   int64 // gathered since the network serves
}

// schedule says which slots evidence is gathered on: from slot base on the first
// few blocks in a row, then one of period. It is fixed for a context, and for a
// network, so that it is known before the evidence is in.
type schedule struct{ base, first int64 }

func (s schedule) gathers(slot int64) bool {
	if slot < s.base {
		return false
	}
	b := (slot - s.base) / block
	return b < s.first || (b-s.first)%period == period-1
}

// until returns the first slot from slot on that evidence is not gathered on.
func (s schedule) until(slot int64) int64 {
	for s.gathers(slot) {
		slot += block - int64(s.place(slot))
	}
	return slot
}

// place returns the place of a slot within its block.
func (s schedule) place(slot int64) int { return int((slot - s.base) % block) }

// New returns a guard of so many channels.
func New(p *Panel, channels int) *Guard {
	g := &Guard{panel: p, channels: make([]channel, channels), schedule: schedule{settle, dense}}
	for i := range g.channels {
		g.channels[i] = newChannel(p)
	}
	return g
}

// Begin says that the first slot that is read, and given out, is number slot and not
// 0. The guard must be new.
func (g *Guard) Begin(slot int64) {
	g.in, g.out = slot, slot
	g.schedule.base += slot
}

// Ahead returns the number of slots that are to be read before the next one is
// given out: the look-ahead of the panel and itself, less what is read already.
func (g *Guard) Ahead() int { return g.panel.lookahead + 1 - int(g.in-g.out) }

// Slot returns the number of the slot that is given out next.
func (g *Guard) Slot() int64 { return g.out }

// Pending returns the number of slots that were read and not given out.
func (g *Guard) Pending() int { return int(g.in - g.out) }

// Wants says whether evidence is gathered on some slot from..to-1: their readings
// are to be nudged for a second run of the network, and what becomes of them
// handed to Estimate.
func (g *Guard) Wants(from, to int64) bool {
	for t := from; t < to; t += block {
		if g.schedule.gathers(t) {
			return true
		}
	}
	return to > from && g.schedule.gathers(to-1)
}

// WantsUntil returns the first slot from slot on whose evidence is not wanted.
func (g *Guard) WantsUntil(slot int64) int64 { return g.schedule.until(slot) }

// Nudge returns by how many σ̂ the reading of a channel is moved, to a side that
// hangs on nothing but the arguments.
func Nudge(seed uint64, channel int, slot int64) float32 {
	if mix.Mix(seed^uint64(slot)*mix.Golden^uint64(channel)<<32)&1 == 0 {
		return -step
	}
	return step
}

// step is small beside the noise, and large beside what rounding leaves.
const step = 1. / 64

// Read takes the readings of the next slot, one per channel, NaN where one is
// missing.
func (g *Guard) Read(ys []float64) {
	if g.in%tidied == 0 {
		g.tidy()
	}
	for i := range g.channels {
		g.channels[i].read(g.in, ys[i])
	}
	if g.in++; g.in >= block && g.in%hop == 0 {
		for i := range g.channels {
			g.channels[i].listen(g.panel, g.in)
		}
	}
}

// tidied is every how many slots is looked how many readings are wanted.
const tidied = 64

// tidy has room for as many readings as are wanted up to the next time. Spectra, which are
// of a whole number of half blocks, never want more than a block.
func (g *Guard) tidy() {
	for i := range g.channels {
		c := &g.channels[i]
		c.raw.keep(int(g.in-c.unsettled(g))+tidied, g.in)
	}
}

// Estimate takes what the network makes of the oldest slot that was read and not
// given out, and sets choices to what serves it. Ahead slots must have been read
// before, or all there are.
func (g *Guard) Estimate(choices []Choice, values []Value) {
	t := g.out
	g.out++
	gathers := g.schedule.gathers(t)
	for i := range g.channels {
		c := &g.channels[i]
		if s := values[i].Sigma; s > 0 {
			c.sigma = s
		}
		choices[i] = c.choose(t, values[i])
		if gathers {
			c.gather(g.schedule.place(t), t, values[i])
		}
		alone := choices[i].Clean
		var own float64
		choices[i], own = c.mix(g.panel, t, g.in, g.schedule, choices[i], values[i])
		if choices[i].Filter != "" {
			own = c.own
		}
		choices[i] = c.recall(t, g.in, g.schedule, choices[i], own, values[i].Coloured)
		choices[i].Alone, choices[i].Fill = alone, c.net.factor()*values[i].Spread
		c.coloured, c.told = values[i].Coloured, values[i].Told
		if c.judged.open {
			c.judgeNext(g.panel, g.in, g.blocks)
		}
	}
	if gathers && g.schedule.place(t) == block-1 {
		g.blocks++
		for i := range g.channels {
			g.channels[i].close(g.panel, t+1-block)
		}
	}
}

// Finish ends the readings: what is left is given out without a look-ahead.
func (g *Guard) Finish() {
	for i := range g.channels {
		g.channels[i].finish()
	}
}

// Reset starts a new context, whose first slot is read next. What was learnt
// stays.
func (g *Guard) Reset() {
	g.in, g.out = 0, 0
	g.schedule = schedule{settle, max(0, dense-g.blocks)}
	for i := range g.channels {
		g.channels[i].reset(g.panel)
	}
}

// Renew forgets what is known of the network and of its evidence: another one,
// with the look-ahead of the panel, serves from the slot that is given out next.
func (g *Guard) Renew(p *Panel) {
	g.panel = p
	g.schedule = schedule{g.out + settle, dense}
	g.blocks = 0
	for i := range g.channels {
		c := &g.channels[i]
		raw, covariance, cycles, floor := c.raw, c.covariance, c.cycles, c.floor // what is known of the readings stays
		*c = newChannel(g.panel)
		c.raw, c.cycles, c.floor = raw, cycles, floor
		c.cycles.renew(p.lookahead)
		if covariance.Lags() == g.panel.lags {
			c.covariance = covariance
		}
	}
}

// Rough says whether σ̂ is known to be mostly signal in some channel.
func (g *Guard) Rough() bool {
	return slices.ContainsFunc(g.channels, func(c channel) bool { return c.net.rho > 0 && c.net.rho < rough })
}

// Recalibrate forgets what is known in units of σ̂, which is another one from here on.
func (g *Guard) Recalibrate() {
	g.Renew(g.panel)
	for i := range g.channels {
		g.channels[i].floor = floor.Floor{}
	}
}

// Serving returns the settings of the filter that serves a channel; ok is false
// where it is the network.
func (g *Guard) Serving(channel int) (p classic.Params, ok bool) {
	c := &g.channels[channel]
	if !c.serving {
		return classic.Params{}, false
	}
	return c.serves, true
}

// channel is what a guard knows of one channel.
type channel struct {
	raw   readings
	sigma float64 // of the newest slot that was given out

	covariance *classic.Covariance // of the readings of the blocks before
	floor      floor.Floor

	now    evidence // of the block that is being gathered
	judged judged   // the block that the filters are being run over
	net    network
	tally  []tally // of each filter; nil before the first block is judged

	best    int            // filter that foretells best; -1: none yet
	filter  int            // that serves, or would; -1: none yet
	serving bool           // the filter serves
	serves  classic.Params // settings of filter while it serves, learnt ones and those of a blend too
	family  string         // of filter while it serves
	live    classic.Filter // the filter while it serves
	due     []float64      // what live gave out: slot t is at t mod len
	dueTo   int64          // the slot after the newest
	errs    served         // of the filter that serves
	own     float64        // ∂x̂/∂y of the filter while it serves; NaN where it is not known

	mixer  mixer
	cycles cycles
	lag    lag

	coloured, told bool // of the slot given out last, see Value
}

// evidence sums up a block.
type evidence struct {
	squares [parts]float64 // Σ (y-x̂)² of the network
	own     [parts]float64 // Σ ∂x̂/∂y
	n       [parts]float64 // slots
	claim   float64        // Σ of the variance that the network claims
}

func newChannel(p *Panel) channel {
	return channel{raw: newReadings(), best: -1, filter: -1,
		due: make([]float64, p.lookahead+1), net: network{rho: 1}, covariance: classic.NewCovariance(p.lags),
		mixer: newMixer(), cycles: newCycles(p.lookahead)}
}

func (c *channel) read(t int64, y float64) {
	if !(math.Abs(y) <= largestReading) {
		y = math.NaN()
	}
	c.raw.set(t, y)
	if c.live != nil {
		c.take(c.live.Push(y))
	}
}

func (c *channel) take(x float64, ok bool) {
	if ok {
		c.due[c.dueTo%int64(len(c.due))] = x
		c.dueTo++
	}
}

func (c *channel) choose(t int64, v Value) Choice {
	if v.Told { // what is known of the network's errors was learnt as in white noise
		return Choice{Clean: v.Net, Spread: math.Sqrt(transfer) * v.Spread}
	}
	net := Choice{Clean: v.Net, Spread: c.net.factor() * v.Spread}
	if !c.serving || v.Net-v.Net != 0 || t >= c.dueTo {
		return net
	}
	x, y := c.due[t%int64(len(c.due))], c.raw.at(t)
	if x-x != 0 {
		return net
	}
	f := Choice{Clean: x, Filter: c.family}
	if v.Sigma > 0 && !v.Coloured && c.lag.lags((y-x)/v.Sigma, (y-v.Net)/v.Sigma, c.net.rho) {
		return net
	}
	if v.Spread > 0 && v.Sigma > 0 {
		if likely := c.mixture(v, x) / v.Sigma; !v.Coloured && c.errs.add(cut((y-x)/v.Sigma, wild), min(likely*likely, wild*wild)) {
			c.errs.weigh(c.net.rho)
		}
		f.Spread = v.Sigma * c.errs.deviation(c.net.mean())
	}
	return f
}

// mixture is the deviation of a filter's error as far as the network knows it: a
// filter is wrong where it differs from the network.
func (c *channel) mixture(v Value, x float64) float64 {
	return math.Hypot(c.net.factor()*v.Spread, x-v.Net)
}

// gather takes a slot, at a place of its block, into the evidence.
func (c *channel) gather(place int, t int64, v Value) {
	e := c.raw.at(t) - v.Net
	if v.Coloured || e-e != 0 || v.Own-v.Own != 0 || v.Sigma <= 0 {
		return
	}
	i := place / part
	e = cut(e, wild*v.Sigma)
	c.now.squares[i] += e * e
	c.now.own[i] += v.Own
	c.now.n[i]++
	c.now.claim += v.Spread * v.Spread
}

// cut bounds x to ±most.
func cut(x, most float64) float64 {
	switch { // what is cut off is rare: quicker than min and max
	case x > most:
		return most
	case x < -most:
		return -most
	}
	return x
}

// finish has the filter give out what it has.
func (c *channel) finish() {
	if c.live != nil {
		for _, x := range c.live.Finish(nil) {
			c.take(x, true)
		}
		c.live = nil
	}
}

func (c *channel) reset(p *Panel) {
	c.now, c.judged, c.dueTo, c.live = evidence{}, judged{}, 0, nil
	c.mixer.reset()
	c.cycles.reset()
	c.lag = lag{}
	if c.serving {
		c.enter(p, 0)
		c.errs.restart()
	}
}

// enter starts the filter that is to serve, with the latest readings before slot
// in: enough for it to settle.
func (c *channel) enter(p *Panel, in int64) {
	f := newFilter(c.serves)
	c.family = p.params[c.filter].Family
	c.own, c.errs.response = ownOf(c.serves), p.respond(c.serves)
	c.live, c.dueTo = f, max(0, in-settle-int64(p.lookahead)-1)
	for t := c.dueTo; t < in; t++ {
		c.take(f.Push(c.raw.at(t)))
	}
}
