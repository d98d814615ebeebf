package monitor

import (
	"fmt"
	"math"
)

// watch is Update after the calibration.
func (m *Monitor) watch(o *Observation, scored bool, d *Decision) {
	if m.open {
		m.follow(o, d)
		return
	}
	alarm, warn, calm := m.gather(o, scored)
	for c := range m.profiles {
		if code := m.profiles[c].fault(m.chance, alarm); code != sound {
			f := m.profiles[c].latest()
			m.note(o, m.hops-int64(max(f.Run, f.MissingRun)/m.cfg.Hop))
			m.tell(Fault, c, code, m.cfg.name(c)+": "+m.profiles[c].describeFault(code))
			d.Opened = true
			return
		}
	}
	if m.state = Normal; warn || alarm {
		m.state = Warning
	}
	if m.score.quiet() {
		m.peak, m.sum, m.count = 0, 0, 0
	}
	if !math.IsNaN(d.Z) {
		m.peak = max(m.peak, math.Abs(d.Z))
		m.sum += d.Z
		m.count++
	}
	m.mellow(o, scored)
	if !alarm {
		m.moving = 0
		return
	}
	m.conclude(o, calm, d)
}

// gather feeds the charts. calm is the hop after which the evidence began.
func (m *Monitor) gather(o *Observation, scored bool) (alarm, warn bool, calm int64) {
	if scored {
		m.score.update(o.Score, m.hops)
	}
	calm = m.hops
	look := func(c *chart) {
		if c.alarm() {
			alarm, calm = true, min(calm, c.calm)
		}
		warn = warn || c.warn
	}
	look(&m.score)
	for c := range min(len(o.Features), len(m.power)) {
		ch := &m.power[c]
		if f := &o.Features[c]; ch.ready && f.N > 0 {
			ch.update(m.logPower(c, f.Level, f.Spread), m.hops)
		}
		look(ch)
	}
	return alarm, warn, calm
}

// conclude turns an alarm into a drift, or into nothing. Evidence says that
// something is not as it was; whether it matters is another question, and one
// that a long series of small coincidences, or a calibration that was too
// short to know the series, answers with no.
func (m *Monitor) conclude(o *Observation, calm int64, d *Decision) {
	age := m.hops - calm
	if age < ripe {
		return
	}
	v := m.verdict(int(age) - 1)
	if v.kind == Unknown {
		m.moving = 0
		if age < giveUp {
			return
		}
		if !m.score.alarm() || math.Abs(m.sum) < m.material()*m.count {
			m.calmDown()
			m.state = Normal
			return
		}
	} else if m.moving++; m.moving < steady || v.grey && age < giveUp {
		return
	}
	m.note(o, calm)
	m.tell(v.kind, v.channel, sound, v.why)
	d.Opened = true
}

// material is the mean standardised score from which on a change matters even
// where the features show none.
func (m *Monitor) material() float64 {
	switch {
	case m.fitted < 400:
		return 1.5
	case m.fitted < 1000:
		return 1
	}
	return 0.35
}

// note notes where a drift began, given the hop after which it did.
func (m *Monitor) note(o *Observation, calm int64) {
	m.open, m.opened, m.quiet, m.moving = true, m.hops, 0, 0
	m.began = calm
	m.since = max(0, o.Index-(m.hops-calm)*int64(m.cfg.Hop)+1)
	m.zOpen = m.meanZ(segment)
	// What was collected since then is not usual.
	if m.cal != nil {
		m.cal = m.cal[:max(len(m.cal)-int(m.hops-calm), min(len(m.cal), m.fitted))]
	}
}

func (m *Monitor) tell(kind string, channel int, code faultCode, why string) {
	m.kind, m.state, m.channel, m.code, m.why = kind, kind, channel, code, why
}

// follow is watch while a drift is open.
func (m *Monitor) follow(o *Observation, d *Decision) {
	for c := range m.profiles {
		if c < len(o.Features) && o.Features[c].N > 0 && m.power[c].ready {
			m.logPower(c, o.Features[c].Level, o.Features[c].Spread)
		}
		if m.code != sound {
			continue
		}
		if code := m.profiles[c].fault(m.chance, true); code != sound {
			m.tell(Fault, c, code, m.cfg.name(c)+": "+m.profiles[c].describeFault(code))
			d.Updated = true
			return
		}
	}
	if m.usual() && math.Abs(m.meanZ(segment)) < max(0.75, min(math.Abs(m.zOpen)/2, 3)) {
		m.quiet++
	} else {
		m.quiet = 0
	}
	if m.quiet >= calmHops {
		d.Resolved, d.Kind = true, m.kind
		m.why = fmt.Sprintf("back to usual for %d samples", calmHops*m.cfg.Hop)
		m.open, m.kind, m.code, m.state, m.channel, m.since = false, "", sound, Normal, -1, -1
		m.calmDown()
		return
	}
	// A second look once there is more to see.
	switch m.hops - m.opened {
	case segment, 2 * segment, 4 * segment, 8 * segment:
		if m.quiet > 0 || m.kind == Fault {
			return
		}
		if v := m.verdict(int(m.hops-m.began) - 1); v.kind != m.kind && v.kind != Unknown {
			m.tell(v.kind, v.channel, sound, v.why)
			d.Updated = true
		}
	}
}

// calmDown drops all evidence; the whitening begins anew, because it may not
// have seen what was in between.
func (m *Monitor) calmDown() {
	m.moving, m.peak, m.sum, m.count = 0, 0, 0, 0
	m.score.gap()
	m.score.calmDown(m.hops)
	for c := range m.power {
		m.power[c].gap()
		m.power[c].calmDown(m.hops)
	}
}

// meanZ averages the latest n standardised scores, 0 without any.
func (m *Monitor) meanZ(n int64) float64 {
	n = min(n, m.nrec, segment)
	s := 0.0
	for i := range n {
		s += m.recent[(m.nrec-1-i)%segment]
	}
	return s / float64(max(n, 1))
}

// usual says whether no channel shows anything unusual.
func (m *Monitor) usual() bool {
	for c := range m.profiles {
		p := &m.profiles[c]
		if p.fault(m.chance, false) != sound {
			return false
		}
		if j := p.judge(segment); j.moved() {
			return false
		}
	}
	return true
}

type verdict struct {
	kind    string
	channel int
	grey    bool
	why     string
}

// verdict names the drift from the features of all channels: a change of the
// signal outweighs spikes, and these a change of the noise.
func (m *Monitor) verdict(hops int) verdict {
	channel, rank, most := -1, 0, -1.0
	var best judgement
	for c := range m.profiles {
		j := m.profiles[c].judge(hops)
		r := 0
		switch {
		case j.signalMoved():
			r = 3
		case j.spikes:
			r = 2
		case j.noiseMoved:
			r = 1
		}
		if r > rank || r == rank && r > 0 && j.z > most {
			rank, most, channel, best = r, j.z, c, j
		}
	}
	// The score is the logarithm of a mean square: half of it is the size.
	residual := fmt.Sprintf("residual %.1f times its usual size", math.Exp(m.meanZ(segment)*m.mad/2))
	switch rank {
	case 3:
		return verdict{Regime, channel, false, fmt.Sprintf("%s: %s, %s: process regime", m.cfg.name(channel), residual, best.describe())}
	case 2:
		return verdict{Fault, channel, false, fmt.Sprintf("%s: %s, %s: spikes (NE 107: maintenance required)", m.cfg.name(channel), residual, best.describe())}
	case 1:
		return verdict{Noise, channel, best.grey, fmt.Sprintf("%s: %s, %s, level and spectrum unchanged: noise level", m.cfg.name(channel), residual, best.describe())}
	}
	return verdict{Unknown, -1, false, residual + ", level, noise and spectrum unchanged: unknown"}
}
