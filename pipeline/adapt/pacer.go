package adapt

import (
	"context"
	"time"
)

// pacer keeps background work to its share of a core: after work that took d it
// sleeps d·(1/share-1).
type pacer struct {
	ctx   context.Context
	share float64
	since time.Time
}

func (a *Adapter) pacer(ctx context.Context) *pacer { return &pacer{ctx, a.cfg.CPUShare, time.Now()} }

// mostRest bounds a sleep: a machine that was suspended has not worked all along.
const mostRest = 10 * time.Second

// rest sleeps for the work done since it last returned, and returns the cause
// if the adapter is closed meanwhile.
func (p *pacer) rest() error {
	d := min(time.Duration(float64(time.Since(p.since))*(1/p.share-1)), mostRest)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
	p.since = time.Now()
	return nil
}
