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
	buf   *replay.Buffer
	job   *job       // the fine-tune that is queued, runs or waits for windows
	trial *probation // of the model promoted last
}

// track follows one series.
type track struct {
	name     string
	group    *group
	serving  *model.Model
	previous *model.Model // predecessor of the one that serves

	// Positions count the slots of the series over all contexts: index plus base.
	// They never go back, and windows lie on multiples of their length in both.
	epoch     int
	index     int64 // of the slot that would follow the latest
	base      int64
	seen      int64 // slots
	coolUntil int64 // as seen

	open  partial
	drift drift
}

func (t *track) end() int64 { return t.base + t.index }

// drift is an open drift of a series.
type drift struct {
	kind  string // "": none is open
	from  int64  // position of the first slot after the alarm
	fresh int    // windows taken since
	tries int    // fine-tunes that the gate refused
	done  bool   // nothing more is to be tried
}

// maxTries bounds the fine-tunes of one drift: the chance that luck passes the
// gate grows with each.
const maxTries = 3

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
	t := &track{name: strings.Clone(series), serving: a.cfg.Model, group: a.shared}
	if t.group == nil {
		buf, err := replay.New(a.cfg.replay())
		if err != nil {
			panic("adapt: a replay buffer can't be made the second time") // New made one
		}
		t.group = &group{buf: buf}
	}
	a.tracks[t.name] = t
	return t
}

// members returns the series that a group's model serves, in order of name.
func (a *Adapter) members(g *group) []*track {
	var ts []*track
	for _, name := range slices.Sorted(maps.Keys(a.tracks)) {
		if t := a.tracks[name]; t.group == g {
			ts = append(ts, t)
		}
	}
	return ts
}

// Serving hears which model serves a series from now on.
func (a *Adapter) Serving(series string, m *model.Model) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.track(series).serving = m
}

// Dropped forgets a series, with its replay buffer unless that is the stream's. A
// fine-tune for it that runs already comes to its verdict, and switches nothing.
func (a *Adapter) Dropped(series string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[series]
	if t == nil {
		return
	}
	a.settle(t)
	delete(a.tracks, series)
}

// Slot sees one slot of a series. An index that does not follow the latest one
// starts a new context.
func (a *Adapter) Slot(series string, epoch int, index int64, cols []model.Column, scales []window.Scale, state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.track(series)
	size := int64(a.cfg.Window)
	if t.seen > 0 && (epoch != t.epoch || index != t.index) {
		t.base = (t.end() - index/size*size + size - 1) / size * size
		if t.base < 0 { // the index went ahead
			t.base = 0
		}
		t.open.n = 0
	}
	t.epoch, t.index = epoch, index
	a.follow(t, state)
	a.collect(t, cols, scales)
	t.index++
	t.seen++
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
			p.rescale(i, c, s)
		}
		p.values[p.n*c+i], p.missing[p.n*c+i] = col.X, col.Missing
	}
	p.n++
}

// rescale brings channel i of what was collected so far to a new scale.
func (p *partial) rescale(i, channels int, to replay.Scale) {
	from := p.scales[i]
	p.scales[i] = to
	for k := i; k < p.n*channels; k += channels {
		p.values[k] = float32((float64(p.values[k])*from.Dev + from.Mean - to.Mean) / to.Dev)
	}
}

// keep takes the finished window into the buffer, and hands it to whoever waits
// for windows. A channel without a scale counts as missing.
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
	if !g.buf.AddMarked(t.name, start, p.values, p.missing, p.scales, p.doubt) || p.doubt {
		return
	}
	if t.drift.kind != "" && start >= t.drift.from {
		t.drift.fresh++
	}
	if g.buf.HeldOut(start) {
		w := latestHeld(g.buf)
		a.judgeLater(t, w)
		a.probe(t, w)
	}
	a.consider(t)
}

// latestHeld returns the held-out window that was added last.
func latestHeld(b *replay.Buffer) *replay.Window {
	h := b.Holdout()
	return h[len(h)-1]
}

// Opened hears that a drift was opened, or named anew. What came in since it
// began is not to be learnt from where it is in doubt, however late it was found.
func (a *Adapter) Opened(series string, since int64, kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.track(series)
	a.follow(t, kind)
	if doubtful(kind) {
		t.group.buf.Quarantine(t.name, t.base+since, t.end()+1)
	}
}

// Resolved hears that a drift is over.
func (a *Adapter) Resolved(series string, _ int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.follow(a.track(series), "")
}

// follow takes the monitor's state for the series' next slot. A drift may be
// named anew while it is open: what could not be named first is learnt after
// all, a fault never, but what comes after it may be.
func (a *Adapter) follow(t *track, state string) {
	if !trainable(state) && !doubtful(state) {
		if t.drift.kind != "" {
			t.drift = drift{}
			a.settle(t)
		}
		return
	}
	d, size := &t.drift, int64(a.cfg.Window)
	switch {
	case d.kind == state:
	case d.kind == "":
		*d = drift{kind: state, from: t.end()}
		if doubtful(state) { // it began before the alarm
			t.group.buf.Quarantine(t.name, d.from-size, d.from+1)
			t.open.doubt = true
		}
	case doubtful(state):
		d.kind, d.fresh = state, 0
		t.group.buf.Quarantine(t.name, d.from-size, t.end()+1)
		t.open.doubt = true
		a.settle(t)
	case d.kind == fault:
		*d = drift{kind: state, from: t.end()}
	case d.kind == unknown:
		d.kind = state
		d.fresh += t.group.buf.Release(t.name, d.from, t.end()+1)
		t.open.doubt = false
	default:
		d.kind = state
	}
}

// settle ends what was begun for the drift of a series that is over, or was
// none to learn: a fine-tune that has not started is dropped, and one that waits
// for more windows is judged by those that came.
func (a *Adapter) settle(t *track) {
	j := t.group.job
	if j == nil || j.track != t {
		return
	}
	if !j.started {
		j.dropped = true
		t.group.job = nil
		return
	}
	j.last = true
	if j.waiting {
		j.waiting = false
		a.push(func() { a.look(j) })
	}
}
