package file

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// grace is how long closing a pump waits for a read that may never end.
const grace = 100 * time.Millisecond

// pumpDepth is how many rows of a live input are read ahead.
const pumpDepth = 64

// pump reads a live input (standard input, a named pipe) in a goroutine of its
// own, because such a read waits as long as it likes and knows no context.
type pump struct {
	out   chan pumped
	stop  chan struct{}
	ended chan struct{}
	input atomic.Pointer[Reader] // once open
	stdin io.Reader              // what to interrupt where it is standard input
}

type pumped struct {
	d   ingest.Delivery
	err error
}

// newPump starts reading what open opens; deliver makes a delivery of the next
// row and is called by the pump's goroutine only. An error ends the pump.
func newPump(stdin io.Reader, open func() (*Reader, error), deliver func(*Reader) (ingest.Delivery, error)) *pump {
	p := &pump{out: make(chan pumped, pumpDepth), stop: make(chan struct{}), ended: make(chan struct{}), stdin: stdin}
	go p.run(open, deliver)
	return p
}

func (p *pump) run(open func() (*Reader, error), deliver func(*Reader) (ingest.Delivery, error)) {
	defer close(p.ended)
	r, err := open()
	if err == nil {
		p.input.Store(r)
	}
	for {
		var d ingest.Delivery
		if err == nil {
			d, err = deliver(r)
		}
		select {
		case p.out <- pumped{d, err}:
		case <-p.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// next returns the next delivery.
func (p *pump) next(ctx context.Context) (ingest.Delivery, error) {
	// What is there comes first: with an expired context next is a poll.
	select {
	case x := <-p.out:
		return x.d, x.err
	default:
	}
	select {
	case x := <-p.out:
		return x.d, x.err
	case <-ctx.Done():
		return ingest.Delivery{}, ctx.Err()
	}
}

// close interrupts the read under way as far as the system allows, and waits for
// the goroutine until ctx ends or its grace is over. A read of a terminal can't
// be interrupted; its goroutine ends with the process.
func (p *pump) close(ctx context.Context) error {
	close(p.stop)
	var err error
	if r := p.input.Load(); r != nil {
		err = r.Close()
	}
	if f, ok := p.stdin.(interface{ SetReadDeadline(time.Time) error }); ok {
		// Files that know no deadlines say so, and then can't be interrupted.
		_ = f.SetReadDeadline(time.Unix(1, 0))
	}
	wait, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	select {
	case <-p.ended:
	case <-wait.Done():
	}
	return err
}
