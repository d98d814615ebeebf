package adapt

import (
	"slices"

	"github.com/quell-stream/quell/model/replay"
)

// look has a challenger run beside its champion: after what the nets before it did on the
// windows that were there when it was asked for, on one after the other as they
// come in. So the verdict does not depend on how many came in while it trained.
func (a *Adapter) look(j *job) {
	p := a.pacer(j.ctx)
	for {
		shots, over := a.due(j)
		if over {
			v := j.shadow.verdict()
			a.reject(j, v.Why, false, &v)
			return
		}
		if shots == nil {
			return
		}
		v, err := a.watch(j, windowsIn(shots), p)
		a.judged(j, &v)
		switch {
		case j.ctx.Err() != nil:
			return
		case err != nil:
			a.reject(j, err.Error(), true, nil)
			return
		case v.Promote:
			a.promote(j, v)
			return
		case j.shadow.hopeless(&v) || j.next >= j.horizon(a.cfg):
			a.reject(j, v.Why, false, &v)
			return
		}
	}
}

// due returns the windows that a challenger is to be judged by next: none where
// they have yet to come, and over where none will.
func (a *Adapter) due(j *job) (shots []shot, over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch from := j.next; {
	case j.ctx.Err() != nil:
		return nil, false
	case from == 0:
		j.next = j.first
	case from < len(j.held):
		j.next++
	case j.last:
		return nil, true
	default:
		j.waiting = true
		return nil, false
	}
	if j.next == j.first {
		return j.held[:j.first], false
	}
	return j.held[j.next-1 : j.next], false
}

// watch judges by new windows, and at the first time by what the nets before it did on
// those that were there, and by those of earlier regimes.
func (a *Adapter) watch(j *job, windows []*replay.Window, p *pacer) (Verdict, error) {
	if j.shadow == nil {
		j.shadow = newShadow(j.champion, j.challenger, GateConfig{Seed: j.seed, Draws: draws, Level: a.cfg.Level, Regime: j.regimes(), Knows: a.knowers(j.group), Pause: p.rest})
		j.shadow.around = j.old
		if err := j.shadow.remember(j.heldOld); err != nil {
			return Verdict{}, err
		}
		j.shadow.seen = append(slices.Clone(j.recent), windows...)
		j.shadow.take(j.crossed)
		return j.shadow.verdict(), nil
	}
	j.shadow.cfg.Pause = p.rest
	if err := j.shadow.add(windows); err != nil {
		return Verdict{}, err
	}
	return j.shadow.verdict(), nil
}

// judgeLater hands a new window, which is not trained on yet, to the job that may want it. The caller
// holds mu.
func (a *Adapter) judgeLater(t *track, s shot) {
	j := t.group.job
	if j == nil || j.last || len(j.held) >= j.horizon(a.cfg) {
		return
	}
	if from, drifted := j.from[s.w.Series]; !drifted || s.w.Start < from || t.learning().kind == "" {
		return
	}
	j.held = append(j.held, s)
	if j.waiting {
		j.waiting = false
		a.push(func() { a.look(j) })
	}
}
