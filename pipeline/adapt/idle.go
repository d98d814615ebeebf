package adapt

import "github.com/quell-stream/quell/pipeline"

var _ pipeline.Settler = (*Adapter)(nil)

// Idle returns once the background has done all that the slots seen so far ask
// of it, and hands what it decides to take meanwhile, in order. Who calls it after
// each push makes training take no time at all: a run then gives the same records
// each time, whatever the machine. Nobody else may read Decisions or feed slots
// during the call; after Close it returns at once.
func (a *Adapter) Idle(take func(pipeline.Decision)) {
	for _, d := range a.decided {
		take(d)
	}
	a.decided = nil
	if a.cfg.InStep && a.settled() {
		return
	}
	a.finishAll(take)
}

// settled says whether nothing was asked for since the last step.
func (a *Adapter) settled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pushed == a.done
}

// step has all done that a slot asked for, where Config.InStep says so: what was
// decided is kept for Idle.
func (a *Adapter) step() {
	if !a.cfg.InStep {
		return
	}
	if a.settled() {
		return
	}
	a.finishAll(func(d pipeline.Decision) { a.decided = append(a.decided, d) })
	a.mu.Lock()
	a.done = a.pushed
	a.mu.Unlock()
}

// finishAll waits until both queues are empty and nothing runs.
func (a *Adapter) finishAll(take func(pipeline.Decision)) {
	for {
		a.mu.Lock()
		pushed := a.pushed
		done := make(chan struct{}, 2)
		a.slow.push(func() { done <- struct{}{} })
		a.quick.push(func() { done <- struct{}{} })
		a.mu.Unlock()
		for n := 0; n < 2; {
			select {
			case d := <-a.decisions:
				take(d)
			case <-done:
				n++
			case <-a.ctx.Done():
				return
			}
		}
		a.rest(take)
		// What was done may have asked for more, of the other queue too.
		a.mu.Lock()
		same := a.pushed == pushed
		a.mu.Unlock()
		if same {
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
