package adapt

import (
	"fmt"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/pipeline"
)

// A promoted model is on probation for so many held-out windows, and compared
// with its predecessor twice.
const (
	firstProbe = 4
	lastProbe  = 8
)

// probation watches a promoted model on windows that came in after it.
type probation struct {
	group           *group
	seed            uint64
	model, previous *model.Model
	since           map[string]int64 // position from which windows count, by series
	held            []*replay.Window
	want            int // windows for the next comparison
	queued          bool
}

// newProbation begins the probation of a job's challenger. The caller holds mu.
func newProbation(j *job, switched []*track) *probation {
	p := &probation{group: j.group, seed: j.seed, model: j.challenger, previous: j.champion, since: map[string]int64{}, want: firstProbe}
	for _, t := range switched {
		p.since[t.name] = t.end()
	}
	return p
}

// probe hands a held-out window to the probation of the model that serves its
// series. The caller holds mu.
func (a *Adapter) probe(t *track, w *replay.Window) {
	p := t.group.trial
	if p == nil || len(p.held) == lastProbe {
		return
	}
	if since, ok := p.since[w.Series]; !ok || w.Start < since {
		return
	}
	p.held = append(p.held, w)
	if len(p.held) >= p.want && !p.queued {
		p.queued = true
		a.push(func() { a.compare(p) })
	}
}

// compare asks the gate the other way round: is the predecessor better?
func (a *Adapter) compare(p *probation) {
	pace := a.pacer()
	for {
		a.mu.Lock()
		held := p.held[:min(len(p.held), p.want)]
		a.mu.Unlock()
		v, err := Gate(p.model, p.previous, held, nil, GateConfig{Seed: p.seed, Pause: pace.rest})
		if a.ctx.Err() != nil {
			return
		}
		if err != nil { // both have been judged on such windows before
			a.cfg.Log.Warn("probation ended", "model", p.model.Name(), "error", err)
		}
		if err == nil && v.Promote {
			a.rollBack(p, v)
			return
		}
		a.mu.Lock()
		if err != nil || p.want == lastProbe || p.group.trial != p {
			if p.group.trial == p {
				p.group.trial = nil
			}
			a.mu.Unlock()
			return
		}
		p.want = lastProbe
		if len(p.held) < p.want {
			p.queued = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

// rollBack has the predecessor serve again.
func (a *Adapter) rollBack(p *probation, v Verdict) {
	a.mu.Lock()
	if p.group.trial != p { // another model has been promoted meanwhile
		a.mu.Unlock()
		return
	}
	p.group.trial = nil
	switched := a.exchange(p.group, p.model, p.previous)
	for _, t := range a.members(p.group) {
		t.coolUntil = t.seen + int64(a.cfg.Cooldown)
	}
	a.mu.Unlock()
	why := fmt.Sprintf("after the switch the error of its predecessor is %.2f dB lower on %s (p = %.2g)", v.RecentDB, count(v.Recent, "held-out window"), v.P)
	for _, t := range switched {
		a.send(pipeline.Decision{Switch: pipeline.Switch{Series: t.name, Model: p.previous, Kind: "model.rolled_back", Why: why}})
	}
}
