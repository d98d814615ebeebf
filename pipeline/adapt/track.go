package adapt

import (
	"maps"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/window"
)

// group is what one model is tuned for: a series, or all of the stream.
type group struct {
	name  string // of the series; "": the stream
	buf   *replay.Buffer
	job   *job       // the fine-tune that is queued, runs or waits for windows
	trial *probation // of the model promoted last
	later []shot     // the latest held-out windows, whichever regime bore them

	// The clock is the largest number of slots seen of any of the series.
	clock     int64
	coolUntil int64 // as clock
	refused   int   // challengers in a row
	budget    budget

	regimes  int // that there have been
	bank     bank
	versions []*model.Model // that served latest, the latest one last
	gone     bool           // its series has another owner
	last     *shown         // of the latest fine-tune that came to an end
	kept     int            // windows since the state was saved
	saving   bool           // it is to be
	saved    bool           // it was, by this process
}

// track follows one series. Who writes what, of it and of its group, and under what:
//
//	field                                    written by                         under
//	name, group                              the Tap, once                      mu
//	epoch … skipped, open, tail, onset       the Tap                            mu
//	marks                                    the Tap; the quick queue           mu
//	known                                    the slow queue                     mu
//	drift, after, recall                     the Tap; both queues; by hand      mu
//	serving, previous, pending, was          the Tap; both queues; by hand      mu
//	group: buf, clock, later, regimes, gone  the Tap                            mu
//	group: kept, saving, saved               the Tap; whoever saves             mu
//	group: job                               the Tap; the slow queue; by hand   mu
//	group: coolUntil, refused, budget        the Tap; the slow queue            mu
//	group: trial, bank, versions             the Tap; both queues; by hand      mu
//	job: held, waiting, last                 the Tap; the slow queue            mu
//	job: challenger, crossed, started, next  the slow queue                     mu
//	job and probation: shadow                the slow queue                     none
//	files of the group                       whoever saves                      files
//
// The Tap is the goroutine that drives the engine. Others read under mu, too.
type track struct {
	name     string
	group    *group
	serving  *model.Model
	previous *model.Model // predecessor of the one that serves

	// Positions count the slots of the series over all contexts: index plus base.
	// They never go back, and windows lie on multiples of their length in both.
	epoch int
	index int64 // of the slot that would follow the latest
	base  int64
	seen  int64 // slots
	// After a restart: slots before ahead have been seen, and skipped is the one
	// that would follow those that came again.
	ahead, skipped int64

	open   partial
	tail   tail
	onset  int64 // index at which what the engine told of last began; -1: not known, or used
	drift  drift
	after  drift // the one that is over, of which a model goes on learning
	recall recall
	marks  []mark // which regime there was from when on, oldest first
	known  []span // windows that a model which serves or served was trained on, oldest first

	pending *pending // switch that the engine has not made yet
	// After a restart, until it is clear what serves: the name of the model that
	// served before, what the engine says, and the slots seen by which it is clear.
	was      string
	reported *model.Model
	settled  int64
}

func (t *track) end() int64 { return t.base + t.index }

// drift is an open drift of a series.
type drift struct {
	kind   string // "": none is open
	from   int64  // position of its first slot, as far as that is known; else the one after the alarm
	fresh  int    // windows taken since
	tries  int    // stages begun
	done   bool   // nothing more is to be tried
	regime int    // that it began
	before int    // regime that there was
	learnt bool   // a model for it serves: its end is not the return of the one before
}

// learning returns the drift that is learnt from: the one that is open, or else the
// one that the monitor closed since a model for it serves.
func (t *track) learning() *drift {
	if t.drift.kind == "" {
		return &t.after
	}
	return &t.drift
}

// stages are the numbers of windows, in halves of Config.Need, at which the
// fine-tunes of one drift begin. The first comes soon, for what a few windows show to
// be better; each of the others has more to learn from. The chance that luck passes
// the gate grows with their number.
var stages = [...]int{2, 3, 6, 12}

// stage returns the number of new windows that the n-th fine-tune of a drift, from
// 0 on, waits for.
func (c Config) stage(n int) int { return (c.Need*stages[n] + 1) / 2 }

// next returns the number of the next fine-tune of a drift. Where one has been promoted
// it waits for as many windows more as that was trained on: the others are known to what
// serves, and judge nothing.
func (c Config) next(d *drift) int {
	n := d.tries
	for d.learnt && n > 0 && n < len(stages) && stages[n] < 2*stages[d.tries-1] {
		n++
	}
	return n
}

// The kinds of drift, which the monitor's state is named after while one is open.
const (
	noiseLevel = "noise"
	regime     = "regime"
	fault      = "fault"
	unknown    = "unknown"
)

// trainable says whether the kind of a drift is one to learn.
func trainable(kind string) bool { return kind == noiseLevel || kind == regime }

// doubtful says whether what comes in is not to be learnt from.
func doubtful(kind string) bool { return kind == fault || kind == unknown }

// partial is a window that is being collected.
type partial struct {
	n       int // slots so far; 0: waiting for the start of a window
	doubt   bool
	values  []float32
	missing []bool
	scales  []replay.Scale
	bad     []bool // per channel: its scale was unknown somewhere
}

func (a *Adapter) track(series string) *track {
	if t := a.tracks[series]; t != nil {
		return t
	}
	t := a.known[series]
	delete(a.known, series)
	if t == nil && a.shared == nil && !a.leaving[series] {
		t = a.load(series)
	}
	if t == nil {
		t = &track{name: strings.Clone(series), serving: a.cfg.Model, group: a.shared, onset: -1}
		if a.shared != nil { // it may have been here before, and left windows behind
			t.base = a.shared.buf.End(series)
		}
	}
	if t.group == nil {
		t.group = a.newGroup(t.name)
	}
	a.tracks[t.name] = t
	return t
}

// newGroup returns a group that knows nothing.
func (a *Adapter) newGroup(name string) *group {
	buf, err := replay.New(a.cfg.replay())
	if err != nil {
		panic("adapt: a replay buffer can't be made the second time") // New made one
	}
	return &group{name: name, buf: buf, budget: fullBudget(a.cfg)}
}

// members returns the series that a group's model serves, in order of name.
func (a *Adapter) members(g *group) []*track { return membersIn(a.tracks, g) }

// everyone returns the members of a group and then those of its series that have
// not come back yet since a restart.
func (a *Adapter) everyone(g *group) []*track { return append(a.members(g), membersIn(a.known, g)...) }

func membersIn(tracks map[string]*track, g *group) []*track {
	if g.name != "" { // it has the one series
		if t := tracks[g.name]; t != nil && t.group == g {
			return []*track{t}
		}
		return nil
	}
	var ts []*track
	for _, name := range slices.Sorted(maps.Keys(tracks)) {
		if t := tracks[name]; t.group == g {
			ts = append(ts, t)
		}
	}
	return ts
}

// Serving hears which model serves a series from now on.
func (a *Adapter) Serving(series string, m *model.Model) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serves(a.track(series), m)
}

// Dropped forgets a series, with its replay buffer unless that is the stream's. A
// fine-tune for it that runs already comes to its verdict, and switches nothing. When
// the series returns it begins anew.
func (a *Adapter) Dropped(series string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, series) // it counts among the series no more
	t := a.tracks[series]
	if t == nil {
		return
	}
	a.settle(t)
	delete(a.tracks, series)
	t.group.buf.SetRegime(t.name, 0)
	if g := t.group; g != a.shared {
		g.gone = true
		a.forget(g)
	}
}

// Slot sees one slot of a series. An index that does not follow the latest one
// starts a new context.
func (a *Adapter) Slot(series string, epoch int, index int64, cols []model.Column, scales []window.Scale, state string) {
	a.see(series, epoch, index, cols, scales, state)
	a.step()
}

func (a *Adapter) see(series string, epoch int, index int64, cols []model.Column, scales []window.Scale, state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.track(series)
	if t.was != "" {
		a.reconcile(t)
	}
	if t.seen == 0 || t.settled > 0 && t.was == "" { // what serves is clear for the first time
		t.settled = 0
		a.catchUp(t)
	}
	size := int64(a.cfg.Window)
	if t.ahead > 0 && t.sawBefore(epoch, index) {
		return
	}
	if t.seen > 0 && (epoch != t.epoch || index != t.index) {
		t.base = (t.end() - index/size*size + size - 1) / size * size
		if t.base < 0 { // the index went ahead
			t.base = 0
		}
		t.open.n = 0
		t.tail.reset()
		t.recall = recall{}
	}
	t.epoch, t.index = epoch, index
	a.follow(t, state)
	a.collect(t, cols, scales)
	if len(t.group.bank.all) > 0 {
		t.tail.add(cols, scales)
	} else {
		t.tail.reset()
	}
	t.index++
	t.seen++
	t.group.clock = max(t.group.clock, t.seen)
	a.remind(t)
	if index%size == size-1 && t.open.n == a.cfg.Window {
		a.keep(t)
		t.open.n = 0
	}
}

// collect adds the slot to the open window, or opens one where it may begin.
func (a *Adapter) collect(t *track, cols []model.Column, scales []window.Scale) {
	p, c := &t.open, a.cfg.Channels
	if p.n == 0 {
		if t.index%int64(a.cfg.Window) != 0 {
			return
		}
		if p.values == nil {
			p.values, p.missing = make([]float32, a.cfg.Window*c), make([]bool, a.cfg.Window*c)
			p.scales, p.bad = make([]replay.Scale, c), make([]bool, c)
		}
		p.doubt = false
		clear(p.bad)
		for i, s := range scales {
			p.scales[i] = replay.Scale(s)
		}
	}
	p.doubt = p.doubt || doubtful(t.drift.kind)
	for i, col := range cols {
		s := replay.Scale(scales[i])
		if !scales[i].Known() {
			p.bad[i] = true
		} else if s != p.scales[i] {
			rescale(p.values[i:p.n*c], c, p.scales[i], s)
			p.scales[i] = s
		}
		p.values[p.n*c+i], p.missing[p.n*c+i] = col.X, col.Missing
	}
	p.n++
}

// keep takes the finished window into the buffer, and hands it to whoever waits
// for windows. It is of the regime that there was when it began. A channel without
// a scale counts as missing.
func (a *Adapter) keep(t *track) {
	p, g, start := &t.open, t.group, t.end()-int64(a.cfg.Window)
	for c, bad := range p.bad {
		if !bad {
			continue
		}
		p.scales[c] = replay.Scale{}
		for k := c; k < len(p.values); k += len(p.bad) {
			p.missing[k] = true
		}
	}
	if r := t.regimeAt(start); r != g.buf.Regime(t.name) {
		g.buf.SetRegime(t.name, r)
	}
	if !g.buf.AddMarked(t.name, start, p.values, p.missing, p.scales, p.doubt) || p.doubt {
		return
	}
	if d := t.learning(); d.kind != "" && start >= d.from {
		d.fresh++
	}
	if held := g.buf.HeldOut(start); held || g.job != nil {
		s := shot{latest(g.buf, held), g.clock}
		a.judgeLater(t, s)
		if held {
			if g.later = append(g.later, s); len(g.later) > probationWindows {
				g.later = append(g.later[:0:0], g.later[1:]...)
			}
			a.probe(s)
		}
	}
	a.consider(t)
	if g.kept++; a.cfg.Dir != "" && !g.saving && g.kept >= max(leastKept, g.buf.Len()/8) {
		g.saving = true
		a.pushQuick(func() { a.save(g) })
	}
}

// leastKept is the number of windows after which a state is written, or an eighth
// of those held where that is more.
const leastKept = 32

// latest returns the window that was added last.
func latest(b *replay.Buffer, held bool) *replay.Window {
	s := b.Snapshot()
	if held {
		return s.Holdout[len(s.Holdout)-1]
	}
	return s.Recent[len(s.Recent)-1]
}
