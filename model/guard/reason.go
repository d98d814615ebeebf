package guard

import "math"

// Reason is why a channel is served by what serves it.
type Reason uint8

// The reasons.
const (
	Early    Reason = iota // there is too little evidence; the network serves until it is clearly the worse one
	Better                 // the network is better by more than chance explains, or goes on serving as long as it may be
	NotShown               // the network is not shown to be better: a filter serves
	Worse                  // a filter is better by more than chance explains, and serves
	Rough                  // by its spectrum some of what is taken for noise may be signal, which the network would take for noise: a filter serves
	Coloured               // the noise is taken not to be white: there is no evidence, and what served goes on
	Told                   // it is not, and the network knows how it is coloured: it serves
	Lags                   // the filter that would serve does not follow a change: the network serves

	Reasons int = iota // how many there are
)

var reasons = [...]string{
	Early:    "there is too little evidence yet: the network serves until a filter is clearly better",
	Better:   "the network is better by the evidence",
	NotShown: "the network is not shown to be better: a filter serves",
	Worse:    "a filter is better by the evidence",
	Rough:    "some of what is taken for noise may be signal, by its spectrum: a filter serves",
	Lags:     "the filter that would serve does not follow a change: the network serves until it does",
	Told:     "the noise is taken not to be white, and the network is told how: it serves",
	Coloured: "the noise is taken not to be white: there is no evidence, and what served goes on",
}

// String returns the reason in words.
func (r Reason) String() string { return reasons[r] }

// Reason returns why a channel is served by what served the slot that was given
// out last, by the evidence as it is now.
func (g *Guard) Reason(channel int) Reason {
	c := &g.channels[channel]
	switch {
	case c.told:
		return Told
	case c.coloured:
		return Coloured
	case c.filter < 0:
		return Early
	case c.serving && c.lag.away > 0:
		return Lags
	case c.serving && c.net.rho < rough:
		return Rough
	}
	lead, err := c.tally[c.filter].lead(c.net.rho)
	switch {
	case c.serving && lead > against*err:
		return Worse
	case c.serving:
		return NotShown
	case g.blocks < patience && lead > -convincing*err:
		return Early
	}
	return Better
}

// Losses returns what is known of a channel: the estimated squared errors, in units of
// σ̂², of the network and of the filter that serves or would, and the family of that
// filter. They are NaN, and the family is "", where there is no evidence yet. They are
// sums over about the same slots, but what decides is their difference slot by slot.
func (g *Guard) Losses(channel int) (network, filter float64, family string) {
	c := &g.channels[channel]
	if c.filter < 0 || c.net.slots == 0 {
		return math.NaN(), math.NaN(), ""
	}
	network = c.net.mean()
	if filter = c.tally[c.filter].mean(c.net.rho); math.IsInf(filter, 0) {
		filter = math.NaN()
	}
	return network, filter, g.panel.params[c.filter].Family
}
