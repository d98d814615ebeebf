package pipeline

import (
	"sync"
	"sync/atomic"
)

// pulse says from outside whether a worker gets on. A watchdog that sees it neither
// beat nor wait, and no fit of a sentinel end, takes the worker for stuck.
type pulse struct {
	beats   atomic.Int64 // grows with each delivery and each turn of the loop
	waiting atomic.Int32 // for sinks or the disk: being held up is not being stuck
	state   atomic.Int32
	begun   chan struct{} // closed by begin
	once    sync.Once
}

// The states of a worker, as a watchdog sees them.
const (
	pulseNone  int32 = iota // the source is not being read yet
	pulseReads              // it is
	pulseEnds               // it is no longer: what was read is being finished
)

func (p *pulse) beat() { p.beats.Add(1) }

// begin says that the source is being read from here on.
func (p *pulse) begin() {
	p.state.Store(pulseReads)
	p.once.Do(func() { close(p.begun) })
}

// end says that the source is read no more, which nobody need wait for any longer.
func (p *pulse) end() {
	p.state.Store(pulseEnds)
	p.once.Do(func() { close(p.begun) })
}

// wait says that the worker waits for sinks or the disk until the function that it
// returns is called.
func (p *pulse) wait() (over func()) {
	p.waiting.Add(1)
	return func() { p.waiting.Add(-1) }
}

// Progress says how a stream gets on.
type Progress struct {
	Stream string
	// Beats grows as long as the worker does anything, at least once in the time
	// between two checkpoints.
	Beats int64
	// Held says that the worker waits for its sinks or the disk, or is not reading:
	// it need not beat.
	Held bool
}

// Progress returns how each stream gets on, for a watchdog: one that is not held and
// whose beats are what they were some seconds ago is stuck. It is safe for concurrent
// use.
func (p *Pipeline) Progress() []Progress {
	var all []Progress
	for _, w := range p.crew() {
		all = append(all, Progress{
			Stream: w.name, Beats: w.pulse.beats.Load() + w.eng.fits.done.Load(),
			Held: w.pulse.waiting.Load() > 0 || w.pulse.state.Load() != pulseReads,
		})
	}
	return all
}

// Reading returns a channel that is closed once every source is being read. Brokers
// may be away all the same: Ready says so.
func (p *Pipeline) Reading() <-chan struct{} { return p.reading }

// awaitReading closes reading when it is time, until the function that it returns is
// called.
func (p *Pipeline) awaitReading() (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, w := range p.crew() {
			select {
			case <-w.pulse.begun:
			case <-quit:
				return
			}
		}
		close(p.reading)
	})
	return func() {
		close(quit)
		wg.Wait()
	}
}
