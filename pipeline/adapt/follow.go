package adapt

import "fmt"

// Opened hears that a drift was opened, or named anew. What came in since it
// began, where that is known (not -1), is not to be learnt from where it is in
// doubt, however late it was found.
func (a *Adapter) Opened(series string, since int64, kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.track(series)
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
		a.begin(t, state, t.regime())
		if doubtful(state) { // it began before the alarm
			t.group.buf.Quarantine(t.name, d.from-size, d.from+1)
			t.open.doubt = true
		}
	case doubtful(state):
		d.kind, d.fresh = state, 0
		t.recall = recall{}
		t.group.buf.Quarantine(t.name, d.from-size, t.end()+1)
		t.open.doubt = true
		a.drop(t)
	case d.kind == fault:
		a.begin(t, state, d.before)
	case d.kind == unknown:
		d.kind = state
		d.fresh += t.group.buf.Release(t.name, d.from, t.end()+1)
		t.open.doubt = false
		a.begins(t)
	default:
		d.kind = state
	}
}

// begin opens a drift, and with it a regime. What was learnt of the one before ends.
func (a *Adapter) begin(t *track, kind string, before int) {
	if t.after.kind != "" {
		t.after = drift{}
		a.settle(t)
	}
	t.group.regimes++
	t.drift = drift{kind: kind, from: t.end(), regime: t.group.regimes, before: before}
	t.mark(t.drift.from, t.drift.regime)
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
