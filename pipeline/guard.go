package pipeline

import (
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
)

// oneDeviation is the coverage of one standard deviation to either side.
const oneDeviation = 0.6826894921370859

// estimate is what serves one channel of a slot.
type estimate struct {
	known    bool
	clean    float64
	dev      float64 // deviation of its error, 0: unknown
	method   string
	coloured bool    // the noise of the channel is taken not to be white
	colour   float32 // that the net is told, 0: none
	cycles   bool    // earlier cycles had their share in it

	// What a revision needs, see past.
	alone  float64 // clean without that share
	unit   float64 // spread that the net told, scaled; 0: it tells none
	filter string  // that serves where there is a reading; "": the net
	per    float64 // half an interval, in deviations
}

// halfPerDev returns how many deviations of the error half an interval is wide.
func (l *lane) halfPerDev(level float64) float64 { return l.half.At(level) / l.dev.At(level) }

// estimate sets the estimates of a slot from what the net makes of it.
func (l *lane) estimate(w *waitSlot, y, spread, second []float32) {
	for i := range w.cells {
		e, wc := &l.estimates[i], &w.cells[i]
		*e = estimate{method: "net", coloured: wc.coloured, colour: wc.colour}
		if !wc.scale.Known() || y[i]-y[i] != 0 {
			continue
		}
		e.known = true
		if wc.Valid() {
			e.clean = wc.Value - wc.scale.Dev*(wc.x-float64(y[i]))
		} else { // filled from its neighbours
			e.clean = wc.scale.Mean + wc.scale.Dev*float64(y[i])
		}
		e.alone = e.clean
		unit := wc.scale.Sigma
		if spread != nil {
			e.unit = float64(spread[i])
			unit = wc.scale.Dev * e.unit
		}
		e.dev = unit * l.dev.At(float64(l.levelsY[i].of(wc.scale)))
	}
	if l.guard != nil {
		l.guard.estimate(l, w, y, second)
	}
}

// laneGuard is the guard of a series with the second run of its net. A nil one
// lets the net serve.
type laneGuard struct {
	*guard.Guard
	second  *model.Stream // over nudged readings, while it is wanted
	cols    []model.Column
	reading []float64
	values  []guard.Value
	choices []guard.Choice

	level, worth float32 // worth is 10^level
}

// Unguarded says why no guard can stand beside a model, "" where one can.
func Unguarded(m *model.Model) string {
	if m.NotWhite() {
		return "it was trained on noise that is not white, which a guard can't judge"
	}
	return ""
}

// guardOf gives the lane the guard of a model; nil where there is nothing to
// guard, or where the guard cannot judge it. A net that looks further ahead than
// filters gain from is compared with those of the largest panel. Filters look no further
// ahead than the readings are there for certain, or values would hang on how many come
// at a time.
func (l *lane) guardOf(m *model.Model) error {
	if m == nil || !l.eng.cfg.Guard || Unguarded(m) != "" {
		l.guard = nil
		return nil
	}
	p, err := l.panel(m.CertainAhead())
	if err != nil {
		return err
	}
	if l.guard != nil {
		l.guard.Renew(p)
		l.guard.second = nil
		return nil
	}
	c := len(l.scalers)
	l.guard = &laneGuard{Guard: guard.New(p, c), reading: make([]float64, c), values: make([]guard.Value, c),
		choices: make([]guard.Choice, c), worth: 1}
	return nil
}

// panel returns the filters that look so far ahead.
func (l *lane) panel(ahead int) (*guard.Panel, error) {
	return l.eng.shards[l.shard].panel(min(ahead, guard.MaxLookahead))
}

// push runs the second stream over columns that the lane's own is to get next,
// and returns its values, parallel to those of that one, up to the last that is wanted;
// nil where none is. They stay valid until the next call. The columns are not yet part of
// the lane's history.
func (g *laneGuard) push(l *lane, cols []model.Column) []float32 {
	st, nudged := g.ready(l, cols)
	if st == nil {
		return nil
	}
	return st.Push(nudged)
}

// ready is push but for the run itself: it returns the second stream and what is to be
// pushed to it; nil where its values are not wanted. The lane's own stream has not had
// the columns.
func (g *laneGuard) ready(l *lane, cols []model.Column) (*model.Stream, []model.Column) {
	if g == nil {
		return nil, nil
	}
	c := len(l.scalers)
	in, out := l.stream.Position()
	to := in + int64(len(cols)/c)
	if !g.Wants(out, to) {
		g.second = nil
		return nil, nil
	}
	if g.second == nil {
		g.begin(l, in)
	}
	st := g.second
	if end := g.WantsUntil(out); end > out && !g.Wants(end, to) {
		if need := end + int64(l.mod.Lookahead()) - in; need > 0 && need <= to-in { // with these all is out that is wanted
			cols, g.second = cols[:int(need)*c], nil
		}
	}
	g.cols = append(g.cols[:0], cols...)
	g.nudge(g.cols, l, in)
	return st, g.cols
}

// begin makes the second stream, which is to get slot in next. Where no slot before it
// was nudged that the net reaches back to, it is where the lane's own is.
func (g *laneGuard) begin(l *lane, in int64) {
	c := len(l.scalers)
	st, err := l.mod.NewCompactStream(c)
	if err != nil {
		panic("pipeline: a second stream of a model that has one: " + err.Error())
	}
	g.second = st
	from := in - int64(l.history.len()/c)
	if !g.Wants(from, in) {
		st.CopyFrom(l.stream)
		return
	}
	past := l.columns()
	g.nudge(past, l, from)
	st.Warm(past, in)
}

// nudge moves the readings of columns from a slot on where the guard wants it.
func (g *laneGuard) nudge(cols []model.Column, l *lane, slot int64) {
	c := len(l.scalers)
	for i := range cols {
		col := &cols[i]
		if t := slot + int64(i/c); !col.Missing && g.Wants(t, t+1) {
			col.X += g.nudgeOf(l, i%c, t, col.Level)
		}
	}
}

// nudgeOf returns by how much a scaled reading is moved.
func (g *laneGuard) nudgeOf(l *lane, channel int, slot int64, level float32) float32 {
	if level != g.level {
		g.level, g.worth = level, float32(math.Pow(10, float64(level)))
	}
	return guard.Nudge(l.eng.cfg.Seed, channel, slot) * g.worth
}

// estimate lets the guard choose what serves a slot, just popped from those that
// wait, where the net says y, and second on nudged readings.
func (g *laneGuard) estimate(l *lane, w *waitSlot, y, second []float32) {
	for more := true; more && g.Ahead() > 0; {
		more = g.readNext(l, w)
	}
	t := g.Slot()
	for i := range w.cells {
		e, wc := &l.estimates[i], &w.cells[i]
		v := &g.values[i]
		*v = guard.Value{Net: nan, Spread: e.dev, Own: nan, Sigma: wc.scale.Sigma, Coloured: wc.coloured, Told: wc.colour > 0}
		if !e.known {
			continue
		}
		v.Net = e.clean
		if second != nil && wc.Valid() && g.Wants(t, t+1) {
			by := float64(g.nudgeOf(l, i, t, l.levelsY[i].of(wc.scale)))
			v.Own, v.Side = float64(second[i]-y[i])/by, math.Copysign(1, by)
		}
	}
	l.past.note(g, w.index)
	g.Estimate(g.choices, g.values)
	for i := range w.cells {
		if judged := l.eng.cfg.Judged; judged != nil {
			judged(l.series, i, g.Reason(i))
		}
		e := &l.estimates[i]
		if !e.known {
			continue
		}
		e.dev = g.choices[i].Spread
		c := &g.choices[i]
		e.filter = c.Filter
		if c.Filter != "" && !w.cells[i].Valid() { // a filter says nothing of its own where there is no reading
			e.dev = c.Fill
			continue
		}
		e.clean, e.alone, e.cycles = c.Clean, c.Alone, c.Cycles
		if c.Filter != "" {
			e.method = c.Filter
		}
	}
}

// readNext hands the guard the readings of the next slot, if it is there, and
// else says that no more will come.
func (g *laneGuard) readNext(l *lane, w *waitSlot) bool {
	next := w
	if k := g.Pending(); k > l.waiting.len() {
		g.Finish()
		return false
	} else if k > 0 {
		next = l.waiting.at(k - 1)
	}
	for i := range next.cells {
		g.reading[i] = nan
		if wc := &next.cells[i]; wc.Valid() {
			g.reading[i] = wc.Value
		}
	}
	g.Read(g.reading)
	return true
}

// finish ends the second run.
func (g *laneGuard) finish() []float32 {
	if g == nil || g.second == nil {
		return nil
	}
	y := g.second.Finish()
	g.second = nil
	return y
}

// reset begins a new context.
func (g *laneGuard) reset() {
	if g != nil {
		g.Reset()
		g.second = nil
	}
}
