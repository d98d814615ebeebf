package pipeline

import "github.com/quell-stream/quell/ingest"

// A lane does not look at a sample when it is pushed but in the next Run, and then at all
// that have come of its series: what it keeps of the series comes into the cache once for
// all of them, and different lanes can look at theirs at the same time. No value depends on
// when that is: of a series nothing is given out in between.

// arrival is a sample on its way to its lane.
type arrival struct {
	time, stored int64
	value        float64
	channel      int32
	next         int32 // of the same lane in the inbox, counted from 1; 0: it is the last
	missing      ingest.Missing
	source       ingest.TimeSource
}

// mostArrivals bounds the inbox: with more the lanes look at theirs at once.
const mostArrivals = 1 << 14

// defers says that samples wait for the next Run. Where somebody is to hear of each as it
// is pushed, or late ones change records, which is seen to message by message, they don't.
func (e *Engine) defers() bool { return e.cfg.Placed == nil && e.cfg.Window.AllowedLateness == 0 }

// receive puts a sample of a lane into the inbox.
func (e *Engine) receive(l *lane, s *ingest.Sample, stored int64) {
	if len(e.inbox) == mostArrivals {
		e.drain()
	}
	e.inbox = append(e.inbox, arrival{time: s.Time, stored: stored, value: s.Value, channel: int32(s.Channel), missing: s.Missing, source: s.TimeSource})
	at := int32(len(e.inbox))
	if l.last == 0 {
		l.first = at
	} else {
		e.inbox[l.last-1].next = at
	}
	l.last = at
	if !l.queued {
		l.queued = true
		e.dirty = append(e.dirty, l)
	}
}

// empty drops the samples that no lane has looked at, and has no lane wait for a Run.
func (e *Engine) empty() {
	for _, l := range e.dirty {
		l.first, l.last, l.queued = 0, 0, false
	}
	clear(e.dirty)
	e.dirty, e.inbox = e.dirty[:0], e.inbox[:0]
}

// drain has all lanes look at their samples.
func (e *Engine) drain() {
	if len(e.inbox) == 0 {
		return
	}
	for _, l := range e.dirty {
		l.drain()
	}
	e.inbox = e.inbox[:0]
}

// drain takes the lane's samples out of the inbox, to their slots.
func (l *lane) drain() {
	at := l.first
	l.first, l.last = 0, 0
	for at > 0 {
		a := &l.eng.inbox[at-1]
		at = a.next
		l.win.Push(ingest.Sample{Series: l.series, Channel: int(a.channel), Time: a.time, Value: a.value, Missing: a.missing, TimeSource: a.source}, a.stored, l)
	}
}

// unseen returns the number of the lane's samples in the inbox.
func (l *lane) unseen() (n int64) {
	for at := l.first; at > 0; at = l.eng.inbox[at-1].next {
		n++
	}
	return n
}
