package pipeline

import (
	"fmt"
	"math"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// Out takes what an Engine computes, in order. A Record and what it points to
// are valid during the call only.
type Out interface {
	Record(r *sink.Record)
	Event(e sink.Event)
	Dead(s ingest.Sample, why window.Fate)
}

// Noise is what a user knows of a channel's noise.
type Noise struct {
	Sigma  float64 // deviation, in the channel's unit; 0: estimated from the series
	Colour float64 // autocorrelation from one slot to the next, 0 ≤ Colour < 1; 0: white, or not known
}

// EngineConfig says how an Engine works on the series of one stream.
type EngineConfig struct {
	Stream   string
	Channels []string // names, in the order of Sample.Channel
	Window   window.Config

	// Model serves every series until a switch says otherwise. nil: no net, raw
	// values pass through.
	Model *model.Model
	// AtRate, when not nil, is asked once per series, as soon as the rate of its
	// grid is known, and overrules Model and FalseAlarms: which look-ahead fits,
	// and how often a month's alarm is in samples, follow from the rate.
	AtRate func(rateHz float64) (*model.Model, monitor.Rate)
	// Interval is the coverage that lo..hi claims, default 0.9.
	Interval float64
	// Seed keys every random draw together with the series and the index.
	Seed uint64

	// Noise is what is known of the noise of each channel; nil: of none.
	Noise []Noise

	// Guard has a classical filter serve where the net is not shown to be better,
	// see package guard, and corrects the intervals by the same evidence.
	Guard bool

	// Watch switches the drift monitor on.
	Watch bool
	// FalseAlarms is the rate of false alarms asked for, per series.
	FalseAlarms monitor.Rate
	// FitSentinel fits the sentinels; it must be set where Watch is.
	FitSentinel FitSentinel
	// SentinelSlots is the number of slots that the sentinel is fitted on. Default 1024.
	SentinelSlots int
	// AwaitFit has monitors learn nothing until Fit is called for their series. It is
	// for recordings: what they have seen until then is in no saved state.
	AwaitFit bool
	// Calibration is the number of scores, one every 8 slots, that the monitor
	// learns from. Default 100, the least: few, so that a new series is watched
	// soon, at the price of a rate of false alarms that holds less exactly.
	Calibration int
	// Link is the template of the events' Link, see sink.FillLink.
	Link string
	// Tap, when not nil, sees every slot of every series with what the scaler
	// made of it: it is how adaptation fills its replay buffers.
	Tap Tap
	// Placed, when not nil, hears of every sample, in the order of its series, as
	// soon as its fate is known (see window.Series.OnPlaced). record is the number
	// of the record that the sample's time falls into, counted since the series
	// began; -1: none. The record may be out already.
	Placed func(series string, channel int, record int64, fate window.Fate)
	// Judged, when not nil, hears before each record, of each channel that has a
	// guard, why it is served by what serves it.
	Judged func(series string, channel int, why guard.Reason)
	// MaxSeries bounds the number of series; samples of further ones pass
	// through raw, counted. Default 10,000.
	MaxSeries int
	// StateTTL is for how long, in event time of its partition, nothing may come of
	// a series before it is forgotten; it starts cold when it returns. 0: for ever.
	StateTTL time.Duration
}

// Tap watches the slots of a series. Calls come from the goroutine that drives
// the Engine.
type Tap interface {
	// Slot sees one slot: its index, its input columns (one per channel), and
	// the state the monitor is in. The columns are valid during the call.
	Slot(series string, epoch int, index int64, cols []model.Column, scales []window.Scale, state string)
	// Serving hears which model serves a series from now on; nil: none.
	Serving(series string, m *model.Model)
	// Dropped hears that a series is not this engine's any more, or is to be forgotten
	// all the same: it may begin anew.
	Dropped(series string)
	// Opened hears that the monitor opened a drift, or named it anew, and at which
	// index it seems to have begun; Resolved that it is over.
	Opened(series string, since int64, kind string)
	Resolved(series string, index int64)
}

func (c EngineConfig) defaults() EngineConfig {
	c.Window = c.Window.Defaults()
	c.Window.Channels = len(c.Channels)
	if c.Interval == 0 {
		c.Interval = 0.9
	}
	if c.SentinelSlots == 0 {
		c.SentinelSlots = 1024
	}
	if c.MaxSeries == 0 {
		c.MaxSeries = 10_000
	}
	return c
}

// at returns what serves a series of a rate, and how often its monitor may err.
func (c *EngineConfig) at(rateHz float64) (*model.Model, monitor.Rate) {
	if c.AtRate == nil {
		return c.Model, c.FalseAlarms
	}
	return c.AtRate(rateHz)
}

// Engine computes the records of one stream from its samples: it owns one lane
// per series. Every result depends on a series' own sequence of samples and
// never on the clock, nor on how the input was cut into calls. Other series of its
// partition decide when it is forgotten, where StateTTL or MaxSeries are reached: by
// their event times and order, which a replay repeats. An Engine is not safe for
// concurrent use.
type Engine struct {
	cfg    EngineConfig
	out    Out
	lanes  map[string]*lane
	dirty  []*lane                 // lanes with slots that the net has not seen
	groups map[*model.Model]*group // by the model that serves
	active []*group                // with lanes of this Run
	fits   *fitter
	save   func(*lane) // writes the state of a lane that is due
	shards []*shard
	made   int          // lanes so far: they are dealt out to the shards in turn
	order  []*lane      // of the records of this Run, where they are kept
	inbox  []arrival    // samples that no lane has looked at
	muted  int64        // events that the bounds of their series kept back
	spare  window.Fates // fates of samples that no lane holds
	gone   window.Fates // fates of dropped lanes' samples

	recent   map[string]*recency // by partition
	now      int64               // of the latest Tick
	copies   *Engine             // where provisional records are computed; nil: none yet
	scratch  []byte
	amended  []*lane       // with late readings that are not told
	rerunOf  *model.Model  // that the latest revision ran
	rerun    *model.Stream // of it
	gonePart []state.Entry // series forgotten since the latest checkpoint
	evicted  int64         // series forgotten
	eyes     *eyes         // nil: nobody looks on

	// standIn returns what serves a restored series in the place of a model that is gone, where
	// the engine itself has none. It may be nil.
	standIn func(rateHz float64) *model.Model
}

// NewEngine returns an engine without series.
func NewEngine(cfg EngineConfig, out Out) (*Engine, error) {
	cfg = cfg.defaults()
	if len(cfg.Channels) == 0 {
		return nil, fmt.Errorf("stream %q has no channels", cfg.Stream)
	}
	if err := cfg.Window.Validate(); err != nil {
		return nil, fmt.Errorf("stream %q: %w", cfg.Stream, err)
	}
	if cfg.Noise != nil && len(cfg.Noise) != len(cfg.Channels) {
		return nil, fmt.Errorf("stream %q: the noise of %d channels is given, of %d", cfg.Stream, len(cfg.Noise), len(cfg.Channels))
	}
	if cfg.Model != nil {
		if err := cfg.Model.Takes(cfg.Channels); err != nil {
			return nil, fmt.Errorf("stream %q: %w: name them so", cfg.Stream, err)
		}
	}
	for i, n := range cfg.Noise {
		if !(n.Sigma >= 0 && n.Sigma <= math.MaxFloat64) || !(n.Colour >= 0 && n.Colour < 1) || n.Colour > 0 && n.Sigma == 0 {
			return nil, fmt.Errorf("stream %q: channel %s: a noise of deviation %g and autocorrelation %g: the deviation must be a number that is not negative, the autocorrelation lie in 0 to below 1, and with the latter the former is needed",
				cfg.Stream, cfg.Channels[i], n.Sigma, n.Colour)
		}
	}
	return &Engine{cfg: cfg, out: out, lanes: make(map[string]*lane), groups: make(map[*model.Model]*group), fits: newFitter(), shards: newShards(processors()), recent: make(map[string]*recency)}, nil
}

// noise returns what is known of the noise of a channel.
func (e *Engine) noise(channel int) Noise {
	if e.cfg.Noise == nil {
		return Noise{}
	}
	return e.cfg.Noise[channel]
}

// Close stops background fits and waits for them.
func (e *Engine) Close() {
	e.fits.close()
	if e.copies != nil {
		e.copies.Close()
	}
}

// Push takes samples of one message. stored is the message's stored stamp in
// Unix ns, 0 where there is none; part is the partition it came from.
// What becomes computable is computed by the next Run, and unless somebody waits to hear
// of each sample, see defers, no lane looks at its samples before.
func (e *Engine) Push(part string, samples []ingest.Sample, stored int64) error {
	r := e.partition(part)
	for i := 0; i < len(samples); i++ {
		e.advance(r, &samples[i], stored)
		if err := e.expire(r); err != nil {
			return err
		}
		l, err := e.lane(part, samples[i].Series)
		if err == nil && l != nil && e.expired(r, l) { // and its turn had not come
			if err = e.evict(l, r.newest); err == nil {
				l, err = e.lane(part, samples[i].Series)
			}
		}
		if err != nil {
			return err
		}
		if l == nil {
			i += e.passThrough(part, samples[i:]) - 1
			continue
		}
		l.changes()
		r.left.greet(l, samples[i].Time)
		l.live(samples[i].Time)
		r.touch(l, e.now)
		if e.defers() {
			e.receive(l, &samples[i], stored)
			continue
		}
		l.win.Push(samples[i], stored, l)
		if l.past != nil && len(l.past.late) > 0 {
			e.amended = append(e.amended, l)
		}
	}
	for _, l := range e.amended {
		l.revise()
	}
	clear(e.amended)
	e.amended = e.amended[:0]
	return nil
}

// Finish ends the input of all series: what waits is computed without its
// look-ahead.
func (e *Engine) Finish() {
	e.Run()
	for _, l := range e.sorted() {
		l.changes()
		l.win.Finish(l)
		l.run()
		l.queued = false
	}
	clear(e.dirty)
	e.dirty = e.dirty[:0]
}

// Fates returns what became of all samples so far. A sample counts as raw once
// its record was handed out.
func (e *Engine) Fates() window.Fates {
	f := e.spare
	f.Add(&e.gone)
	for _, l := range e.lanes {
		lf := l.fates()
		f.Add(&lf)
	}
	return f
}

// Series returns the number of series held.
func (e *Engine) Series() int { return len(e.lanes) }

// States counts the series by the state of their monitor.
func (e *Engine) States(count map[string]int) {
	for _, l := range e.lanes {
		count[l.state]++
	}
}

// drop forgets a series whose partition went to another owner.
func (e *Engine) drop(series string) {
	l := e.lanes[series]
	f := l.fates()
	e.gone.Add(&f)
	e.remove(l)
}

// regain takes the fates of a series that was dropped before back from those of
// the series that are gone.
func (e *Engine) regain(l *lane) {
	for i, n := range l.fates() {
		e.gone[i] -= n
	}
}

func (e *Engine) lane(part string, series string) (*lane, error) {
	if l := e.lanes[series]; l != nil {
		return l, nil
	}
	if len(e.lanes) >= e.cfg.MaxSeries {
		return nil, nil
	}
	l, err := newLane(e, part, series)
	if err != nil {
		return nil, err
	}
	e.lanes[l.series] = l
	return l, nil
}

func (e *Engine) event(l *lane, t int64, kind, severity, why string, data map[string]any) {
	ev := sink.Event{
		ID:   sink.EventKey(e.cfg.Stream, l.series, l.win.Epoch(), kind, t),
		Time: t, Stream: e.cfg.Stream, Series: l.series, Epoch: l.win.Epoch(),
		Kind: kind, Severity: severity, Why: why, Model: l.modelName(), Data: data,
	}
	ev.Link = sink.FillLink(e.cfg.Link, &ev)
	l.publish(ev)
}
