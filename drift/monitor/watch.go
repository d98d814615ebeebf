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
	learnt bool    // the monitor has
	state  string  // of the monitor, after its latest hop
	jump   bool    // a jump is what is told to be open
	due    finding // what Rebase ended, not yet told; no kind: nothing
}

// finding is what an open drift is told as; without a kind none is open.
type finding struct {
	kind string
	code faultCode
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
	d, hop = w.take(index, t, values, missing)
	if w.due.kind != "" { // nothing opens at the first slot of what learns anew
		d.Resolved, d.Kind, d.Fault, d.Changed = true, w.due.kind, w.due.code.name(), true
		d.Why, w.due = w.due.kind+" drift taken as the new normal", finding{}
	}
	return d, hop
}

// take is Push but for what Rebase ended.
func (w *Watch) take(index, t int64, values []float64, missing []bool) (d Decision, hop bool) {
	dead := w.dead()
	j := w.jumps.Push(t, values, missing)
	o, hop := w.Feed.Push(index, values, missing)
	if !hop {
		m := w.mon.standing()
		if dead >= 0 {
			return w.dropped(dead, &m), false
		}
		return w.among(&j, &m), false
	}
	m := w.mon.Update(o)
	w.state = m.State
	switch learnt := m.State != Learning; {
	case learnt && !w.learnt:
		return w.handOver(&j, &m), true
	case !learnt && w.learnt: // what stayed is the new normal
		before := w.jumps
		w.jumps = NewJumps(w.cfg)
		w.jumps.carry(before)
		w.learnt, w.jump = false, false
		if dead >= 0 {
			return w.dropped(dead, &m), true
		}
		return m, true
	case dead >= 0:
		return w.dropped(dead, &m), true
	}
	return w.among(&j, &m), true
}

// dead returns a channel that had dropped out before the monitor had learnt and has had no
// reading since, -1 where there is none or the monitor still learns.
func (w *Watch) dead() int {
	if !w.learnt {
		return -1
	}
	return w.jumps.lost()
}

// dropped returns what is to be said where the monitor says m, and a channel was dead: it
// has learnt that, so it can't say so. The drift that is open stays open while the channel
// is dead, and while the monitor finds another one.
func (w *Watch) dropped(channel int, m *Decision) Decision {
	still := w.jumps.lost() >= 0
	open := m.Kind != "" && !m.Resolved
	switch {
	case m.Opened:
		m.Opened, m.Updated = false, true
	case open:
	case still:
		m.Updated, m.Resolved = m.Resolved, false
		m.State, m.Kind, m.Fault, m.Channel = Fault, Fault, DropOut, w.jumps.lost()
		if m.Updated {
			m.Why = w.cfg.name(m.Channel) + ": still without a reading: drop-out (NE 107: failure)"
		}
	default:
		m.Resolved, m.Kind, m.Fault, m.Channel, m.Changed = true, Fault, DropOut, channel, true
		m.Why = w.cfg.name(channel) + ": readings are back"
	}
	if !still {
		w.jumps.Forget()
	}
	return *m
}

// handOver has the monitor, which has learnt at this slot, go on with what the jumps
// have told. What they say of this slot itself is told where it is an end, and not
// where it is a beginning, which is over at once.
func (w *Watch) handOver(j, m *Decision) Decision {
	over := w.jumps.Learnt()
	w.learnt, w.jump = true, false
	if dead := w.dead(); dead >= 0 { // nothing is over
		*m = w.dropped(dead, m)
		if j.Opened || j.Updated { // it dropped out at this slot
			m.Opened, m.Updated, m.Why = j.Opened, j.Updated, j.Why
		}
		return *m
	}
	if j.Resolved {
		over = *j
	}
	if over.Resolved && !j.Opened {
		m.Resolved, m.Kind, m.Fault, m.Why = true, over.Kind, over.Fault, over.Why
	}
	return *m
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
	if kind := w.standing().kind; kind != "" {
		return kind
	}
	return w.state
}

// standing returns what is told to be open.
func (w *Watch) standing() finding {
	switch {
	case w.jumps.lost() >= 0 && !w.mon.open:
		return finding{Fault, dropOut}
	case w.jump, !w.learnt && w.jumps.jumped():
		return finding{Unknown, sound}
	case w.mon.open:
		return finding{w.mon.kind, w.mon.code}
	}
	return finding{}
}

// Open says whether a drift was told that was not yet told as over.
func (w *Watch) Open() bool { return w.due.kind != "" || w.standing().kind != "" }

// Learnt says whether the Monitor has learnt.
func (w *Watch) Learnt() bool { return w.learnt }

// Gap says that the next slot does not follow the latest.
func (w *Watch) Gap() {
	w.jumps.Gap()
	w.Feed.Reset()
	w.mon.Gap()
}

// Rebase takes the present as the new normal: everything is learnt again. A drift
// that is open is told as resolved at the next slot.
func (w *Watch) Rebase() {
	if w.due.kind == "" {
		w.due = w.standing()
	}
	w.mon.Rebase()
	w.mon.rebased = false // which is told here
	w.jumps, w.state = NewJumps(w.cfg), Learning
	w.learnt, w.jump = false, false
}

// AppendState appends a snapshot, the Feed not included.
func (w *Watch) AppendState(dst []byte) []byte {
	dst = wire.String(wire.Bool(wire.Bool(dst, w.learnt), w.jump), w.state)
	dst = wire.U8(wire.String(dst, w.due.kind), uint8(w.due.code))
	return w.mon.AppendState(w.jumps.AppendState(dst))
}

// RestoreState reads a snapshot back and returns the rest of src. On an error the
// Watch must not be used.
func (w *Watch) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	w.learnt, w.jump, w.state = r.Bool(), r.Bool(), known(r.String())
	w.due = finding{known(r.String()), faultCode(r.U8())}
	if w.state == "" || w.due.code >= codes {
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
