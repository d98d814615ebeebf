package monitor

import (
	"fmt"
	"math"
)

// reshape has the shapes follow an observation, and says whether a segment has ended.
func (m *Monitor) reshape(o *Observation) bool {
	ended := false
	for c := range min(len(o.Features), len(m.shapes)) {
		ended = m.shapes[c].push(&o.Features[c], !m.open) || ended
	}
	return ended
}

// shapeAlarms is the share of the monitor's false alarms that come from shapes, beside
// those of the charts.
const shapeAlarms = 0.25

// shapeFreedom is how many degrees of freedom a segment brings where the scatter of means is
// estimated from sums of four: half of the 3/4 of Bartlett's window (Priestley, "Spectral
// analysis and time series", 1981, table 6.2), since segments are no normal values.
const shapeFreedom = 0.375

// critical returns how many deviations the shape of a channel must be off: each look
// takes so much of the false alarms as there are hops between two of them.
func (m *Monitor) critical(s *shape) float64 {
	looks := m.cfg.FalseAlarms.Between() / float64(segment*m.cfg.Hop)
	return beyondChance(shapeAlarms/(looks*float64(len(contrasts)*len(m.shapes))), shapeFreedom*s.n)
}

// discern opens a drift where the shape of a channel has changed and nothing else says
// so: two looks in a row, a segment apart.
func (m *Monitor) discern(o *Observation, d *Decision) {
	var most reshaped
	channel := -1
	for c := range m.shapes {
		s := &m.shapes[c]
		if m.profiles[c].flat() || s.n < shapeKnown {
			continue
		}
		r := s.look(m.critical(s))
		if r.segments == 0 {
			s.plain = 0
			continue
		}
		if s.plain++; s.plain > 1 && math.Abs(r.z) > math.Abs(most.z) {
			most, channel = r, c
		}
	}
	if channel < 0 {
		return
	}
	m.opens(o, m.hops-int64(most.segments*segment))
	m.shaped = true
	m.tell(Regime, channel, sound, m.cfg.name(channel)+": "+most.describe()+", noise, level and power unchanged: process regime")
	d.Opened = true
}

// misshapen says that the open drift is a change of shape that is still to be seen.
func (m *Monitor) misshapen() bool {
	if !m.shaped || m.channel < 0 {
		return false
	}
	s := &m.shapes[m.channel]
	return s.look(m.critical(s)/2).segments > 0
}

// describe puts a change of shape into words.
func (r *reshaped) describe() string {
	if r.skewed() {
		return fmt.Sprintf("differences over %d samples have a skewness of %.2g, usually %.2g", lags[cubes[r.of-shapeCube]], r.is, r.was)
	}
	return fmt.Sprintf("what varies over %d samples is %.2g of what varies over %d, usually %.2g",
		lags[r.of-shapeRise+1], r.is, lags[r.in-shapeRise+1], r.was)
}
