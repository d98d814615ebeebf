package monitor

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/wire"
)

// Detector is the chart of the monitor's score as a drift.Detector over any one
// series, a value at a time: it learns from the first values, then gathers
// evidence of a change at the given rate of false alarms, and begins anew at
// the update after a drift. It sees no features, and so names no kinds. Values
// that are not finite, or beyond ±1e150, are ignored.
//
// A Detector is made by NewDetector and not safe for concurrent use.
type Detector struct {
	rate  Rate
	size  int // of the calibration
	seed  uint64
	state drift.State
	n     int64
	base  float64   // the first value
	cal   []float32 // and what is learnt from, less that
	chart chart
}

var _ drift.Detector = (*Detector)(nil)

// NewDetector returns a detector with a rate of false alarms in alarms per
// value (0: one in 1e6), that learns from so many values (0: 2,000; 100 to
// 16,384; of more than 8,000 the latest 8,000). Where values far apart depend on
// each other, take 10,000. It panics where one of them is out of range.
func NewDetector(rate Rate, calibration int, seed uint64) *Detector {
	cfg := Config{FalseAlarms: rate, Calibration: calibration}.defaults()
	if err := cfg.Validate(); err != nil {
		panic("monitor: detector: " + err.Error())
	}
	d := &Detector{rate: cfg.FalseAlarms, size: cfg.Calibration, seed: seed}
	d.Reset()
	return d
}

// DetectorName is what ParseDetector's detector is called where detectors are
// chosen by name.
const DetectorName = "default"

// DetectorParameters returns the parameters of ParseDetector with their
// defaults, each as name=value.
func DetectorParameters() []string {
	return []string{"false_alarms=1/1e6", "calibration=2000", "rate_hz=none"}
}

// ParseDetector returns a detector from named parameters, whatever their case:
// false_alarms, as in ParseRate, calibration, and rate_hz, the rate of the values,
// which false_alarms may need. An error is one sentence.
func ParseDetector(params map[string]string) (*Detector, error) {
	var cfg Config
	var alarms string
	var rateHz float64
	for k, v := range params {
		v = strings.TrimSpace(v)
		var err error
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "false_alarms":
			alarms = v
		case "calibration":
			cfg.Calibration, err = strconv.Atoi(v)
			if err != nil || cfg.Calibration == 0 {
				return nil, fmt.Errorf("calibration must be a whole number above 0, got %q", v)
			}
		case "rate_hz":
			if rateHz, err = strconv.ParseFloat(v, 64); err != nil || !(rateHz > 0) {
				return nil, fmt.Errorf("rate_hz must be a positive number, got %q", v)
			}
		default:
			return nil, fmt.Errorf("%s has no parameter %q; allowed are false_alarms, calibration, rate_hz", DetectorName, k)
		}
	}
	if alarms != "" {
		var err error
		if cfg.FalseAlarms, err = ParseRate(alarms, rateHz); err != nil {
			return nil, err
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return NewDetector(cfg.FalseAlarms, cfg.Calibration, 0), nil
}

// Reset begins to learn anew.
func (d *Detector) Reset() {
	d.state, d.n, d.base, d.chart = drift.Stable, 0, 0, chart{}
	if d.cal == nil {
		d.cal = make([]float32, 0, min(d.size, mostLearnt))
	}
	d.cal = d.cal[:0]
}

// Update feeds one value. It allocates where the learning ends, and only there.
func (d *Detector) Update(x float64) drift.State {
	if !(math.Abs(x) <= hugeInput) {
		return d.state
	}
	if d.state == drift.Drift {
		d.Reset()
	}
	d.n++
	if !d.chart.ready {
		d.learn(x)
		return d.state
	}
	d.chart.update(x, d.n)
	switch {
	case d.chart.alarm():
		d.state = drift.Drift
	case d.chart.warn:
		d.state = drift.Warning
	default:
		d.state = drift.Stable
	}
	return d.state
}

// mostLearnt keeps the memory of a detector that learns below 32 KiB.
const mostLearnt = 8000

// learn keeps a value, and fits the chart once there were enough.
func (d *Detector) learn(x float64) {
	if d.n <= int64(d.size-mostLearnt) {
		return
	}
	if len(d.cal) == 0 {
		d.base = x
	}
	d.cal = append(d.cal, float32(min(max(x-d.base, -math.MaxFloat32), math.MaxFloat32)))
	if len(d.cal) < cap(d.cal) {
		return
	}
	xs := make([]float64, len(d.cal))
	for i, v := range d.cal {
		xs[i] = d.base + float64(v)
	}
	d.chart.fit(xs, d.rate.Between(), scoreCells, true, d.seed, d.n)
	d.cal = d.cal[:0]
}

// Vars visits n (values since the last reset), learning (1 while it learns),
// evidence (its share of what an alarm takes, 0 to 1), block (values to a
// block) and order (of the whitening autoregression).
func (d *Detector) Vars(visit func(name string, v float64)) {
	learning := 1.0
	if d.chart.ready {
		learning = 0
	}
	visit("n", float64(d.n))
	visit("learning", learning)
	visit("evidence", d.chart.share())
	visit("block", float64(d.chart.size))
	visit("order", float64(d.chart.order))
}

// detectorState marks a snapshot of a Detector, version 2.
const detectorState = 0xde02

// AppendState appends a snapshot, parameters included. It takes 5 KiB, and
// while the detector learns 4 bytes for each value so far, at most 32 KB.
func (d *Detector) AppendState(dst []byte) []byte {
	dst = wire.F64(wire.U64(dst, detectorState), float64(d.rate))
	dst = wire.U64(wire.I64(dst, int64(d.size)), d.seed)
	dst = wire.I64(wire.U8(dst, uint8(d.state)), d.n)
	return d.chart.appendState(wire.F32s(wire.F64(dst, d.base), d.cal))
}

// RestoreState reads a snapshot back and returns the rest of src. On an error
// the detector is unchanged.
func (d *Detector) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	if r.U64() != detectorState {
		return nil, fmt.Errorf("monitor: detector state: %w", errForeign)
	}
	cfg := Config{FalseAlarms: Rate(r.F64()), Calibration: r.Int()}
	err := r.Err()
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("monitor: detector state: %w", err)
	}
	n := NewDetector(cfg.FalseAlarms, cfg.Calibration, r.U64())
	n.state, n.n, n.base = drift.State(r.U8()), r.I64(), r.F64()
	into(r, &n.cal, cap(n.cal))
	if len(n.cal) == cap(n.cal) || n.state > drift.Drift {
		r.Fail(errForeign)
	}
	n.chart.restoreState(r, scoreCells, n.rate.Between())
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("monitor: detector state: %w", err)
	}
	*d = *n
	return r.Rest(), nil
}
