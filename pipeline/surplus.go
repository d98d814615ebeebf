package pipeline

import (
	"strconv"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/window"
)

// Once so many readings of a series were surplus it is looked at which share of all they
// were since the last look; beyond surplusShare, that of the alert QuellClocks, the log tells
// of it, once for each series.
const (
	surplusLook  = 64
	surplusShare = .05
	// Readings that come by more than this quicker than the grid are a burst, not a rate.
	waitedFactor = 10
)

// crowd is what was known of a series' surplus at the last look.
type crowd struct {
	raw, surplus int64
	began, told  bool
}

// look takes the fates of the series as of now. It says whether it is time to tell that
// too many readings are surplus, which share of them, and by which factor they come quicker
// than the grid has slots.
func (c *crowd) look(f *window.Fates) (share, factor float64, tell bool) {
	if !c.began { // a span that is looked at begins with a surplus reading, not with a time that was well
		c.began, c.raw, c.surplus = true, f[window.Raw], f[window.Surplus]
	}
	if c.told || f[window.Surplus]-c.surplus < surplusLook {
		return 0, 0, false
	}
	surplus, raw := float64(f[window.Surplus]-c.surplus), float64(f[window.Raw]-c.raw)
	c.raw, c.surplus = f[window.Raw], f[window.Surplus]
	share = surplus / max(surplus+raw, 1)
	c.told = share > surplusShare
	return share, (surplus + raw) / max(raw, 1), c.told
}

// tellSurplus says that a series sends quicker than its grid takes: a learnt rate that is
// less than 1.5 times too low stays, and one that the file gives stays in any case. What
// carries no time and comes in a burst has waited at the broker: another rate would not
// help it.
func (w *worker) tellSurplus(s ingest.Sample) {
	l := w.eng.lanes[s.Series]
	if l == nil {
		return
	}
	f := l.win.Fates()
	share, factor, tell := l.crowd.look(&f)
	if !tell {
		return
	}
	rate, from := l.win.RateHz(), "learnt"
	if w.cfg.Engine.Window.RateHz > 0 {
		from = "window.rate_hz"
	}
	advice := "readings of a series come quicker than its grid has slots, and the earlier ones of each slot are lost as surplus: set window.rate_hz to the rate that is seen, or higher"
	if s.TimeSource == ingest.TimeArrival && factor > waitedFactor {
		advice = "readings without a time of their own came all at once, as those do that waited at the broker; of each slot all but the latest are in the dead letter as surplus: have devices send a time with each reading"
	}
	w.log.Warn(advice, "series", s.Series, "rate_hz", rounded(rate), "rate_from", from, "seen_hz", rounded(rate*factor), "surplus_share", rounded(share))
}

// rounded writes a figure with three digits, for people.
func rounded(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }
