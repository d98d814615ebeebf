package spool

import (
	"errors"
	"fmt"

	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/sink"
)

// errUnknown is what a later version may have written: it waits for that.
var errUnknown = errors.New("not known to this program: run the version that wrote it until the spool is empty")

func parse(rec seglog.Record) (it sink.Item, err error) {
	it.JSON = rec.Payload
	switch rec.Kind {
	case kindRecord:
		it.Record, err = sink.ParseRecord(rec.Payload)
	case kindEvent:
		it.Event, err = sink.ParseEvent(rec.Payload)
	default:
		err = fmt.Errorf("its kind %d is %w", rec.Kind, errUnknown)
	}
	return it, err
}

// unreadable is what Take comes upon that is no item, though its bytes are those
// that were written.
type unreadable struct {
	items int64 // that were not counted before
	err   error // of the first
}

// passOver leaves a record out: it must not keep the sink from all that is behind it.
func (q *Queue) passOver(rec seglog.Record, err error, u *unreadable) {
	if rec.Index < q.passed {
		return
	}
	q.passed = rec.Index + 1
	if u.items++; u.err == nil {
		u.err = fmt.Errorf("record %d: %w", rec.Index, err)
	}
}

func (q *Queue) tellPassed(u *unreadable) {
	if u.items == 0 {
		return
	}
	q.opts.Log.Error("a spool holds what is neither a record nor an event, it is passed over", "dir", q.dir, "items", u.items, "err", u.err)
	q.opts.Lost(u.items, Damaged)
}
