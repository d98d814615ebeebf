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
	cal   []float64
	chart chart
}

var _ drift.Detector = (*Detector)(nil)

// NewDetector returns a detector with a rate of false alarms in alarms per
// value (0: one in 1e6), that learns from so many values (0: 2,000; 100 to
// 4,096). It panics where one of them is out of range.
func NewDetector(rate Rate, calibration int, seed uint64) *Detector {
	cfg := Config{FalseAlarms: rate, Calibration: calibration}.defaults()
	if err := cfg.Validate(); err != nil {
		panic("monitor: detector: " + err.Error())
	}
	d := &Detector{rate: cfg.FalseAlarms, size: cfg.Calibration, seed: seed}
	d.Reset()
	return d
}

// ParseDetector returns a detector from named parameters, whatever their case:
// false_alarms, as in ParseRate, and calibration. An error is one sentence.
func ParseDetector(params map[string]string, rateHz float64) (*Detector, error) {
	cfg := Config{}
	for k, v := range params {
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "false_alarms":
			r, err := ParseRate(v, rateHz)
			if err != nil {
				return nil, err
			}
			cfg.FalseAlarms = r
		case "calibration":
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil {
				return nil, fmt.Errorf("calibration must be a whole number, got %q", v)
			}
			cfg.Calibration = n
		default:
			return nil, fmt.Errorf("the default detector has no parameter %q; allowed are false_alarms, calibration", k)
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return NewDetector(cfg.FalseAlarms, cfg.Calibration, 0), nil
}

// Reset begins to learn anew.
func (d *Detector) Reset() {
	d.state, d.n, d.chart = drift.Stable, 0, chart{}
	if d.cal == nil {
		d.cal = make([]float64, 0, d.size)
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
		if d.cal = append(d.cal, x); len(d.cal) == d.size {
			d.chart.fit(d.cal, d.rate.Between(), scoreCells, true, d.seed, d.n)
			d.cal = d.cal[:0]
		}
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

const detectorState = 0xde01

// AppendState appends a snapshot, parameters included.
func (d *Detector) AppendState(dst []byte) []byte {
	dst = wire.F64(wire.U64(dst, detectorState), float64(d.rate))
	dst = wire.U64(wire.I64(dst, int64(d.size)), d.seed)
	dst = wire.I64(wire.U8(dst, uint8(d.state)), d.n)
	return d.chart.appendState(wire.F64s(dst, d.cal))
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
	n.state, n.n = drift.State(r.U8()), r.I64()
	k := r.Len(8)
	if k >= n.size || n.state > drift.Drift {
		r.Fail(errForeign)
	}
	for i := 0; i < k && r.Err() == nil; i++ {
		n.cal = append(n.cal, r.F64())
	}
	n.chart.restoreState(r, scoreCells, n.rate.Between())
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("monitor: detector state: %w", err)
	}
	*d = *n
	return r.Rest(), nil
}
