package monitor

import "math"

// Statistic returns the evidence of a drift and what an alarm takes of it, for who looks
// at a chart: natural logarithms of the e-detector that is nearest to its threshold
// (never below 0), and while the Monitor learns how far the channel that is off most has
// jumped, in usual sizes. NaN where there is nothing to tell yet. Watching costs nothing
// where it is not called.
func (w *Watch) Statistic() (value, threshold float64) {
	if !w.learnt {
		return w.jumps.statistic()
	}
	value, threshold = math.NaN(), math.NaN()
	most := -1.
	for i := range w.mon.charts {
		if c := &w.mon.charts[i]; c.ready && c.share() > most {
			most = c.share()
			value, threshold = max(c.evidence, 0), c.log
		}
	}
	return value, threshold
}

// statistic is that of the channel that is nearest to its threshold.
func (j *Jumps) statistic() (value, threshold float64) {
	value, threshold = math.NaN(), math.NaN()
	for _, l := range j.levels {
		size, open, ok := l.watched().Size()
		if ok && !(size/open <= value/threshold) {
			value, threshold = size, open
		}
	}
	return value, threshold
}

// Learning returns how many scores the Monitor has learnt from, and how many it takes
// until it decides; both are 0 once it has.
func (w *Watch) Learning() (have, need int) {
	if w.mon.ready {
		return 0, 0
	}
	return len(w.mon.cal), w.cfg.Calibration
}

// Why says in words what the Monitor's latest transition was about.
func (w *Watch) Why() string { return w.mon.why }
