package monitor

import (
	"fmt"
	"math"
)

// Times in hops.
const (
	// The first hops after a drift seems to have begun are left out of what it is
	// judged by: a single outlier there, and differences that reach back to it,
	// must not count. It is named once a segment is left.
	settle = 3
	ripe   = segment + settle
	// What can't be named waits for as many, and is then unknown or nothing.
	giveUp = longest + settle
	// The features must show the same change for so many hops.
	steady = 3
	// Everything must be as usual for so many hops for a drift to be over.
	calmHops = 16
	// A sensor is well again where no rule on faults held for so many hops, even
	// if not all is as it was.
	wellHops = 2 * giveUp
)

// watch is Update after the calibration.
func (m *Monitor) watch(o *Observation, scored, turned bool, d *Decision) {
	if m.open {
		m.follow(o, d)
		return
	}
	alarm, warn, calm, rise := m.gather(o, scored)
	for c := range m.profiles {
		if code := m.profiles[c].fault(m.chance, alarm); code != sound {
			h := m.profiles[c].latest()
			m.opens(o, m.hops-int64(max(h.run, h.gap))/int64(m.cfg.Hop))
			m.tell(Fault, c, code, m.cfg.name(c)+": "+m.profiles[c].describeFault(code))
			d.Opened = true
			return
		}
	}
	if c, code := m.straying(); code != sound {
		_, n := m.peers.growth(m.profiles, c)
		m.opens(o, m.hops-int64(max(2*n, 3)*segment))
		m.tell(Fault, c, code, m.cfg.name(c)+": "+m.describePeers(c, code))
		d.Opened = true
		return
	}
	if m.state = Normal; warn || alarm {
		m.state = Warning
	}
	if m.charts[0].quiet() {
		m.sum, m.count = 0, 0
	}
	if !math.IsNaN(d.Z) {
		m.sum += d.Z
		m.count++
	}
	m.mellow(o, scored)
	if !alarm {
		m.moving = 0
		m.glance(o, d)
	} else {
		m.conclude(o, calm, rise, d)
	}
	if turned && !m.open {
		m.discern(o, d)
	}
}

// gather feeds the charts. calm is the hop after which the evidence began, rise
// the one after which most of it came.
func (m *Monitor) gather(o *Observation, scored bool) (alarm, warn bool, calm, rise int64) {
	if scored {
		m.charts[0].update(o.Score, m.hops)
	}
	for c := range min(len(o.Features), len(m.profiles)) {
		f := &o.Features[c]
		if power, speed := &m.charts[1+2*c], &m.charts[2+2*c]; power.ready && charted(f) {
			p, s := m.fade(c, f.Level, f.Spread, f.Diff[speedLag])
			power.update(p, m.hops)
			speed.update(s, m.hops)
		}
	}
	calm, rise = m.hops, m.hops
	for i := range m.charts {
		ch := &m.charts[i]
		if ch.alarm() {
			alarm, calm, rise = true, min(calm, ch.calm), min(rise, ch.rise)
		}
		warn = warn || ch.warn
	}
	return alarm, warn, calm, rise
}

// confirm is how many deviations something must be off in the latest segment.
const confirm = 2.5

// conclude turns an alarm into a drift, or into nothing. Evidence says that
// something is not as it was; whether it matters is another question, and one
// that a long series of small coincidences, or a calibration that was too
// short to know the series, answers with no.
func (m *Monitor) conclude(o *Observation, calm, rise int64, d *Decision) {
	age := m.hops - rise
	if age < ripe {
		return
	}
	v := m.verdict(int(age) - settle)
	if v.channel < 0 {
		m.moving = 0
		if age < giveUp {
			return
		}
		if !m.charts[0].alarm() || !m.matters() {
			m.calmDown()
			m.state = Normal
			return
		}
	} else {
		// What came and went may still be among the latest hops, but it is not in
		// the latest segment.
		if now := m.profiles[v.channel].judge(segment); now.z < confirm {
			m.moving = 0
			return
		}
		if m.moving++; m.moving < steady || (v.kind == Noise && v.grey || v.kind == Unknown && !v.levelMoved) && age < giveUp {
			return
		}
	}
	m.opens(o, calm)
	m.tell(v.kind, v.channel, v.code, m.say(v))
	d.Opened = true
}

// sure is how many times what it takes to name a change something must be off,
// over farBack hops, to be a drift without evidence from the charts.
const (
	sure    = 2
	farBack = 8 * segment
)

// glance looks further back than evidence is remembered: a change too small, or
// of a channel too restless, for every hop to tell may be plain in many.
func (m *Monitor) glance(o *Observation, d *Decision) {
	if m.hops%segment != 0 {
		return
	}
	if m.hops-m.fresh < farBack {
		return
	}
	v := m.verdict(farBack)
	if v.channel < 0 || v.strength < sure || v.code != sound || m.profiles[v.channel].judge(2*segment).z < confirm {
		m.plain = 0
		return
	}
	if m.plain++; m.plain < 2 {
		return
	}
	m.opens(o, m.hops-m.reach())
	m.tell(v.kind, v.channel, v.code, m.say(v))
	d.Opened = true
}

// reach returns how many hops ago a change that is plain over farBack hops may have
// come: no sooner than what evidence there is.
func (m *Monitor) reach() int64 {
	first, some := m.hops, false
	for i := range m.charts {
		if ch := &m.charts[i]; ch.warn {
			first, some = min(first, ch.calm), true
		}
	}
	if !some {
		return farBack
	}
	return min(m.hops-first, farBack)
}

// matters says whether the score changed so much that it counts even where the
// features show nothing: on average since the evidence began, and still, so
// that something short and wild does not do.
func (m *Monitor) matters() bool {
	least := 0.35
	switch {
	case m.fitted < shortHistory:
		least = 1.5
	case m.fitted < 1000:
		least = 1
	}
	now := m.meanZ(segment)
	if m.sum < 0 {
		now = -now
	}
	return math.Abs(m.sum) >= least*m.count && now >= least
}

// opens notes that a drift began after the hop calm.
func (m *Monitor) opens(o *Observation, calm int64) {
	m.shaped = false
	m.open, m.opened, m.began, m.quiet, m.moving, m.gone, m.plain = true, m.hops, calm, 0, 0, 0, 0
	m.named = m.hops
	m.since = max(0, o.Index-(m.hops-calm)*int64(m.cfg.Hop)+1)
	m.zOpen = m.meanZ(segment)
	if m.cal == nil {
		return
	}
	// What was collected since then is not usual.
	m.cal = m.cal[:max(len(m.cal)-int(m.hops-calm), min(len(m.cal), m.fitted))]
	for c := range m.levels {
		n := max(len(m.levels[c])-int(m.hops-calm), 0)
		m.levels[c], m.spread[c], m.diffs[c] = m.levels[c][:n], m.spread[c][:n], m.diffs[c][:n]
	}
}

func (m *Monitor) tell(kind string, channel int, code faultCode, why string) {
	if kind != m.kind {
		m.named = m.hops
	}
	m.kind, m.state, m.channel, m.code, m.why = kind, kind, channel, code, why
}

// follow is watch while a drift is open.
func (m *Monitor) follow(o *Observation, d *Decision) {
	m.gone++
	for c := range m.profiles {
		if c < len(o.Features) && m.charts[1+2*c].ready && charted(&o.Features[c]) {
			f := &o.Features[c]
			m.fade(c, f.Level, f.Spread, f.Diff[speedLag])
		}
		code := m.profiles[c].fault(m.chance, true)
		if code == sound && m.code == spiky && c == m.channel && m.profiles[c].judge(longest).spikes {
			code = spiky
		}
		// A regime that has stood for a while has outliers of its own.
		if code == sound || code == spiky && m.kind == Regime && m.hops-m.opened > wellHops {
			continue
		}
		m.gone = 0
		if m.code == sound || m.code == spiky && code != spiky || m.code == stuck && code == clipping {
			m.tell(Fault, c, code, m.cfg.name(c)+": "+m.profiles[c].describeFault(code))
			d.Updated = true
			return
		}
	}
	if c, code := m.straying(); code != sound {
		m.gone = 0
		if m.code == sound || m.code == biased && code == drifting {
			m.tell(Fault, c, code, m.cfg.name(c)+": "+m.describePeers(c, code))
			d.Updated = true
			return
		}
	}
	if m.usual() && !m.misshapen() && math.Abs(m.meanZ(segment)) < max(0.75, min(math.Abs(m.zOpen)/2, 3)) {
		m.quiet++
	} else {
		m.quiet = 0
	}
	if m.ended(d) || m.quiet > 0 {
		return
	}
	// More looks as there is more to see, and where a sensor came back from a
	// fault to something new.
	hops := m.hops - m.opened
	switch m.hops - m.opened {
	case segment:
		hops = m.hops - m.began - settle
		fallthrough
	case 2 * segment, 4 * segment, 8 * segment, 16 * segment:
		if m.kind == Fault {
			return
		}
	default:
		if m.code == sound || m.gone != giveUp {
			return
		}
		hops = m.gone - settle
	}
	// What still has a name that trains keeps it where the last look can't tell.
	last := m.hops-m.opened >= 16*segment
	v := m.verdict(int(hops))
	switch {
	case v.channel < 0 || v.kind == m.kind && v.code == m.code:
	case (last || m.shaped) && v.kind == Unknown && (m.kind == Noise || m.kind == Regime):
	case m.code == clipping && v.code == sound && v.amplitude < 1: // it may be cut off still
	default:
		m.tell(v.kind, v.channel, v.code, m.say(v))
		d.Updated = true
	}
}

// ended resolves the open drift where it is over.
func (m *Monitor) ended(d *Decision) bool {
	kind, fault, stayed := m.kind, m.code.name(), (m.hops-m.named)*int64(m.cfg.Hop)
	switch {
	case m.quiet >= calmHops:
		m.why = fmt.Sprintf("back to usual for %d samples", calmHops*m.cfg.Hop)
	case kind == Fault && m.gone >= wellHops:
		m.why = fmt.Sprintf("the sensor is well again for %d samples", wellHops*m.cfg.Hop)
	case kind != Fault && m.cfg.NewNormal > 0 && stayed >= int64(m.cfg.NewNormal):
		m.why = fmt.Sprintf("%s drift has stayed for %d samples: taken as the new normal", kind, stayed)
		m.begin()
	default:
		return false
	}
	d.Resolved, d.Kind, d.Fault = true, kind, fault
	m.open, m.kind, m.code, m.channel, m.since = false, "", sound, -1, -1
	if m.ready {
		m.state = Normal
		m.calmDown()
	}
	return true
}

// calmDown drops all evidence; the whitening begins anew, because it may not
// have seen what was in between.
func (m *Monitor) calmDown() {
	m.moving, m.plain, m.sum, m.count, m.fresh = 0, 0, 0, 0, m.hops
	for i := range m.charts {
		m.charts[i].gap()
		m.charts[i].calmDown(m.hops)
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
		if p.fault(m.chance, m.code != sound) != sound {
			return false
		}
		if j := p.judge(segment); j.moved() {
			return false
		}
	}
	return m.peers.astray(m.profiles) < 0
}

type verdict struct {
	kind    string
	code    faultCode
	channel int
	judgement
	together int // channels whose level moved, where that is what tells
}

// verdict names the drift from the features of all channels: a change of the
// signal outweighs spikes, and these a change of the noise.
func (m *Monitor) verdict(hops int) verdict {
	v := verdict{kind: Unknown, channel: -1}
	rank, levels := 0, 0
	for c := range m.profiles {
		j := m.profiles[c].judge(hops)
		if j.levelMoved {
			levels++
		}
		r, kind, code := 0, Unknown, sound
		switch {
		case j.signalMoved() && !j.ambiguous():
			r, kind = 4, Regime
		case j.spikes:
			r, kind, code = 3, Fault, spiky
		case j.signalMoved():
			r = 2
		case j.noiseMoved:
			r, kind = 1, Noise
		}
		if r > rank || r == rank && r > 0 && j.z > v.z {
			rank, v = r, verdict{kind: kind, code: code, channel: c, judgement: j}
		}
	}
	if rank == 2 && levels > 1 && v.levelMoved {
		v.kind, v.together = Regime, levels
	}
	return v
}

// say puts a verdict into words.
func (m *Monitor) say(v verdict) string {
	// The score is the logarithm of a mean square: half of it is the size.
	residual := fmt.Sprintf("residual %.1f times its usual size", math.Exp(m.meanZ(segment)*m.mad/2))
	if v.channel < 0 {
		return residual + ", level, noise and spectrum unchanged: unknown"
	}
	s := fmt.Sprintf("%s: %s, %s", m.cfg.name(v.channel), residual, v.describe())
	switch v.kind {
	case Regime:
		if v.together > 1 {
			s += fmt.Sprintf(", as did %d channels of %d", v.together, len(m.profiles))
		}
		return s + ": process regime"
	case Unknown:
		return s + ": unknown, one channel can't tell the process from the sensor"
	case Fault:
		return s + ": spikes (NE 107: maintenance required)"
	}
	return s + ", level and spectrum unchanged: noise level"
}
