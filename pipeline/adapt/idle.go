package adapt

import "github.com/quell-stream/quell/pipeline"

// Idle returns once the background has done all that the slots seen so far ask
// of it, and hands what it decides to take meanwhile, in order. Who calls it after
// each push makes training take no time at all: a run then gives the same records
// each time, whatever the machine. Nobody else may read Decisions or feed slots
// during the call; after Close it returns at once.
func (a *Adapter) Idle(take func(pipeline.Decision)) {
	done := make(chan struct{})
	a.mu.Lock()
	a.push(func() { close(done) })
	a.mu.Unlock()
	for {
		select {
		case d := <-a.decisions:
			take(d)
		case <-done:
			a.rest(take)
			return
		case <-a.ctx.Done():
			return
		}
	}
}

// rest hands over the decisions that wait.
func (a *Adapter) rest(take func(pipeline.Decision)) {
	for {
		select {
		case d := <-a.decisions:
			take(d)
		default:
			return
		}
	}
}
