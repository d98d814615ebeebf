package pipeline

import (
	"strconv"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/window"
)

// Once so many readings of a series had a fate it is looked at which share of all they
// were since the last look; beyond unusedShare, that of the alert QuellClocks, the log tells
// of it, once for each series and fate.
const (
	unusedLook  = 64
	unusedShare = .05
	// Readings that come by more than this quicker than the grid are a burst, not a rate.
	waitedFactor = 10
)

// unused is what was told of a series' readings that are not used.
type unused struct {
	surplus, late, conflicting crowd
	astray                     bool // told
}

// of returns what is known of a fate, nil where nothing is told of it.
func (u *unused) of(why window.Fate) *crowd {
	switch why {
	case window.Surplus:
		return &u.surplus
	case window.Late:
		return &u.late
	case window.Conflicting:
		return &u.conflicting
	}
	return nil
}

// crowd is what was known at the last look of a series' readings of one fate.
type crowd struct {
	raw, n      int64
	began, told bool
}

// look takes the fates of the series as of now. It says whether it is time to tell that
// too many readings end so, which share of them, and by which factor all of them are more
// than the others.
func (c *crowd) look(f *window.Fates, why window.Fate) (share, factor float64, tell bool) {
	if !c.began { // a span that is looked at begins with such a reading, not with a time that was well
		c.began, c.raw, c.n = true, f[window.Raw], f[why]
	}
	if c.told || f[why]-c.n < unusedLook {
		return 0, 0, false
	}
	n, raw := float64(f[why]-c.n), float64(f[window.Raw]-c.raw)
	c.raw, c.n = f[window.Raw], f[why]
	share = n / max(n+raw, 1)
	c.told = share > unusedShare
	return share, (n + raw) / max(raw, 1), c.told
}

// tellUnused says that many readings of a series are not used, or that one is quarantined,
// and what helps. detail is what is wrong with the time of that one.
func (w *worker) tellUnused(d *deadSample, detail string) {
	l := w.eng.lanes[d.Series]
	if l == nil {
		return
	}
	if d.why == window.Quarantined && !l.unused.astray {
		l.unused.astray = true
		w.log.Warn("readings of a series are quarantined: "+detail, "series", l.series)
	}
	c := l.unused.of(d.why)
	if c == nil {
		return
	}
	f := l.win.Fates()
	share, factor, tell := c.look(&f, d.why)
	if !tell {
		return
	}
	untimed := d.TimeSource == ingest.TimeArrival
	switch d.why {
	case window.Surplus:
		w.tellSurplus(l, share, factor, untimed)
	case window.Late:
		advice := "readings of a series come later than they are waited for and are in the dead letter as late: raise window.lateness or set window.late: revise; give devices that share a name one each; sort a file that is not in order of time"
		if untimed {
			advice = "readings without a time of their own came after their slot had closed, as those do that waited at the broker, and are in the dead letter as late: have devices send a time with each reading"
		}
		w.log.Warn(advice, "series", l.series, "late_share", rounded(share), "behind", time.Duration(l.win.Newest()-d.Time), "lateness", l.eng.cfg.Window.Lateness)
	case window.Conflicting:
		w.log.Warn("readings of a series have the time of another one and another value, and are in the dead letter as conflicting: give devices that share a name one each (codec.series), or have them send times finer than their readings come",
			"series", l.series, "conflicting_share", rounded(share))
	}
}

// tellSurplus says that a series sends quicker than its grid takes: a learnt rate that is
// less than 1.5 times too low stays, and one that the file gives stays in any case. What
// carries no time and comes in a burst has waited at the broker: another rate would not
// help it.
func (w *worker) tellSurplus(l *lane, share, factor float64, untimed bool) {
	rate, from := l.win.RateHz(), "learnt"
	if w.cfg.Engine.Window.RateHz > 0 {
		from = "window.rate_hz"
	}
	advice := "readings of a series come quicker than its grid has slots, and all but one of each slot are lost as surplus: set window.rate_hz to the rate that is seen, or higher"
	if untimed && factor > waitedFactor {
		advice = "readings without a time of their own came all at once, as those do that waited at the broker; all but one of each slot are in the dead letter as surplus: have devices send a time with each reading"
	}
	w.log.Warn(advice, "series", l.series, "rate_hz", rounded(rate), "rate_from", from, "seen_hz", rounded(rate*factor), "surplus_share", rounded(share))
}

// rounded writes a figure with three digits, for people.
func rounded(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }
