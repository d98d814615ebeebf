package adapteval

import (
	"errors"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

const (
	seriesName = "x"
	rateHz     = 100
	slotNs     = 1e9 / rateHz
	// chunk is after how many samples the adapter is waited for: a switch takes
	// effect that late at most.
	chunk = 32
)

// change is a switch of the model that serves.
type change struct {
	at    int // samples pushed before it
	model *model.Model
	kind  string
	why   string
}

// naming is what the monitor said of a drift.
type naming struct {
	at   int // samples pushed when it did
	what string
}

// outcome is what became of a signal.
type outcome struct {
	changes []change
	opened  []int // samples pushed when a drift was opened
	told    []naming
	refused []string
}

// serving returns the model that serves the sample at.
func (o *outcome) serving(first *model.Model, at int) *model.Model {
	for _, c := range o.changes {
		if c.at <= at {
			first = c.model
		}
	}
	return first
}

// rig is a pipeline of one series: engine, drift monitor and adapter, without
// brokers and without a clock. Training takes no time: what is decided on the
// samples so far takes effect before the next chunk.
type rig struct {
	outcome
	engine  *pipeline.Engine
	adapter *adapt.Adapter
	pushed  int
	err     error
}

// newRig returns a rig that m serves.
func newRig(m *model.Model, cfg adapt.Config, fit pipeline.FitSentinel) (*rig, error) {
	cfg.Mode, cfg.Channels, cfg.Model, cfg.CPUShare = adapt.Auto, 1, m, 1
	r := &rig{}
	var err error
	if r.adapter, err = adapt.New(cfg); err != nil {
		return nil, err
	}
	r.engine, err = pipeline.NewEngine(pipeline.EngineConfig{Stream: "study", Channels: []string{"v"}, Model: m, Seed: cfg.Seed,
		Window: window.Config{RateHz: rateHz}, Watch: true, FitSentinel: fit, FalseAlarms: monitor.DefaultRate, Tap: r.adapter}, r)
	if err != nil {
		return nil, errors.Join(err, r.adapter.Close())
	}
	return r, nil
}

func (r *rig) close() error {
	r.engine.Close()
	return r.adapter.Close()
}

// push takes noisy readings through the rig.
func (r *rig) push(x []float64) error {
	samples := make([]ingest.Sample, 0, chunk)
	for len(x) > 0 && r.err == nil {
		n := min(chunk, len(x))
		samples = samples[:0]
		for i, v := range x[:n] {
			samples = append(samples, ingest.Sample{Series: seriesName, Time: int64(r.pushed+i) * slotNs, Value: v})
		}
		if err := r.engine.Push("p", samples, 0); err != nil {
			return err
		}
		r.engine.Run()
		r.pushed, x = r.pushed+n, x[n:]
		r.adapter.Idle(r.decide)
	}
	return r.err
}

// decide puts a decision into effect.
func (r *rig) decide(d pipeline.Decision) {
	if d.Event != nil && d.Event.Kind == "finetune.rejected" {
		r.refused = append(r.refused, d.Event.Why)
	}
	if d.Switch.Model == nil {
		return
	}
	if _, ok := r.engine.Decide(d.Switch); !ok {
		r.err = errors.New("the engine does not know the series that a switch is for")
		return
	}
	r.changes = append(r.changes, change{r.pushed, d.Switch.Model, d.Switch.Kind, d.Switch.Why})
}

// Record implements pipeline.Out.
func (r *rig) Record(*sink.Record) {}

// Event implements pipeline.Out.
func (r *rig) Event(e sink.Event) {
	at := int(e.Time / slotNs)
	switch e.Kind {
	case "drift.opened":
		r.opened = append(r.opened, at)
		fallthrough
	case "drift.updated":
		what, _ := e.Data["kind"].(string)
		if f, ok := e.Data["fault"].(string); ok {
			what = f
		}
		r.told = append(r.told, naming{at, what})
	case "drift.resolved":
		r.told = append(r.told, naming{at, "resolved"})
	}
}

// Dead implements pipeline.Out.
func (r *rig) Dead(ingest.Sample, window.Fate) {
	r.err = errors.New("the engine refused a sample")
}
