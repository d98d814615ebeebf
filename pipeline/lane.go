package pipeline

import (
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

var nan = math.NaN()

// block is how many slots a lane collects before it runs the net by itself.
const block = 256

// inputLimit bounds scaled input, so that a wild reading can't overflow a net;
// rawLimit does that for a net on raw values, in whatever unit they are.
const (
	inputLimit = 100
	rawLimit   = 1e30
)

// lane is everything known of one series. It implements window.Handler: slots
// come in, columns go to the net in blocks, records come out.
type lane struct {
	eng    *Engine
	part   string
	series string

	win     *window.Series
	scalers []window.Scaler
	held    []float64 // per channel: the latest value, for the input of missing slots
	heldOK  []bool
	silent  []silence
	wild    []window.Wild

	place // among the series of its partition

	begun    bool    // model and monitor are chosen
	rateHz   float64 // of the grid that they were chosen for
	mod      *model.Model
	switched bool            // mod is what it was switched to, and not what is configured
	was      string          // that its saved state names, where that is not what is configured and it was not switched to it
	fixed    []window.Scale  // the model's own scale per channel, nil: the running one
	limit    float64         // of the net's input
	group    *group          // of mod
	past     *past           // nil: records are not revised
	half     model.HalfWidth // of the intervals of mod
	dev      model.HalfWidth // that deviations of its errors stand for
	stream   *model.Stream
	guard    *laneGuard // nil: the net serves
	history  *history   // the latest input columns, from which the stream can be warmed

	cols    []model.Column // collected input, slot-major, not yet pushed
	waiting queue          // slots whose record is not out yet

	watch *watch
	state string  // state of the monitor as of the latest slot
	score float64 // standardised score as of the latest slot
	doubt doubt   // of its readings

	alerts alerts
	told   sink.Mark // the latest event of alerts that this process told
	found  *finding  // of the drift that is open
	unused unused    // of its readings
	sparse sparse

	stamps   map[string]int64 // latest time of what was decided, by kind of event
	stampsOf int              // epoch of stamps

	life     Life     // of the series, among those that it had
	later    []Switch // known beforehand, of other lives
	switches []Switch // decided, not yet in effect
	rebases  []int64  // numbers of slots seen at which the monitor is to rebase
	before   int64    // slots seen by monitors before the present one

	emitted int64 // records handed out since the series began, over all contexts

	saved           int // bytes of its latest state
	queued, touched bool
	due             bool  // a checkpoint that is being taken wants its state as it is now
	waitingRaw      int64 // own samples in waiting
	rec             sink.Record
	shard           int
	kept            *outbox // where what it gives goes in this Run; nil: straight out
	joined          bool    // it went through its net with others
	own, early      extent  // of it, and of what it gave while it looked at its samples
	first, last     int32   // of its samples in the inbox of the engine, counted from 1; 0: none
	scales          []window.Scale
	estimates       []estimate
	levels, levelsY []level // per channel: of the newest slot, and of the one whose record is made

	colours        []*guard.Colour // per channel
	follows, takes bool            // the model is served by the test for colour, and by its estimate
	announced      []verdict       // per channel: of its noise
}

// waitSlot is a slot between the grid and its record.
type waitSlot struct {
	index  int64
	time   int64
	epoch  int
	source ingest.TimeSource
	score  float64
	state  string
	cells  []waitCell

	// Of a slot whose record is out, see past.
	ests    []estimate
	served  bool // by a net
	changed bool // since its record was given out
	rev     int
}

type waitCell struct {
	window.Cell
	scale    window.Scale
	x        float64      // input of the net, scaled
	coloured bool         // the noise is taken not to be white
	unfilled bool         // it lies too far from the latest reading to be filled
	wild     bool         // it has a reading that cannot be
	doubt    sink.Quality // that a fault leaves of a reading
	colour   float32      // that the net is told, 0: none
}

// Valid says whether the cell has a reading that estimates may rest on.
func (c *waitCell) Valid() bool { return !c.wild && c.Cell.Valid() }

func newLane(e *Engine, part string, series string) (*lane, error) {
	c := len(e.cfg.Channels)
	l := &lane{
		eng: e, part: part, series: strings.Clone(series),
		win:     window.NewSeries(e.cfg.Window),
		scalers: make([]window.Scaler, c), held: make([]float64, c), heldOK: make([]bool, c), silent: make([]silence, c), wild: make([]window.Wild, c),
		scales: make([]window.Scale, c), levels: make([]level, c), levelsY: make([]level, c), estimates: make([]estimate, c), colours: make([]*guard.Colour, c), announced: make([]verdict, c), state: "learning", score: nan,
	}
	l.shard = e.made % len(e.shards)
	e.made++
	l.waiting.channels = c
	l.mark = noMark
	for i := range l.colours {
		l.colours[i] = guard.NewColour()
	}
	if placed := e.cfg.Placed; placed != nil {
		l.win.OnPlaced(func(channel int, slot int64, fate window.Fate) {
			record := int64(-1)
			if slot >= 0 {
				record = l.emitted + int64(l.waiting.len()) - l.win.Closed() + slot
			}
			placed(l.series, channel, record, fate)
		})
	}
	l.rec = sink.Record{Stream: e.cfg.Stream, Series: l.series, Channels: e.cfg.Channels, Values: make([]sink.Value, c), Interval: e.cfg.Interval}
	if e.cfg.AtRate == nil || l.win.RateHz() > 0 {
		return l, l.begin(l.win.RateHz())
	}
	return l, nil
}

// begin gives the lane its model and its monitor. It is called once, at the
// latest when the rate of the grid has been learnt.
func (l *lane) begin(rateHz float64) error {
	l.begun, l.rateHz = true, rateHz
	cfg := &l.eng.cfg
	m, alarms := cfg.at(rateHz)
	if cfg.Watch {
		l.watch = newWatch(l, alarms, l.win.RateHz())
	}
	return l.serve(m)
}

// serve makes m the model of the lane, from the next record on. The new stream
// is warmed with the input that the old one has seen. After an error all is as
// before.
func (l *lane) serve(m *model.Model) error {
	old, guarded := l.stream, l.guard != nil
	var st *model.Stream
	if m != nil {
		var err error
		if st, err = m.NewCompactStream(len(l.scalers)); err != nil {
			return err
		}
	}
	if t := l.eng.cfg.Tap; t != nil {
		t.Serving(l.series, m)
	}
	l.mod, l.stream = m, st
	l.follows, l.takes = followsColour(m), takesColour(m)
	l.eng.regroup(l, m)
	if err := l.guardOf(m); err != nil {
		return err
	}
	if m == nil {
		return nil
	}
	l.half, l.dev = m.HalfWidth(l.eng.cfg.Interval), m.HalfWidth(oneDeviation)
	h := m.Header()
	l.fixed = fixedScale(h.Scaler, len(l.scalers))
	raw := h.Scaler.Kind == model.ScaleNone
	if l.limit = inputLimit; raw {
		l.limit = rawLimit
	}
	free := raw && !slices.Contains(h.Inputs, model.Level)
	for i := range l.levels {
		l.levels[i], l.levelsY[i] = level{free: free}, level{free: free}
	}
	l.rec.Model, l.rec.Lookahead = m.Name(), m.Lookahead()
	if l.history == nil {
		l.history = newHistory(st.HistoryLen(), len(l.scalers))
		return nil
	}
	l.history.resize(st.HistoryLen())
	l.lengthen()
	if old != nil {
		in, _ := old.Position()
		st.Warm(l.columns(), in)
		if l.guard != nil && !guarded {
			l.guard.Begin(in - int64(l.waiting.len()))
		}
	}
	return nil
}

// columns returns the columns of the history. They stay valid until those of another
// lane of the shard are asked for, and may be changed.
func (l *lane) columns() []model.Column {
	s := l.eng.shards[l.shard]
	s.columns = l.history.columns(s.columns)
	return s.columns
}

// fixedScale returns the scale that a model brings along, nil where it works
// with the running one. A model with no scaler takes raw values. A noise level of 0
// is left to be estimated: a net on raw values does without, but its guard doesn't.
func fixedScale(s model.Scaler, channels int) []window.Scale {
	if s.Kind == model.ScaleRunning {
		return nil
	}
	f := make([]window.Scale, channels)
	for i := range f {
		f[i] = window.Scale{Dev: 1}
		if s.Kind == model.ScaleFixed {
			k := i % len(s.Mean) // one for all channels, or one each
			f[i] = window.Scale{Mean: s.Mean[k], Dev: s.Dev[k]}
			if len(s.Sigma) > 0 {
				f[i].Sigma = s.Sigma[i%len(s.Sigma)]
			}
		}
	}
	return f
}

func (l *lane) modelName() string {
	if l.mod == nil {
		return ""
	}
	return l.mod.Name()
}

// called says whether a saved state means the model that serves by a name, "" where none does.
func (l *lane) called(name string) bool {
	if l.mod == nil {
		return name == ""
	}
	return l.mod.Called(name)
}

// fates returns the series' counts, with samples whose record waits for its
// look-ahead, or that the lane has not looked at, as pending.
func (l *lane) fates() window.Fates {
	f := l.win.Fates()
	f[window.Raw] -= l.waitingRaw
	f[window.Pending] += l.waitingRaw + l.unseen()
	return f
}

// Slot takes the next slot of the grid.
func (l *lane) Slot(s *window.Slot) {
	if !l.begun {
		if err := l.begin(l.win.RateHz()); err != nil { // the model does not fit: raw passes through, and says why
			l.mod, l.stream = nil, nil
			l.eng.regroup(l, nil)
			l.eng.event(l, s.Time, "series.reset", "warning", "not denoised: "+err.Error(), nil)
		}
	}
	if l.rateHz != l.win.RateHz() {
		l.changeRate(s.Time)
	}
	l.lookSparse(s)
	l.revise()
	if !l.queued {
		l.queued = true
		l.eng.dirty = append(l.eng.dirty, l)
	}
	l.remember()
	w := l.waiting.push()
	w.index, w.time, w.epoch, w.source = s.Index, s.Time, s.Epoch, s.TimeSource
	joint := l.mod != nil && l.mod.Joint()
	for i := range s.Cells {
		cell := &s.Cells[i]
		wc := &w.cells[i]
		wc.Cell = *cell
		if cell.Own {
			l.waitingRaw++
		}
		wc.wild = cell.Valid() && l.wild[i].Push(&l.scalers[i], cell.Value)
		valid := wc.Valid()
		wc.unfilled = l.silent[i].take(l.win, valid, joint)
		wc.scale = l.scalers[i].Push(cell.Value, valid)
		if l.fixed != nil {
			sigma := wc.scale.Sigma
			if wc.scale = l.fixed[i]; wc.scale.Sigma == 0 {
				wc.scale.Sigma = sigma
			}
		}
		l.scales[i] = l.tell(i, wc)
		col := model.Column{Missing: true, Level: l.levels[i].of(wc.scale), Colour: wc.colour}
		if valid {
			l.held[i], l.heldOK[i] = cell.Value, true
		}
		if wc.scale.Known() && l.heldOK[i] {
			x := (l.held[i] - wc.scale.Mean) / wc.scale.Dev
			col.X = float32(min(max(x, -l.limit), l.limit))
			col.Missing = !valid
		}
		wc.x = float64(col.X)
		l.cols = append(l.cols, col)
	}
	l.hearColour(s, w)
	if l.watch != nil {
		l.watch.slot(l, s, w)
	}
	if e := l.eng.eyes; e != nil {
		e.slot(l, s)
	}
	l.stand(w)
	if len(l.rebases) > 0 {
		l.rebase()
	}
	if l.alerts.held != nil {
		l.release(s.Time)
	}
	if l.eng.cfg.Tap != nil {
		l.showTap(s)
	}
	if len(l.cols) >= block*len(l.scalers) {
		l.run()
	}
}

// level is the noise level of a scale as nets take it: log10(σ̂/dev), within
// -3…0.5, or free of bounds where the net does not take it. Scales change rarely,
// and a logarithm costs as much as a filter.
type level struct {
	scale window.Scale
	value float32
	free  bool
}

func (v *level) of(s window.Scale) float32 {
	switch {
	case !s.Known() || s.Sigma <= 0:
		return -3
	case s != v.scale:
		v.scale, v.value = s, float32(math.Log10(s.Sigma/s.Dev))
		if !v.free {
			v.value = min(max(v.value, -3), .5)
		}
	}
	return v.value
}

// Reset finalises what waits and starts a new context.
func (l *lane) Reset(reason string) {
	last := l.win.Newest()
	l.revise()
	l.run()
	if l.stream != nil {
		l.emit(l.stream.Finish(), l.stream.Spread(), l.guard.finish(), true)
		l.stream.Reset()
		l.history.reset()
	}
	l.drainRaw()
	l.past.reset()
	l.guard.reset()
	for i := range l.scalers {
		l.scalers[i].ResetIndex()
	}
	clear(l.heldOK)
	for i := range l.colours {
		l.colours[i].Reset()
	}
	if l.watch != nil {
		l.watch.gap()
	}
	if reason != window.EndOfInput {
		l.eng.event(l, last, "series.reset", "info", reason, nil)
	}
}

// run pushes the collected columns through the net, in pieces that end where a
// switch takes effect.
func (l *lane) run() {
	c := len(l.scalers)
	for len(l.cols) > 0 {
		n := len(l.cols)
		if l.stream == nil {
			l.cols = l.cols[:0]
			l.drainRaw()
			return
		}
		if len(l.switches) > 0 {
			if l.switches[0].Record <= l.emitted {
				l.applySwitch()
				continue
			}
			// Push just enough input for the last record of the old model. A net
			// that works in hops may give out more.
			in, out := l.stream.Position()
			need := out + l.switches[0].Record - l.emitted + int64(l.mod.Lookahead()) - in
			if need > 0 && need < int64(n/c) {
				n = int(need) * c
			}
		}
		second := l.guard.push(l, l.cols[:n])
		l.history.add(l.cols[:n])
		l.emit(l.stream.Push(l.cols[:n]), l.stream.Spread(), second, false)
		l.cols = l.cols[:copy(l.cols, l.cols[n:])]
	}
	for len(l.switches) > 0 && l.switches[0].Record <= l.emitted {
		l.applySwitch()
	}
}

// drainRaw gives out what waits as raw values: there is no net.
func (l *lane) drainRaw() {
	for l.waiting.len() > 0 {
		l.record(l.waiting.pop(), false, true)
	}
}

// emit turns net outputs, slot-major, into records. spread and second, what the
// net makes of nudged readings, are parallel to them, or nil; second may be shorter.
func (l *lane) emit(y, spread, second []float32, early bool) {
	c := len(l.scalers)
	for i := 0; i+c <= len(y) && l.waiting.len() > 0; i += c {
		w := l.waiting.pop()
		l.estimate(w, y[i:i+c], slot(spread, i, c), slot(second, i, c))
		l.record(w, true, early)
	}
}

// slot returns the n values from place from on, nil where there are none.
func slot(x []float32, from, n int) []float32 {
	if len(x) < from+n {
		return nil
	}
	return x[from : from+n]
}

// sorted returns the lanes in the order of their names, for results that must
// not depend on the order of a map.
func (e *Engine) sorted() []*lane {
	ls := make([]*lane, 0, len(e.lanes))
	for _, l := range e.lanes {
		ls = append(ls, l)
	}
	slices.SortFunc(ls, func(a, b *lane) int { return strings.Compare(a.series, b.series) })
	return ls
}
