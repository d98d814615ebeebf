package state

import "time"

// spell is how long work that nobody waits for goes on before it pauses. On one core a
// goroutine that computes on end keeps those that carry samples from the processor for
// ten milliseconds, and the network from being looked at for as long.
const spell = 300 * time.Microsecond

// Pace spreads the writing of a checkpoint out in time, half of which it pauses. The zero
// value is ready; one goroutine may use it, and few should at the same time: one that
// wakes up goes before those that are ready to run.
type Pace struct{ begun time.Time }

// Rest pauses where a spell of work is over. It is to be called between pieces that
// take less than a millisecond.
func (p *Pace) Rest() {
	now := time.Now()
	worked := now.Sub(p.begun)
	if p.begun.IsZero() {
		p.begun = now
	} else if worked >= spell {
		time.Sleep(min(worked, 3*spell)) // what took longer was kept from the processor itself
		p.begun = time.Now()
	}
}
