package drift

import "math"

const (
	// A drift of no more than briefly windows that comes back within oftenWindows of
	// the one before belongs to the series: the beats of a heart, a pump that starts.
	briefly      = 2
	oftenWindows = 32
)

// habit learns from short drifts that come again and again.
type habit struct {
	on          bool
	began       int     // sample of the drift that is open
	ended       int     // and of the end of the short one before; 0: there was none
	now, before reaches // how far they went
}

// reaches are the largest of the statistics: the means, then the roughness.
type reaches [means + 1]float64

// Habituate has the detector learn from short drifts that come again: what two of them
// in a row reached, each over within two Windows and 32 Windows at most from the one
// to the other, is usual from then on, by the rule of the calibration. What lasts longer
// still opens.
func (d *LocalLevel) Habituate() { d.habit.on = true }

func (h *habit) begin(d *LocalLevel) {
	h.began, h.now = d.n, reaches{}
	h.rise(d)
}

// rise notes how far a drift goes.
func (h *habit) rise(d *LocalLevel) {
	for k, z := range d.z {
		h.now[k] = max(h.now[k], math.Abs(z))
	}
	h.now[means] = max(h.now[means], d.v)
}

// over learns from a drift that is over.
func (h *habit) over(d *LocalLevel) {
	if d.n-h.began > briefly*d.cfg.Window {
		h.ended = 0
		return
	}
	if h.ended > 0 && h.began-h.ended <= oftenWindows*d.cfg.Window {
		for k := range h.now {
			by := max(min(h.now[k], h.before[k])/reached, 1)
			if h.now[k] /= by; k < means {
				d.size[k] *= by
			} else {
				d.devR *= by
			}
		}
	}
	h.ended, h.before = d.n, h.now
}

func (h *habit) code(c *codec) {
	c.bool(&h.on)
	c.count(&h.began, &h.ended)
	for k := range h.now {
		c.f64(&h.now[k], &h.before[k])
	}
}
