package adapt

import (
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/replay"
)

// Opened hears that a drift was opened, or named anew. What came in since it
// began, where that is known (not -1), is not to be learnt from where it is in
// doubt, however late it was found.
func (a *Adapter) Opened(series string, since int64, kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.track(series)
	t.onset = since
	if t.ahead > 0 {
		return // Slot tells
	}
	a.follow(t, kind)
	if doubtful(kind) && since >= 0 {
		t.group.buf.Quarantine(t.name, t.base+since, t.end()+1)
	}
}

// Resolved hears that a drift is over.
func (a *Adapter) Resolved(series string, _ int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.track(series); t.ahead == 0 {
		a.follow(t, "")
	}
}

// follow takes the monitor's state for the series' next slot. A drift may be
// named anew while it is open: what could not be named first is learnt after
// all, a fault never, but what comes after it may be.
func (a *Adapter) follow(t *track, state string) {
	onset := t.onset
	t.onset = -1
	if !trainable(state) && !doubtful(state) {
		if d := t.drift; d.kind != "" {
			t.drift, t.recall = drift{}, recall{}
			if d.learnt {
				t.after = d
				return
			}
			t.mark(t.end(), d.before)
			a.settle(t)
		}
		return
	}
	d, size := &t.drift, int64(a.cfg.Window)
	switch {
	case d.kind == state:
	case d.kind == "":
		a.begin(t, state, t.regime(), t.begun(onset, size))
		if doubtful(state) { // it began before the alarm
			t.group.buf.Quarantine(t.name, d.from-size, t.end()+1)
			t.open.doubt = true
		}
	case doubtful(state):
		d.kind, d.fresh = state, 0
		t.recall = recall{}
		t.group.buf.Quarantine(t.name, d.from-size, t.end()+1)
		t.open.doubt = true
		a.drop(t)
	case d.kind == fault:
		a.begin(t, state, d.before, t.end())
	case d.kind == unknown:
		d.kind = state
		if from := t.begun(onset, size); from < d.from && d.tries == 0 {
			d.from = from // a jump was found first
			t.mark(from, d.regime)
		}
		t.group.buf.Release(t.name, d.from, t.end()+1)
		d.fresh = t.group.since(t.name, d.from)
		t.open.doubt = false
		a.begins(t)
	default:
		d.kind = state
	}
}

// mostBack bounds how far before the alarm windows count as new, in slots.
const mostBack = 1024

// begun returns the position from which slots are of a drift that seems to have begun
// at an index, -1: not known. Evidence gathers a little later than a change comes, and
// the net has no past at the start of a stretch, of which little is learnt and
// nothing judged: a quarter of a window may be missing. It is never before the regime
// that there was.
func (t *track) begun(onset, size int64) int64 {
	at := t.end()
	if onset < 0 {
		return at
	}
	from := t.base + onset
	if late := from % size; late <= size/4 {
		from -= late
	}
	from = max(min(from, at), at-mostBack, t.base)
	for _, m := range slices.Backward(t.marks) {
		if t.drift.kind == "" || m.regime != t.drift.regime { // its own is where it was first thought to begin
			return max(from, min(m.from, at))
		}
	}
	return from
}

// since returns how many windows of a series there are from a position on.
func (g *group) since(series string, from int64) int {
	n := 0
	s := g.buf.Snapshot()
	for _, list := range [...][]*replay.Window{s.Old, s.Recent, s.Holdout} {
		for _, w := range list {
			if w.Series == series && w.Start >= from {
				n++
			}
		}
	}
	return n
}

// begin opens a drift from a position on, and with it a regime. What was learnt of the
// one before ends.
func (a *Adapter) begin(t *track, kind string, before int, from int64) {
	if t.after.kind != "" {
		t.after = drift{}
		a.settle(t)
	}
	t.group.regimes++
	t.drift = drift{kind: kind, from: from, regime: t.group.regimes, before: before}
	if !doubtful(kind) {
		t.drift.fresh = t.group.since(t.name, from)
	}
	t.mark(from, t.drift.regime)
	a.begins(t)
}

// begins has the bank asked for a model, where the drift is one to learn.
func (a *Adapter) begins(t *track) {
	t.recall = recall{}
	if trainable(t.drift.kind) {
		t.recall = recall{from: t.end()}
	}
}

// settle tells the job that was begun for the drift of a series that is over: it
// is judged by the windows that came.
func (a *Adapter) settle(t *track) {
	j := t.group.job
	if j == nil || j.track != t {
		return
	}
	j.last = true
	if j.waiting {
		j.waiting = false
		a.push(func() { a.look(j) })
	}
}

// drop ends the job for a drift of t that was none to learn after all.
func (a *Adapter) drop(t *track) {
	j := t.group.job
	if j == nil || j.track != t {
		return
	}
	t.group.dropJob()
	if j.started {
		why := fmt.Sprintf("the drift turned out to be %s, which is not learnt from", t.drift.kind)
		a.pushQuick(func() { a.event(t.name, "finetune.rejected", why, nil) })
	}
}

// dropJob forgets what is being trained.
func (g *group) dropJob() {
	if g.job != nil {
		g.job.cancel()
		g.job = nil
	}
}
