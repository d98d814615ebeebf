package ingesttest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/ackset"
	"github.com/quell-stream/quell/ingest/ingesttest"
)

// broker is the smallest log that fulfils the contract: two partitions in
// memory that remember what was finished.
type broker struct {
	mu      sync.Mutex
	logs    [2][]string
	commits [2]int64
	n       int
	grown   chan struct{}
}

func newBroker() *broker { return &broker{grown: make(chan struct{}, 1)} }

func (b *broker) publish(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range n {
		p := b.n % len(b.logs)
		b.logs[p] = append(b.logs[p], fmt.Sprint(b.n))
		b.n++
	}
	select {
	case b.grown <- struct{}{}:
	default:
	}
}

// reader is a source over a broker.
type reader struct {
	b       *broker
	asked   bool
	resumed chan struct{}
	closed  bool

	mu   sync.Mutex
	next [2]int64
	acks [2]*ackset.Set
}

const generation = 7

func (r *reader) Open(context.Context) error { return nil }

func (r *reader) Finished(gen int64, pos ingest.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if gen == generation && r.acks[pos.Part] != nil {
		r.acks[pos.Part].Finish(pos.Offset)
	}
}

func (r *reader) Next(ctx context.Context) (ingest.Delivery, error) {
	if r.closed {
		return ingest.Delivery{}, errors.New("closed")
	}
	if !r.asked {
		r.asked = true
		return ingest.Delivery{Assignment: r.assignment()}, nil
	}
	select {
	case <-r.resumed:
	case <-ctx.Done():
		return ingest.Delivery{}, ctx.Err()
	}
	for {
		if d, ok := r.take(); ok {
			return d, nil
		}
		select {
		case <-r.b.grown:
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
}

func (r *reader) assignment() *ingest.Assignment {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	a := &ingest.Assignment{}
	for i, c := range r.b.commits {
		a.Parts = append(a.Parts, ingest.Partition{Name: fmt.Sprintf("log/%d", i), Number: int32(i), Committed: c})
	}
	a.Resume = func(first []int64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range r.next {
			r.next[i] = a.Parts[i].Committed
			if first[i] >= 0 {
				r.next[i] = first[i]
			}
			r.acks[i] = ackset.New(r.next[i])
		}
		close(r.resumed)
	}
	return a
}

func (r *reader) take() (ingest.Delivery, bool) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, log := range r.b.logs {
		o := r.next[p]
		if o >= int64(len(log)) {
			continue
		}
		r.next[p]++
		r.acks[p].Track(o)
		d := ingest.Delivery{
			Message:  ingest.Message{Topic: "t", Payload: []byte(log[o])},
			Position: ingest.Position{Part: p, Offset: o},
			Samples:  []ingest.Sample{{Series: "s", Time: o + 1, Value: float64(o)}},
		}
		d.Ack = ingest.Ack{To: r, Generation: generation, Position: d.Position}
		return d, true
	}
	return ingest.Delivery{}, false
}

func (r *reader) Close(context.Context) error {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for i, a := range r.acks {
		if a != nil {
			r.b.commits[i] = max(r.b.commits[i], a.Low())
		}
		r.acks[i] = nil
	}
	return nil
}

// TestSuiteTakesACorrectSource runs every clause, those about commits and live
// inputs included, against a source that keeps the contract.
func TestSuiteTakesACorrectSource(t *testing.T) {
	ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
		b := newBroker()
		return ingesttest.Harness{
			New:     func(*testing.T) ingest.Source { return &reader{b: b, resumed: make(chan struct{})} },
			Publish: func(_ *testing.T, n int) { b.publish(n) },
			Commits: true,
		}
	})
}
