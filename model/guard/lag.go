package guard

import "math"

const (
	lagSlots = 32 // that residuals are averaged over, with memory
	lagging  = 6. // standard errors of such a mean that a filter which follows stays below
	follows  = 3. // … and the filter must be below for caughtUp slots to serve again
	caughtUp = 64
	behind   = .5 // of the filter's mean residual, which the network's must be below
	mostOff  = 4. // σ̂ that a residual counts for at most: a spike is no jump
)

// lag watches whether the filter that serves still follows the readings. What serves by the
// evidence of many blocks may have a long memory, and is late by hundreds of slots where the
// process jumps: its residuals then have one sign, and the network's do not.
type lag struct {
	filter, net float64 // means of the residuals, in σ̂
	away        int     // slots that the network is to serve for
}

// lags takes the residuals of a slot, where σ² is ρσ̂², and says whether the network is to
// serve it. Of white noise a mean has a variance of ρ/(2·32-1) or less, since a filter's
// residual is no larger than the noise.
func (g *lag) lags(filter, net, rho float64) bool {
	if filter-filter == 0 && net-net == 0 {
		g.filter += (cut(filter, mostOff) - g.filter) / lagSlots
		g.net += (cut(net, mostOff) - g.net) / lagSlots
	}
	err := math.Sqrt(rho / (2*lagSlots - 1))
	switch off := math.Abs(g.filter); {
	case off > lagging*err && math.Abs(g.net) < behind*off:
		g.away = caughtUp
	case off <= follows*err && g.away > 0:
		g.away--
	}
	return g.away > 0
}
