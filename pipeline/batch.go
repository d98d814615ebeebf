package pipeline

import (
	"slices"
	"sync/atomic"

	"github.com/quell-stream/quell/sink"
)

// batch is what a worker hands to its sinks in one piece: records, events and
// dead letters, encoded once. Its memory is used again when every sink is done.
type batch struct {
	seq     int64
	records []sink.Record
	values  []sink.Value // of the records, one after the other
	items   []sink.Item  // records and events, in order
	dead    []sink.Item
	json    []byte
	spans   []span // items' and dead items' place in json and values, since both move while they grow

	left atomic.Int32 // required sinks that are not done
	held atomic.Int32 // sinks that still read the batch
	done func(*batch) // called once, when left reaches 0
	// settled, where it is not nil, is called by a sink that has settled all that it
	// wants of the batch, required or not.
	settled func()
	pool    *batchPool
}

type span struct {
	from, to int
	values   int // where those of the record begin
	dead     bool
	record   int // index into records, -1 for an event
	event    *sink.Event
}

func (b *batch) len() int { return len(b.spans) }

// addRecord copies a record in.
func (b *batch) addRecord(r *sink.Record) {
	b.keep(r)
	b.json = sink.AppendRecord(b.json, r)
	b.spans[len(b.spans)-1].to = len(b.json)
}

// addEncoded copies a record and its JSON in.
func (b *batch) addEncoded(r *sink.Record, json []byte) {
	b.keep(r)
	b.json = append(b.json, json...)
	b.spans[len(b.spans)-1].to = len(b.json)
}

// keep is addRecord but for the JSON, which is to follow. The record's values are its own
// once the batch is sealed.
func (b *batch) keep(r *sink.Record) {
	b.spans = append(b.spans, span{from: len(b.json), record: len(b.records), values: len(b.values)})
	b.records = append(b.records, *r)
	b.values = append(b.values, r.Values...)
}

// reserve makes room for so many records of one series' channels each and so many bytes of
// JSON: a batch that grows as it is filled leaves several times its size as garbage.
func (b *batch) reserve(records, channels, bytes int) {
	b.records, b.spans = slices.Grow(b.records, records), slices.Grow(b.spans, records)
	b.values, b.json = slices.Grow(b.values, records*channels), slices.Grow(b.json, bytes)
}

func (b *batch) addEvent(e sink.Event, dead bool) {
	from := len(b.json)
	b.json = sink.AppendEvent(b.json, &e)
	b.spans = append(b.spans, span{from: from, to: len(b.json), record: -1, event: &e, dead: dead})
}

// seal fixes the addresses that items point to.
func (b *batch) seal() {
	b.items = slices.Grow(b.items, len(b.spans))
	for i := range b.spans {
		s := &b.spans[i]
		it := sink.Item{JSON: b.json[s.from:s.to:s.to]}
		if s.record >= 0 {
			it.Record = &b.records[s.record]
			end := s.values + len(it.Record.Values)
			it.Record.Values = b.values[s.values:end:end]
		} else {
			it.Event = s.event
		}
		if s.dead {
			b.dead = append(b.dead, it)
		} else {
			b.items = append(b.items, it)
		}
	}
}

// finished is called by each sink once it needs the batch no more; required
// says that its durability counts.
func (b *batch) finished(required bool) {
	if required && b.left.Add(-1) == 0 {
		b.done(b)
	}
	b.release()
}

func (b *batch) release() {
	if b.held.Add(-1) == 0 {
		b.records, b.values = b.records[:0], b.values[:0]
		clear(b.items)
		clear(b.dead)
		clear(b.spans)
		b.items, b.dead, b.spans, b.json = b.items[:0], b.dead[:0], b.spans[:0], b.json[:0]
		if cap(b.json) > 4<<20 {
			b.json = nil
		}
		b.done, b.settled = nil, nil
		b.pool.put(b)
	}
}

// pick appends the items that a sink with the given emit setting wants.
func pick(dst []sink.Item, b *batch, emit string) []sink.Item {
	switch emit {
	case "dead":
		return append(dst, b.dead...)
	case "all":
		return append(dst, b.items...)
	}
	dst = slices.Grow(dst, len(b.items))
	for _, it := range b.items {
		if (it.Record != nil) == (emit == "records") {
			dst = append(dst, it)
		}
	}
	return dst
}
