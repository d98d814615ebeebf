package pipeline

import (
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// encodedOut is an Out that takes a record with its JSON, which need not be written
// again.
type encodedOut interface {
	Encoded(r *sink.Record, json []byte)
}

// burier is an Out that takes dead samples with what else is known of them, in the place of
// Dead.
type burier interface {
	bury(d *deadSample)
}

// outbox holds, in order, what lanes give on its way to the engine's Out and Tap, in memory
// that is used again.
type outbox struct {
	items   []keptItem
	records []sink.Record
	values  [][]sink.Value
	ends    []int // of each record in json
	json    []byte
	encode  bool // the Out takes records with their JSON
	events  []sink.Event
	dead    []deadSample
	slots   []shownSlot
	cols    []model.Column
	scales  []window.Scale
	calls   []func(Tap)
	sparse  []sparseNote
	muted   int64
}

// keptItem is one thing in an outbox: of which kind, and which of these.
type keptItem struct {
	kind keptKind
	at   int
}

type keptKind uint8

const (
	keptRecord keptKind = iota
	keptEvent
	keptDead
	keptSlot
	keptCall
	keptSparse
)

// extent is a run of items in an outbox.
type extent struct{ from, to int }

type deadSample struct {
	ingest.Sample
	why    window.Fate
	stored int64         // stamp of the message with which it died, 0: none
	astray time.Duration // of one that is quarantined, as of window.Series.Astray
}

// shownSlot is a slot as the Tap is to see it. Its columns and scales begin at from in those
// of the outbox, and there are n of each.
type shownSlot struct {
	series  string
	epoch   int
	index   int64
	state   string
	from, n int
}

// note notes the latest item in the outbox of a lane. What a lane gives at a time is kept in
// one piece.
func (l *lane) note(kind keptKind, at int) {
	k := l.kept
	if l.own.from == l.own.to {
		l.own.from = len(k.items)
	}
	k.items = append(k.items, keptItem{kind, at})
	l.own.to = len(k.items)
}

// give hands the lane's record out, or keeps it until its turn.
func (l *lane) give() {
	k := l.kept
	if k == nil {
		l.eng.out.Record(&l.rec)
		return
	}
	l.note(keptRecord, len(k.records))
	k.record(&l.rec)
}

// handOut is give for an event.
func (l *lane) handOut(e sink.Event) {
	k := l.kept
	if k == nil {
		l.eng.out.Event(e)
		return
	}
	l.note(keptEvent, len(k.events))
	k.events = append(k.events, e)
}

// Dead passes a dead sample on.
func (l *lane) Dead(s ingest.Sample, why window.Fate) {
	d := deadSample{Sample: s, why: why, stored: l.win.Stored()}
	if why == window.Quarantined {
		d.astray = l.win.Astray()
	}
	k := l.kept
	if k == nil {
		d.give(l.eng.out)
		return
	}
	l.note(keptDead, len(k.dead))
	k.dead = append(k.dead, d)
}

func (d *deadSample) give(out Out) {
	if o, ok := out.(burier); ok {
		o.bury(d)
		return
	}
	out.Dead(d.Sample, d.why)
}

// showTap shows the newest slot to the Tap.
func (l *lane) showTap(s *window.Slot) {
	cols := l.cols[len(l.cols)-len(l.scalers):]
	k := l.kept
	if k == nil {
		l.eng.cfg.Tap.Slot(l.series, s.Epoch, s.Index, cols, l.scales, l.state)
		return
	}
	l.note(keptSlot, len(k.slots))
	k.slots = append(k.slots, shownSlot{l.series, s.Epoch, s.Index, l.state, len(k.cols), len(cols)})
	k.cols, k.scales = append(k.cols, cols...), append(k.scales, l.scales...)
}

// tapped tells the Tap something else, if there is one.
func (l *lane) tapped(tell func(Tap)) {
	t, k := l.eng.cfg.Tap, l.kept
	switch {
	case t == nil:
	case k == nil:
		tell(t)
	default:
		l.note(keptCall, len(k.calls))
		k.calls = append(k.calls, tell)
	}
}

func (k *outbox) record(r *sink.Record) {
	n := len(k.records)
	k.records = append(k.records, *r)
	if n == len(k.values) {
		k.values = append(k.values, nil)
	}
	k.values[n] = append(k.values[n][:0], r.Values...)
	k.records[n].Values = k.values[n]
	if k.encode {
		k.json = sink.AppendRecord(k.json, r)
		k.ends = append(k.ends, len(k.json))
	}
}

// replay hands items out.
func (k *outbox) replay(e *Engine, x extent) {
	for _, it := range k.items[x.from:x.to] {
		switch it.kind {
		case keptRecord:
			k.replayRecord(e.out, it.at)
		case keptEvent:
			e.out.Event(k.events[it.at])
		case keptDead:
			k.dead[it.at].give(e.out)
		case keptSlot:
			s := &k.slots[it.at]
			e.cfg.Tap.Slot(s.series, s.epoch, s.index, k.cols[s.from:s.from+s.n], k.scales[s.from:s.from+s.n], s.state)
		case keptCall:
			k.calls[it.at](e.cfg.Tap)
		case keptSparse:
			k.sparse[it.at].give(e.out)
		}
	}
}

func (k *outbox) replayRecord(out Out, i int) {
	if !k.encode {
		out.Record(&k.records[i])
		return
	}
	begin := 0
	if i > 0 {
		begin = k.ends[i-1]
	}
	out.(encodedOut).Encoded(&k.records[i], k.json[begin:k.ends[i]])
}

func (k *outbox) reset() {
	clear(k.records)
	clear(k.events)
	clear(k.dead)
	clear(k.slots)
	clear(k.calls)
	clear(k.sparse)
	k.items, k.records, k.events, k.dead, k.slots, k.calls = k.items[:0], k.records[:0], k.events[:0], k.dead[:0], k.slots[:0], k.calls[:0]
	k.sparse = k.sparse[:0]
	k.ends, k.json, k.cols, k.scales, k.muted = k.ends[:0], k.json[:0], k.cols[:0], k.scales[:0], 0
	if cap(k.json) > 4<<20 {
		k.json = nil
	}
}
