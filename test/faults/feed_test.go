//go:build faults

package faults

import (
	"context"
	"sync"
	"testing"
	"time"
)

// sender sends samples in order, again and again until the broker has acknowledged
// them, whatever happens to it meanwhile.
type sender interface {
	send(ctx context.Context, batch []sample) error
}

// feeder sends a signal in the background until it is stopped.
type feeder struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	err    error
}

const feedBatch = 40

// feed begins to send so many samples a second, which the ledger is told of before.
func feed(t *testing.T, to sender, l *ledger, g *signal, perSecond int) *feeder {
	t.Helper()
	// What was begun is brought to its end, so that what the ledger knows is sent.
	quit, cancel := context.WithCancel(context.Background())
	f := &feeder{cancel: cancel}
	f.wg.Go(func() {
		began := time.Now()
		for n := 0; quit.Err() == nil && f.err == nil; n += feedBatch {
			due := began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
			select {
			case <-quit.Done():
				return
			case <-time.After(time.Until(due)):
			}
			if late := time.Since(due); late > time.Second { // after an outage: no burst
				began = began.Add(late)
			}
			batch := g.take(feedBatch)
			l.send(batch)
			ctx, done := context.WithTimeout(context.Background(), 3*patience)
			f.err = to.send(ctx, batch)
			done()
		}
	})
	t.Cleanup(func() { cancel(); f.wg.Wait() })
	return f
}

// stop ends the sending; what the ledger was told of has been sent then.
func (f *feeder) stop(t *testing.T) {
	t.Helper()
	f.cancel()
	f.wg.Wait()
	if f.err != nil {
		t.Fatal(f.err)
	}
}

// settle waits until everything that was sent has come out of the jobs, or nothing
// has come for long.
func settle(t *testing.T, l *ledger, jobs ...*job) { t.Helper(); settleBut(t, l, 0, jobs...) }

// settleBut is content with some missing.
func settleBut(t *testing.T, l *ledger, but int, jobs ...*job) {
	t.Helper()
	quiet := 40 * time.Second
	if quick {
		quiet = 20 * time.Second
	}
	last, since := -1, time.Now()
	for {
		left := l.missing()
		if left <= but {
			return
		}
		if now := l.progress(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > quiet {
			t.Logf("%d records are missing, and nothing has come for %s", left, quiet)
			return
		}
		for _, j := range jobs {
			j.look()
			if j.ended() {
				t.Fatalf("quell ended (%v) while %d records were missing", j.cmd.ProcessState, left)
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
}
