package monitor

import "github.com/quell-stream/quell/internal/wire"

// Watch is all that watches a series: Jumps from 400 samples on, and a Monitor from
// where it has learnt. Half of the false alarms asked for may come from each. At most
// one drift is open: a jump is unknown until the Monitor names it, and what the
// Monitor has open says more than any jump.
//
// Feed is the caller's to give a sentinel to; without one only jumps are watched for.
// A Watch is made by NewWatch and not safe for concurrent use. Push allocates nothing
// but where something was learnt or told.
type Watch struct {
	Feed *Feed

	cfg    Config
	jumps  *Jumps
	mon    *Monitor
	learnt bool   // the monitor has
	state  string // of the monitor, after its latest hop
	jump   bool   // a jump is what is told to be open
}

// NewWatch returns a Watch that begins to learn. It panics where cfg does not
// validate.
func NewWatch(cfg Config) *Watch {
	cfg = cfg.defaults()
	half := cfg
	half.FalseAlarms /= 2
	return &Watch{Feed: NewFeed(cfg.Channels, cfg.Hop), cfg: cfg, jumps: NewJumps(cfg), mon: New(half), state: Learning}
}

// Push takes the next slot: its index on the series' grid, its time in nanoseconds,
// and one raw value per channel with whether it is missing. hop says that the Monitor
// made an observation of it, which Z and Evidence are of.
func (w *Watch) Push(index, t int64, values []float64, missing []bool) (d Decision, hop bool) {
	j := w.jumps.Push(t, values, missing)
	o, hop := w.Feed.Push(index, values, missing)
	if !hop {
		m := w.mon.standing()
		return w.among(&j, &m), false
	}
	m := w.mon.Update(o)
	w.state = m.State
	switch learnt := m.State != Learning; {
	case learnt && !w.learnt:
		j = w.jumps.Learnt()
		j.State, j.Z, j.Evidence = m.State, m.Z, m.Evidence
		w.learnt, w.jump = true, false
		return j, true
	case !learnt && w.learnt: // what stayed is the new normal
		w.jumps = NewJumps(w.cfg)
		w.learnt, w.jump = false, false
		return m, true
	case m.Resolved && !learnt:
		return m, true
	}
	return w.among(&j, &m), true
}

// among returns what is to be said where the jumps say j and the monitor says m.
func (w *Watch) among(j, m *Decision) Decision {
	if !w.learnt {
		return *j
	}
	open := m.State != Normal && m.State != Warning
	switch {
	case m.Opened && w.jump:
		m.Opened, m.Updated, w.jump = false, true, false
	case m.Resolved:
		w.jumps.Forget()
	case open: // a jump is no news
	case j.Opened, j.Resolved && w.jump:
		w.jump = j.Opened
		j.Z, j.Evidence, j.Changed = m.Z, m.Evidence, true
		if j.Resolved {
			j.State = m.State
		}
		return *j
	case w.jump:
		m.State, m.Kind = Unknown, Unknown
	}
	return *m
}

// State returns the state after the latest Push.
func (w *Watch) State() string {
	switch {
	case !w.learnt && w.jumps.lost() >= 0:
		return Fault
	case w.jump, !w.learnt && w.jumps.jumped():
		return Unknown
	}
	return w.state
}

// Learnt says whether the Monitor has learnt.
func (w *Watch) Learnt() bool { return w.learnt }

// Gap says that the next slot does not follow the latest.
func (w *Watch) Gap() {
	w.jumps.Gap()
	w.Feed.Reset()
	w.mon.Gap()
}

// Rebase takes the present as the new normal: everything is learnt again. A drift
// that is open is told as resolved at the next hop.
func (w *Watch) Rebase() {
	if w.jump {
		w.mon.kind, w.mon.rebased = Unknown, true
	}
	w.mon.Rebase()
	w.jumps, w.state = NewJumps(w.cfg), Learning
	w.learnt, w.jump = false, false
}

// AppendState appends a snapshot, the Feed not included.
func (w *Watch) AppendState(dst []byte) []byte {
	dst = wire.String(wire.Bool(wire.Bool(dst, w.learnt), w.jump), w.state)
	return w.mon.AppendState(w.jumps.AppendState(dst))
}

// RestoreState reads a snapshot back and returns the rest of src. On an error the
// Watch must not be used.
func (w *Watch) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	w.learnt, w.jump, w.state = r.Bool(), r.Bool(), known(r.String())
	if w.state == "" {
		r.Fail(errForeign)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	rest, err := w.jumps.RestoreState(r.Rest())
	if err != nil {
		return nil, err
	}
	return w.mon.RestoreState(rest)
}
