package pipeline

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/window"
)

// recency keeps the series of one partition in the order in which they were heard
// of last, and how far the event time of the partition has come. The order and the
// time follow from the partition's samples alone.
type recency struct {
	front, back *lane        // heard of longest ago, and last
	fresh       *lane        // the first that was heard of since it was flushed; those before it are flushed
	newest      int64        // largest event time, Unix ns; noMark: none yet
	turn        int64        // counts the times that a lane was heard of
	left        left         // by the series that were forgotten
	spare       window.Fates // of samples that no lane holds; part of Engine.spare
}

// left is what bounds the keys of the records of all series that a partition forgot.
type left struct {
	till  int64 // no record is later, Unix ns
	epoch int   // all are of epochs below
}

// noMark stands for no time.
const noMark = math.MinInt64

// place is a lane's place among those of its partition.
type place struct {
	of         *recency
	prev, next *lane
	mark       int64 // newest of the partition when the lane was heard of last; noMark: none
	turn       int64 // of the partition then: the order of lanes with one mark
	heard      int64 // the same by the clock of Engine.Tick
}

// partition returns what is known of the order in a partition.
func (e *Engine) partition(part string) *recency {
	r := e.recent[part]
	if r == nil {
		r = &recency{newest: noMark, left: left{till: noMark}}
		e.recent[strings.Clone(part)] = r
	}
	return r
}

// advance takes the time of a sample. One that lies too far ahead of its stored
// stamp is of a wrong clock, and says nothing of the partition.
func (e *Engine) advance(r *recency, in *ingest.Sample, stored int64) {
	if stored == 0 || in.Time-stored <= int64(e.cfg.Window.MaxFuture) {
		r.newest = max(r.newest, in.Time)
	}
}

// touch makes a lane the last that was heard of.
func (r *recency) touch(l *lane, now int64) {
	r.turn++
	l.mark, l.turn, l.heard = r.newest, r.turn, now
	if r.back == l && r.fresh != nil {
		return
	}
	l.leave()
	r.add(l)
}

// add puts a lane that is in no order at the end, as one that is not flushed.
func (r *recency) add(l *lane) {
	l.of, l.prev = r, r.back
	if r.back == nil {
		r.front = l
	} else {
		r.back.next = l
	}
	r.back = l
	if r.fresh == nil {
		r.fresh = l
	}
}

// leave takes a lane out of its order, if it is in one.
func (l *lane) leave() {
	r := l.of
	if r == nil {
		return
	}
	if r.fresh == l {
		r.fresh = l.next
	}
	if l.prev == nil {
		r.front = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		r.back = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.of, l.prev, l.next = nil, nil, nil
}

// adopt takes in the lanes of a partition that were restored, in the order in which
// they were heard of. One that only switches are known of was never heard of, and waits
// for its first sample for as long as it takes.
func (e *Engine) adopt(part string, lanes []*lane) {
	r := e.partition(part)
	slices.SortFunc(lanes, func(a, b *lane) int { return cmp.Compare(a.turn, b.turn) })
	for _, l := range lanes {
		r.newest, r.turn = max(r.newest, l.mark), max(r.turn, l.turn)
		e.lanes[l.series] = l
		if f := l.win.Fates(); f.In() > 0 {
			l.heard = e.now
			r.add(l)
		}
	}
}
