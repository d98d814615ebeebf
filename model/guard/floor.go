package guard

const (
	hop       = block / 2               // slots from one spectrum to the next
	mostGaps  = block / 16              // readings of a block that may be missing
	keepFloor = 1 - float64(hop)/memory // of what the spectra before say
)

// listen takes the spectrum of the latest readings, up to slot in-1. In coloured
// noise there is no floor.
func (c *channel) listen(p *Panel, in int64) {
	if !(c.sigma > 0) || c.coloured {
		return
	}
	p.raw = c.raw.appendTo(p.raw[:0], in-block, in)
	c.floor.Add(p.spectra, p.raw, c.sigma*c.sigma, keepFloor)
}

// rho returns the largest σ² in σ̂² that the readings allow. The noise is no more than the
// quietest band of the spectrum holds, and no estimate that does not see a reading foretells
// it better than to within the noise. Where that is less than σ̂², the signal itself is
// rough, and the network, which is told σ̂, takes it for noise.
func (c *channel) rho(p *Panel) float64 {
	return min(c.floor.Share(p.spectra), c.tally[c.best].loss())
}
