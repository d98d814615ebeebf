// Package memlog is a compacted topic in memory, for tests: its writes can be made to
// fail, to arrive late or never, and it is compacted when the test says so.
package memlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/quell-stream/quell/pipeline/state/topic"
)

// Log is the topic. Its methods are safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	parts   map[int32]*part
	pending []pending
}

type part struct {
	recs []topic.Record
	next int64
}

// pending is a write that was given up and may still arrive.
type pending struct {
	part int32
	recs []topic.Record
}

// New returns an empty log.
func New() *Log { return &Log{parts: map[int32]*part{}} }

// Fate is what becomes of an operation.
type Fate int

const (
	Done Fate = iota
	Late      // an error, and the write arrives when Land is called
	Lost      // an error, and nothing happened
	Dead      // the process ends: as Lost, and no other operation of it happens
)

// Op is an operation that a Client is about to do.
type Op struct {
	Partition int32
	Records   []topic.Record // to append; nil: a read
}

// ErrLost is what operations fail with that do not end well.
var ErrLost = errors.New("memlog: the broker did not answer")

// Client is a process's way to the log; it implements topic.Log.
type Client struct {
	Log        *Log
	Partitions int // of the source
	Max        int // bytes of an append; 0: a million
	// Gate, when not nil, is asked before each operation.
	Gate func(Op) Fate
	dead bool
}

var _ topic.Log = (*Client)(nil)

// Prepare implements topic.Log.
func (c *Client) Prepare(context.Context) (int, error) { return c.Partitions, nil }

// Limit implements topic.Log.
func (c *Client) Limit() int {
	if c.Max == 0 {
		return 1_000_000
	}
	return c.Max
}

// Name implements topic.Log.
func (c *Client) Name() string { return "memlog" }

// Close implements topic.Log.
func (c *Client) Close() {}

func (c *Client) ask(op Op) Fate {
	if c.dead {
		return Lost
	}
	if c.Gate == nil {
		return Done
	}
	f := c.Gate(op)
	c.dead = f == Dead
	return f
}

// Append implements topic.Log.
func (c *Client) Append(_ context.Context, partition int32, recs []topic.Record) (int64, error) {
	size := 0
	own := make([]topic.Record, len(recs))
	for i, r := range recs {
		own[i] = topic.Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
		size += len(r.Key) + len(r.Value)
	}
	if size > c.Limit() && len(recs) > 1 {
		return 0, fmt.Errorf("memlog: %d records of %d bytes in one append, %d fit", len(recs), size, c.Limit())
	}
	switch c.ask(Op{partition, own}) {
	case Done:
		return c.Log.append(partition, own), nil
	case Late:
		c.Log.mu.Lock()
		c.Log.pending = append(c.Log.pending, pending{partition, own})
		c.Log.mu.Unlock()
	}
	return 0, ErrLost
}

func (l *Log) append(partition int32, recs []topic.Record) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.parts[partition]
	if p == nil {
		p = new(part)
		l.parts[partition] = p
	}
	base := p.next
	for _, r := range recs {
		r.Offset = p.next
		p.recs = append(p.recs, r)
		p.next++
	}
	return base
}

// Pending returns how many writes may still arrive.
func (l *Log) Pending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending)
}

// Land has write i of those arrive.
func (l *Log) Land(i int) {
	l.mu.Lock()
	p := l.pending[i]
	l.pending = slices.Delete(l.pending, i, i+1)
	l.mu.Unlock()
	l.append(p.part, p.recs)
}

// Compact removes what newer records of the same key have replaced, among the records
// of a partition before an offset, and with removed the marks of what is gone too.
func (l *Log) Compact(partition int32, before int64, removed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.parts[partition]
	if p == nil {
		return
	}
	newest := map[string]int64{}
	for _, r := range p.recs {
		if r.Offset < before {
			newest[string(r.Key)] = r.Offset
		}
	}
	p.recs = slices.DeleteFunc(p.recs, func(r topic.Record) bool {
		return r.Offset < before && (newest[string(r.Key)] > r.Offset || removed && r.Value == nil)
	})
}

// End returns the offset behind the last record of a partition.
func (l *Log) End(partition int32) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.parts[partition]; p != nil {
		return p.next
	}
	return 0
}

// Read implements topic.Log. Records are looked up one by one, so that the log may
// change meanwhile.
func (c *Client) Read(_ context.Context, partition int32, from, to int64, each func(topic.Record) error) (int64, error) {
	if to < 0 {
		to = c.Log.End(partition)
	}
	if c.ask(Op{Partition: partition}) != Done {
		return from, ErrLost
	}
	for {
		r, ok := c.Log.first(partition, from, to)
		if !ok {
			return to, nil
		}
		if err := each(r); err != nil {
			return from, err
		}
		from = r.Offset + 1
	}
}

// first returns the first record from one offset up to another.
func (l *Log) first(partition int32, from, to int64) (topic.Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.parts[partition]; p != nil {
		i, _ := slices.BinarySearchFunc(p.recs, from, func(r topic.Record, at int64) int { return int(r.Offset - at) })
		if i < len(p.recs) && p.recs[i].Offset < to {
			return p.recs[i], true
		}
	}
	return topic.Record{}, false
}
