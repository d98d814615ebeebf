package adapt

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/view"
)

const (
	// probationWindows is the number of held-out windows that a promoted model is
	// watched on, and provenWindows that after which it may have proven itself.
	probationWindows, provenWindows = 12, 4
	// rollbackLevel is that of the test for the predecessor: a good model that is
	// taken back for nothing costs less than a bad one that stays.
	rollbackLevel = .05
)

// probation watches a promoted model beside its predecessor, on held-out windows
// that its promotion did not rest on.
type probation struct {
	group           *group
	seed            uint64
	model, previous *model.Model
	regime          int             // that the model was taken for
	series          map[string]bool // that it serves
	since           int64           // clock from which windows count
	shadow          *shadow
	next            int // of held

	held   []shot // guarded by mu, as what follows
	queued bool
	shown  view.Evidence
	gain   float64 // of the model over its predecessor, in dB
}

// newProbation begins the probation of a model that was promoted by what had come
// in by a clock. The caller holds mu.
func (a *Adapter) newProbation(g *group, m, previous *model.Model, seed uint64, regime int, at int64, switched []*track) *probation {
	p := &probation{group: g, seed: seed, model: m, previous: previous, regime: regime, since: at, series: map[string]bool{}}
	// The predecessor is the challenger now.
	p.shadow = newShadow(m, previous, GateConfig{Seed: seed, Level: rollbackLevel})
	p.shown, p.gain = unjudged(rollbackLevel), math.NaN()
	p.shadow.served = true // few windows do not tell the scale, and it lags no more
	for _, t := range switched {
		p.series[t.name] = true
	}
	for _, s := range g.later { // since then
		a.watchBy(p, s)
	}
	return p
}

// probe hands a held-out window to the probation of the model that serves its
// series. The caller holds mu.
func (a *Adapter) probe(s shot) {
	if t := a.tracks[s.w.Series]; t != nil && t.group.trial != nil {
		a.watchBy(t.group.trial, s)
	}
}

func (a *Adapter) watchBy(p *probation, s shot) {
	if len(p.held) == probationWindows || s.at <= p.since || !p.series[s.w.Series] {
		return
	}
	p.held = append(p.held, s)
	if !p.queued {
		p.queued = true
		a.push(func() { a.compare(p) })
	}
}

// compare asks of each window in turn whether the predecessor is better.
func (a *Adapter) compare(p *probation) {
	pace := a.pacer(a.ctx)
	p.shadow.cfg.Pause = pace.rest
	for {
		a.mu.Lock()
		if p.next == len(p.held) || p.group.trial != p {
			p.queued = false
			a.mu.Unlock()
			return
		}
		s := p.held[p.next]
		p.next++
		a.mu.Unlock()
		err := p.shadow.add(windowsIn([]shot{s}))
		if a.ctx.Err() != nil {
			return
		}
		v := p.shadow.verdict()
		a.tried(p, &v)
		switch {
		case err != nil: // both have been judged on such windows before
			a.cfg.Log.Warn("probation ended", "model", p.model.Name(), "error", err)
			a.pass(p, err.Error(), &v, s.at)
			return
		case v.Promote:
			a.rollBack(p, v, s.at)
			return
		case p.next == probationWindows || p.next >= provenWindows && p.shadow.other.p() <= rollbackLevel:
			a.pass(p, fmt.Sprintf("it was not worse than its predecessor, whose error is %s on %s (e = %.3g for the predecessor)",
				lowerHigher(v.RecentDB), count(v.Recent, "held-out window"), 1/v.P), &v, s.at)
			return
		}
	}
}

// pass ends a probation: the model stays.
func (a *Adapter) pass(p *probation, why string, v *Verdict, at int64) {
	a.mu.Lock()
	if p.group.trial != p {
		a.mu.Unlock()
		return
	}
	p.group.trial = nil
	if b := p.group.bank.of(p.regime); b != nil && b.model.Name() == p.model.Name() && p.shadow.judged > 0 {
		n, m := float64(b.windows), float64(p.shadow.judged)
		b.loss = (b.loss*n + p.shadow.recent.Error*m) / (n + m)
		b.windows += p.shadow.judged
	}
	a.mu.Unlock()
	a.audit(record{Action: "kept", Series: p.group.name, Model: p.model.Name(), Before: p.previous.Name(), At: at, E: v.E, GainDB: number(-v.RecentDB), Windows: v.Recent, Seed: p.seed, Why: why, By: auto})
	a.save(p.group)
}

// rollBack has the predecessor serve again.
func (a *Adapter) rollBack(p *probation, v Verdict, at int64) {
	why := fmt.Sprintf("after the switch the error of its predecessor is %.2f dB lower on %s (e = %.3g, wanted %.3g)", v.RecentDB, count(v.Recent, "held-out window"), 1/v.P, 1/rollbackLevel)
	to := &pending{p.previous, "model.rolled_back", why, false}
	a.mu.Lock()
	g := p.group
	if g.trial != p { // another model has been promoted meanwhile
		a.mu.Unlock()
		return
	}
	g.trial = nil
	switched := a.exchange(g, p.model, to)
	for _, t := range switched {
		t.after = drift{}
	}
	g.bank.remove(func(b *banked) bool { return b.model.Name() == p.model.Name() && b.regime == p.regime })
	g.cool(a.cfg, at, true)
	a.mu.Unlock()
	a.audit(record{Action: "rolled_back", Series: g.name, Model: p.previous.Name(), Before: p.model.Name(), At: at, E: v.E, GainDB: number(v.RecentDB), Windows: v.Recent, Seed: p.seed, Why: why, By: auto})
	a.save(g)
	a.ask(switched, to)
}
