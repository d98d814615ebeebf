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
	// Fault is the fault of a drift of kind Fault, one of Stuck, Spikes, Bias,
	// SensorDrift, Saturation and DropOut; else "".
	Fault string
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

	Changed bool // State differs from the one before
	Opened  bool // a drift was opened
	Updated bool // the open drift has another kind or reason
	// Resolved says that the open drift is over: everything was as usual for 16
	// hops; or it was a fault and no rule on faults held for 54; or it is the new
	// normal, because Rebase said so or it has stayed for Config.NewNormal.
	Resolved bool
	// Away says of a jump that is over that the level did not come back. More may follow.
	Away bool
}

const (
	scoreCells   = 1024
	powerCells   = 128
	powerHistory = 256   // hops that the power charts are calibrated on
	powerFade    = 0.25  // of the running mean power
	powerFloor   = 0.001 // of the usual power
	speedLag     = 1     // index into lags: two samples

	// A monitor that began with a short history goes on learning until it has a
	// long one, and fits its charts anew each time the history has doubled.
	mature = 1600
)

// Monitor watches one series. It is made by New, takes up memory with the first
// Update and as it learns, allocates nothing per Update once it is mature except where
// the state changes, and is not safe for concurrent use.
type Monitor struct {
	cfg    Config
	chance float64 // probability of a run beyond which it is not chance

	hops  int64
	ready bool

	// What the charts are fitted to; nil once the monitor is mature.
	cal    []float32
	levels [][]float32 // per channel, the latest powerHistory hops
	spread [][]float32
	diffs  [][]float32
	fitted int // scores that the charts are fitted to

	med, mad float64
	// The score, then of every channel the cube root of its power, and the
	// logarithm of its mean squared difference in units of the power.
	charts   []chart
	centre   []float64 // per channel: usual level
	floor    []float64 // and least power
	power    []float64 // running mean power, NaN before the first
	diff     []float64 // running mean squared difference over speedLag
	profiles []profile
	shapes   []shape
	peers    peers

	recent [segment]float64 // latest standardised scores
	nrec   int64

	state   string
	told    string // state of the latest decision
	why     string
	channel int

	moving int     // hops in a row whose features showed a change
	plain  int     // looks in a row at many hops that did
	fresh  int64   // hop from which on glances look
	sum    float64 // of z since the score's evidence was small
	count  float64
	open   bool
	shaped bool // by a change of shape alone
	kind   string
	code   faultCode
	since  int64 // index
	opened int64 // hop
	named  int64 // hop at which it got its kind
	began  int64 // hop after which it seems to have begun
	zOpen  float64
	quiet  int   // hops in a row that were as usual
	gone   int64 // hops since a rule on faults last fired

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
	m.begin()
	m.told = Learning
	return m
}

// furnish makes room for what an observation is taken into. A series that has none
// does without.
func (m *Monitor) furnish() {
	c := m.cfg.Channels
	m.charts = make([]chart, 1+2*c)
	m.centre, m.floor = make([]float64, c), make([]float64, c)
	m.power, m.diff = make([]float64, c), make([]float64, c)
	m.profiles = make([]profile, c)
	m.shapes = make([]shape, c)
	m.begin()
}

// most returns how many scores the charts are fitted to at most.
func (m *Monitor) most() int { return max(m.cfg.Calibration, mature) }

// begin starts to learn.
func (m *Monitor) begin() {
	m.ready = false
	m.cal = []float32{}
	m.levels = make([][]float32, len(m.profiles))
	m.spread = make([][]float32, len(m.profiles))
	m.diffs = make([][]float32, len(m.profiles))
	for c := range m.profiles {
		m.profiles[c] = profile{}
		m.power[c], m.diff[c] = math.NaN(), math.NaN()
	}
	clear(m.charts)
	clear(m.shapes)
	m.peers = newPeers(m.cfg.Channels)
	m.nrec = 0
	m.open, m.kind, m.code, m.quiet, m.fitted, m.shaped = false, "", sound, 0, 0, false
	m.moving, m.plain, m.sum, m.count, m.gone = 0, 0, 0, 0, 0
	m.fresh = m.hops
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
	for i := range m.charts {
		m.charts[i].gap()
	}
	for c := range m.profiles {
		m.profiles[c].gap()
		m.shapes[c].gap()
		m.power[c], m.diff[c] = math.NaN(), math.NaN()
	}
	m.nrec, m.quiet, m.fresh = 0, 0, m.hops
}

// State returns the state after the latest Update.
func (m *Monitor) State() string { return m.state }

// Update takes the observation at the end of a hop.
func (m *Monitor) Update(o Observation) Decision {
	if m.charts == nil {
		m.furnish()
	}
	m.hops++
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
			m.profiles[c].follow(m.chance)
		}
	}
	turned := m.reshape(&o)
	if scored := !math.IsNaN(o.Score) && !math.IsInf(o.Score, 0); m.ready {
		if scored {
			d.Z = (o.Score - m.med) / m.mad
			m.recent[m.nrec%segment] = d.Z
			m.nrec++
		}
		m.watch(&o, scored, turned, &d)
	} else if scored {
		m.learn(&o)
	}
	now := m.standing()
	d.State, d.Why, d.Channel, d.Since = now.State, m.why, now.Channel, now.Since
	if m.open {
		d.Kind, d.Fault = now.Kind, now.Fault
	}
	d.Changed = m.state != m.told
	m.told = m.state
	d.Evidence = m.evidence()
	return d
}

// standing returns how things stand between two observations.
func (m *Monitor) standing() Decision {
	d := Decision{State: m.state, Z: math.NaN(), Channel: m.channel, Since: m.since}
	if m.open {
		d.Kind, d.Fault = m.kind, m.code.name()
	}
	return d
}

func (m *Monitor) evidence() float64 {
	if m.open {
		return 1
	}
	s := 0.0
	for i := range m.charts {
		s = max(s, m.charts[i].share())
	}
	return s
}

func (m *Monitor) learn(o *Observation) {
	m.collect(o)
	for c := range min(len(o.Features), len(m.profiles)) {
		m.profiles[c].learn(&o.Features[c])
	}
	m.peers.learn(m.profiles)
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
		f := &o.Features[c]
		if !charted(f) {
			continue
		}
		if n := len(m.levels[c]); n == powerHistory {
			for _, x := range [...]*[]float32{&m.levels[c], &m.spread[c], &m.diffs[c]} {
				*x = (*x)[:copy(*x, (*x)[1:])]
			}
		}
		m.levels[c] = append(m.levels[c], float32(f.Level-m.profiles[c].base))
		m.spread[c] = append(m.spread[c], root(f.Spread))
		m.diffs[c] = append(m.diffs[c], root(f.Diff[speedLag]))
	}
}

// charted says whether a hop has all that the charts of its channel need.
func charted(f *Features) bool { return f.N > 0 && !math.IsNaN(f.Diff[speedLag]) }

// calibrate fits the charts to what was collected.
func (m *Monitor) calibrate() {
	x := make([]float64, len(m.cal))
	for i, v := range m.cal {
		x[i] = float64(v)
	}
	m.med, m.mad = medianMAD(x)
	m.mad = max(m.mad, 1e-6)
	m.charts[0].fit(x, m.between(0), scoreCells, true, m.cfg.Seed, m.hops)
	for c := range m.profiles {
		p, power, speed := &m.profiles[c], &m.charts[1+2*c], &m.charts[2+2*c]
		n := len(m.levels[c])
		if p.flat() || n < 64 || power.ready && m.fitted >= powerHistory {
			continue
		}
		mean := 0.0
		for _, v := range m.levels[c] {
			mean += float64(v)
		}
		m.centre[c] = p.base + mean/float64(n)
		m.floor[c] = powerFloor*p.usual[statPower].mean + 1e-300
		m.power[c], m.diff[c] = math.NaN(), math.NaN()
		y, z := make([]float64, n), make([]float64, n)
		for i := range y {
			y[i], z[i] = m.fade(c, p.base+float64(m.levels[c][i]), square(m.spread[c][i]), square(m.diffs[c][i]))
		}
		power.fit(y, m.between(1+2*c), powerCells, false, m.cfg.Seed+uint64(2*c)+1, m.hops)
		speed.fit(z, m.between(2+2*c), powerCells, false, m.cfg.Seed+uint64(2*c)+2, m.hops)
	}
	m.peers.fit()
	if m.fitted = len(m.cal); m.fitted >= mature {
		m.cal, m.levels, m.spread, m.diffs = nil, nil, nil, nil
	}
}

// between returns the mean number of hops between false alarms of a chart: half
// of the alarms are for the score, the rest for the others.
func (m *Monitor) between(chart int) float64 {
	hops := m.cfg.FalseAlarms.Between() / float64(m.cfg.Hop)
	if chart == 0 {
		return 2 * hops
	}
	return 2 * hops * float64(len(m.charts)-1)
}

// mellow goes on learning after the calibration, while nothing happens.
func (m *Monitor) mellow(o *Observation, scored bool) {
	if m.cal == nil {
		return
	}
	if scored && len(m.cal) < m.most() {
		m.collect(o)
	}
	if !m.undisturbed() {
		return
	}
	for c := range min(len(o.Features), len(m.profiles)) {
		m.profiles[c].learn(&o.Features[c])
	}
	m.peers.learn(m.profiles)
	if len(m.cal) >= min(2*m.fitted, mature) {
		m.calibrate()
	}
}

// undisturbed says that no chart has any evidence worth mentioning.
func (m *Monitor) undisturbed() bool {
	for i := range m.charts {
		if !m.charts[i].quiet() {
			return false
		}
	}
	return true
}

// fade follows the running means of a channel and returns what its charts
// watch: the cube root of its power about the usual level, and how fast it
// varies.
func (m *Monitor) fade(c int, level, spread, diff float64) (power, speed float64) {
	d := level - m.centre[c]
	p := spread + d*d
	if math.IsNaN(m.power[c]) {
		m.power[c], m.diff[c] = p, diff
	}
	m.power[c] += powerFade * (p - m.power[c])
	m.diff[c] += powerFade * (diff - m.diff[c])
	// The cube root makes a mean square nearly normal (Wilson and Hilferty 1931).
	return math.Cbrt(m.power[c] + m.floor[c]), math.Log((m.diff[c] + m.floor[c]) / (m.power[c] + m.floor[c]))
}
