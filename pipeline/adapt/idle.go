package adapt

import "github.com/quell-stream/quell/pipeline"

var _ pipeline.Settler = (*Adapter)(nil)

// Idle returns once the background has done all that the slots seen so far ask
// of it, and hands what it decides to take meanwhile, in order. Who calls it after
// each push makes training take no time at all: a run then gives the same records
// each time, whatever the machine. Nobody else may read Decisions or feed slots
// during the call; after Close it returns at once.
func (a *Adapter) Idle(take func(pipeline.Decision)) {
	for {
		done := make(chan struct{})
		a.mu.Lock()
		a.push(func() { close(done) })
		a.mu.Unlock()
		for open := true; open; {
			select {
			case d := <-a.decisions:
				take(d)
			case <-done:
				open = false
			case <-a.ctx.Done():
				return
			}
		}
		a.rest(take)
		// What was done may have asked for more.
		a.mu.Lock()
		left := len(a.queue)
		a.mu.Unlock()
		if left == 0 {
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
