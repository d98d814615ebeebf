// Package monitor decides for one series whether its signal drifted, of what
// kind the drift is, and why.
//
// Once per hop a Monitor is given the log reconstruction error of a frozen
// network (Sentinel) and statistics of the raw signal (Extractor). It learns
// what is usual, gathers evidence against it at a rate of false alarms that
// the user sets, and names what it found from the statistics, never from which
// test happened to find it.
package monitor

import (
	"errors"
	"fmt"
	"math"
)

// The states besides the kinds of drift.
const (
	Learning = "learning" // calibrating: nothing is decided yet
	Normal   = "normal"
	Warning  = "warning" // there is evidence, not enough yet
)

// errForeign says that a snapshot does not belong to what reads it.
var errForeign = errors.New("not a snapshot of this configuration")

// Observation is what there is to know at the end of a hop.
type Observation struct {
	Index int64   // of the hop's last sample, on the series' grid
	Score float64 // log reconstruction error; NaN where there is none
	// Features holds one element per channel; the monitor copies them.
	Features []Features
}

// Decision is what the monitor says after an observation.
type Decision struct {
	// State is learning, normal, warning, or the kind of the open drift: noise,
	// regime, fault or unknown.
	State string
	// Kind is the kind of the drift that is open, or that was resolved just now;
	// else "".
	Kind string
	// Z is the score in robust deviations from its median while learning; NaN
	// while learning or without a score.
	Z float64
	// Evidence is the share of the evidence that an alarm takes, 0 to 1.
	Evidence float64
	// Why says in words what the latest transition was about.
	Why string
	// Channel is what the drift was seen in, -1 for all of them or none.
	Channel int
	// Since is the index at which the drift seems to have begun, -1 without one.
	Since int64

	Changed  bool // State differs from the one before
	Opened   bool // a drift was opened
	Updated  bool // the open drift has another kind or reason
	Resolved bool // the open drift is over, or became the new normal
}

// Times in hops.
const (
	// A drift is named once so many hops passed since it seems to have begun: by
	// then the segment holds none of what was before, nor of a single outlier.
	ripe = segment + 2
	// What can't be named waits for as many, and is then unknown or nothing.
	giveUp = longest + 2
	// The features must show the same change for so many hops.
	steady = 3
	// Everything must be as usual for so many hops for a drift to be over.
	calmHops = 16
)

const (
	scoreCells   = 1024
	powerCells   = 256
	powerHistory = 256   // hops that the power charts are calibrated on
	powerFade    = 0.25  // of the running mean power
	powerFloor   = 0.001 // of the usual power

	// A monitor that began with a short history goes on learning until it has a
	// long one, and fits its charts anew each time the history has doubled.
	mature = 2000
)

// Monitor watches one series. It is made by New, allocates nothing per Update
// once calibrated except where the state changes, and is not safe for
// concurrent use.
type Monitor struct {
	cfg    Config
	chance float64 // probability of a run beyond which it is not chance

	hops  int64
	ready bool

	// What the charts are fitted to; nil once the monitor is mature.
	cal    []float32
	levels [][]float32 // per channel, the latest powerHistory hops
	spread [][]float32
	fitted int // scores that the charts are fitted to

	med, mad float64
	score    chart
	power    []chart
	centre   []float64 // per channel: usual level
	floor    []float64 // and least power
	run      []float64 // running mean power, NaN before the first
	profiles []profile

	recent [segment]float64 // latest standardised scores
	nrec   int64

	state   string
	why     string
	channel int

	moving int     // hops in a row whose features showed a change
	peak   float64 // largest |z| since the evidence was small
	sum    float64 // of z since then
	count  float64
	open   bool
	kind   string
	code   faultCode
	since  int64 // index
	opened int64 // hop
	began  int64 // hop after which it seems to have begun
	zOpen  float64
	quiet  int // hops in a row that were as usual

	rebased bool // an open drift ended by Rebase or Reset, not yet told
	reason  string
}

// New returns a Monitor that begins to learn. It panics where cfg does not
// validate.
func New(cfg Config) *Monitor {
	cfg = cfg.defaults()
	if err := cfg.Validate(); err != nil {
		panic("monitor: " + err.Error())
	}
	m := &Monitor{cfg: cfg, chance: min(1e-6, float64(cfg.FalseAlarms))}
	c := cfg.Channels
	m.power = make([]chart, c)
	m.centre, m.floor, m.run = make([]float64, c), make([]float64, c), make([]float64, c)
	m.profiles = make([]profile, c)
	m.begin()
	return m
}

// begin starts to learn.
func (m *Monitor) begin() {
	m.ready = false
	m.cal = make([]float32, 0, max(m.cfg.Calibration, mature))
	m.levels = make([][]float32, m.cfg.Channels)
	m.spread = make([][]float32, m.cfg.Channels)
	for c := range m.profiles {
		m.levels[c] = make([]float32, 0, powerHistory)
		m.spread[c] = make([]float32, 0, powerHistory)
		m.profiles[c] = profile{ring: m.profiles[c].ring, at: m.profiles[c].at, hops: m.profiles[c].hops}
		m.power[c] = chart{}
		m.run[c] = math.NaN()
	}
	m.score = chart{}
	m.nrec = 0
	m.open, m.kind, m.code, m.quiet, m.fitted = false, "", sound, 0, 0
	m.moving, m.peak, m.sum, m.count = 0, 0, 0, 0
	m.state, m.channel, m.since = Learning, -1, -1
}

// Rebase takes the present as the new normal: everything is learnt again, and
// an open drift is told as resolved by the next Update. It is called where a
// fine-tuned model was promoted, or where a regime has persisted.
func (m *Monitor) Rebase() { m.Reset("taken as the new normal") }

// Reset forgets everything and learns from the beginning, as where the
// sentinel was replaced. The reason is a short phrase for the next Why.
func (m *Monitor) Reset(reason string) {
	m.rebased = m.rebased || m.open
	kind := m.kind
	m.begin()
	m.kind = kind
	m.reason = reason
}

// Gap says that the next observation does not follow the latest: what reaches
// back over it is dropped, what was learnt stays.
func (m *Monitor) Gap() {
	m.score.gap()
	for c := range m.power {
		m.power[c].gap()
		m.profiles[c].gap()
		m.run[c] = math.NaN()
	}
	m.nrec, m.quiet = 0, 0
}

// State returns the state after the latest Update.
func (m *Monitor) State() string { return m.state }

// Update takes the observation at the end of a hop.
func (m *Monitor) Update(o Observation) Decision {
	m.hops++
	before := m.state
	d := Decision{Z: math.NaN(), Kind: m.kind}
	if m.rebased {
		d.Resolved, m.rebased = true, false
		m.why = m.kind + " drift " + m.reason
		m.kind = ""
	} else if m.reason != "" {
		m.why = "learning again: " + m.reason
		m.kind = ""
	}
	m.reason = ""
	for c := range m.profiles {
		if c < len(o.Features) {
			m.profiles[c].push(&o.Features[c])
		}
	}
	if scored := !math.IsNaN(o.Score) && !math.IsInf(o.Score, 0); m.ready {
		if scored {
			d.Z = (o.Score - m.med) / m.mad
			m.recent[m.nrec%segment] = d.Z
			m.nrec++
		}
		m.watch(&o, scored, &d)
	} else if scored {
		m.learn(&o)
	}
	d.State, d.Why, d.Channel, d.Since = m.state, m.why, m.channel, m.since
	if m.open {
		d.Kind = m.kind
	}
	d.Changed = m.state != before
	d.Evidence = m.evidence()
	return d
}

func (m *Monitor) evidence() float64 {
	if m.open {
		return 1
	}
	s := m.score.share()
	for c := range m.power {
		s = max(s, m.power[c].share())
	}
	return s
}

func (m *Monitor) learn(o *Observation) {
	m.collect(o)
	for c := range min(len(o.Features), len(m.profiles)) {
		m.profiles[c].learn()
	}
	if len(m.cal) == m.cfg.Calibration {
		m.calibrate()
		for c := range m.profiles {
			m.profiles[c].learnt = true
		}
		m.ready, m.state = true, Normal
		m.why = fmt.Sprintf("learnt from %d scores", m.cfg.Calibration)
	}
}

// collect keeps what the charts are fitted to.
func (m *Monitor) collect(o *Observation) {
	m.cal = append(m.cal, float32(o.Score))
	for c := range min(len(o.Features), len(m.profiles)) {
		if f := &o.Features[c]; f.N > 0 {
			if len(m.levels[c]) == powerHistory {
				m.levels[c] = m.levels[c][:copy(m.levels[c], m.levels[c][1:])]
				m.spread[c] = m.spread[c][:copy(m.spread[c], m.spread[c][1:])]
			}
			m.levels[c] = append(m.levels[c], float32(f.Level))
			m.spread[c] = append(m.spread[c], float32(f.Spread))
		}
	}
}

// calibrate fits the charts to what was collected.
func (m *Monitor) calibrate() {
	between := m.cfg.FalseAlarms.Between() / float64(m.cfg.Hop)
	x := make([]float64, len(m.cal))
	for i, v := range m.cal {
		x[i] = float64(v)
	}
	m.med, m.mad = medianMAD(x)
	m.mad = max(m.mad, 1e-6)
	m.score.fit(x, 2*between, scoreCells, true, m.cfg.Seed, m.hops)
	for c := range m.power {
		p := &m.profiles[c]
		n := len(m.levels[c])
		if p.flat() || n < 64 || m.power[c].ready && m.fitted >= powerHistory {
			continue
		}
		mean := 0.0
		for _, v := range m.levels[c] {
			mean += float64(v)
		}
		m.centre[c] = mean / float64(n)
		m.floor[c] = powerFloor*p.usual[statPower].mean + 1e-300
		m.run[c] = math.NaN()
		y := make([]float64, n)
		for i := range y {
			y[i] = m.logPower(c, float64(m.levels[c][i]), float64(m.spread[c][i]))
		}
		m.power[c].fit(y, 2*between*float64(len(m.power)), powerCells, false, m.cfg.Seed+uint64(c)+1, m.hops)
	}
	if m.fitted = len(m.cal); m.fitted >= mature {
		m.cal, m.levels, m.spread = nil, nil, nil
	}
}

// mellow goes on learning after the calibration, while nothing happens.
func (m *Monitor) mellow(o *Observation, scored bool) {
	if m.cal == nil {
		return
	}
	if scored {
		m.collect(o)
	}
	if !m.undisturbed() {
		return
	}
	for c := range min(len(o.Features), len(m.profiles)) {
		m.profiles[c].learn()
	}
	if len(m.cal) >= min(2*m.fitted, mature) {
		m.calibrate()
	}
}

// undisturbed says that no chart has any evidence worth mentioning.
func (m *Monitor) undisturbed() bool {
	if !m.score.quiet() {
		return false
	}
	for c := range m.power {
		if !m.power[c].quiet() {
			return false
		}
	}
	return true
}

// logPower follows the running mean power of a channel about its usual level.
func (m *Monitor) logPower(c int, level, spread float64) float64 {
	d := level - m.centre[c]
	p := spread + d*d
	if math.IsNaN(m.run[c]) {
		m.run[c] = p
	}
	m.run[c] += powerFade * (p - m.run[c])
	return math.Log(m.run[c] + m.floor[c])
}
