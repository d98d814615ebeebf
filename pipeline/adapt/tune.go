package adapt

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
)

const (
	// minHeld is the least number of held-out windows since the drift that a
	// fine-tune starts with, and of those to train on.
	minHeld = 2
	// maxLooks bounds how often a challenger is judged: where it seems better and
	// the windows are too few to be sure, it waits for twice as many.
	maxLooks = 3
	// mostNew, mostOld and mostJudged bound the windows of a fine-tune and those
	// that a gate looks at on each side, so that neither takes long on a full buffer.
	mostNew, mostOld, mostJudged = 40, 24, 32
	// recentShare is the share of the training windows that are new; the others
	// rehearse what was before.
	recentShare = .6
	// rehearse is the share of synthetic windows on top, for models that take them.
	rehearse = .1
)

// job is a fine-tune, from the moment that its windows are there to its verdict.
type job struct {
	track    *track
	group    *group
	kind     string // of the drift
	champion *model.Model
	from     map[string]int64 // position from which windows are new, by series
	seed     uint64

	recent, old []*replay.Window // to train on
	heldOld     []*replay.Window

	challenger *model.Model
	looks      int

	// Guarded by mu.
	started bool
	dropped bool             // before it started
	held    []*replay.Window // held-out ones since the drift
	want    int              // of them for the next look
	waiting bool             // for them
	last    bool             // the next look decides
}

// consider queues a fine-tune for the drift of t if all that it takes is there.
// Whether it is depends on the series' slots alone.
func (a *Adapter) consider(t *track) {
	d, g := &t.drift, t.group
	if !trainable(d.kind) || d.done || d.tries >= maxTries || g.job != nil || t.seen < t.coolUntil ||
		d.fresh < a.cfg.Need || t.serving == nil || !a.streamDrifted(g) {
		return
	}
	j := &job{track: t, group: g, kind: d.kind, champion: t.serving, from: map[string]int64{}}
	for _, m := range a.members(g) {
		if trainable(m.drift.kind) {
			j.from[m.name] = m.drift.from
		}
	}
	j.seed = keyed(a.cfg.Seed+uint64(d.tries), t.name, d.from)
	s := g.buf.Snapshot()
	for _, ws := range [...][]*replay.Window{s.Old, s.Recent} {
		for _, w := range ws {
			a.sort(w, j.from, &j.recent, &j.old)
		}
	}
	for _, w := range s.Holdout {
		a.sort(w, j.from, &j.held, &j.heldOld)
	}
	if len(j.recent) < minHeld || len(j.held) < minHeld {
		return // some were refused: the next ones will do
	}
	j.want = len(j.held)
	g.job = j
	a.push(func() { a.tune(j) })
}

// sort puts a window with the new ones or the old ones. The windows just before
// the alarm are of neither regime.
func (a *Adapter) sort(w *replay.Window, from map[string]int64, recent, old *[]*replay.Window) {
	start, drifted := from[w.Series]
	switch {
	case drifted && w.Start >= start:
		*recent = append(*recent, w)
	case !drifted || w.End() <= start-int64(a.cfg.Window):
		*old = append(*old, w)
	}
}

// tune trains a job's challenger and has it judged.
func (a *Adapter) tune(j *job) {
	a.mu.Lock()
	if j.dropped {
		a.mu.Unlock()
		return
	}
	j.started = true
	held := j.held[:j.want] // and none that came in while the job was queued
	a.mu.Unlock()

	if why := coloured(append(append([]*replay.Window(nil), j.recent...), held...)); why != "" {
		a.reject(j, why, true, nil)
		return
	}
	windows, reps := a.trainingSet(j, held)
	a.event(j.track.name, "finetune.started", fmt.Sprintf("%s drift: fine-tuning %s on %d new and %d older windows of %d samples",
		j.kind, j.champion.Name(), len(j.recent), len(windows)-reps, a.cfg.Window), map[string]any{"kind": j.kind, "windows": len(j.recent)})

	p := a.pacer()
	cfg := train.FineTuneConfig{Rounds: a.cfg.Rounds, Steps: a.cfg.Steps, Length: min(512, a.cfg.Window), Seed: j.seed, Workers: 1,
		Progress: func(train.Progress) { p.rest() }} // a closed context ends the training by itself
	if j.champion.Header().Channels == 0 {
		cfg.Rehearse = rehearse
	}
	m, _, err := train.FineTune(a.ctx, j.champion, windows, cfg)
	if a.ctx.Err() != nil {
		return
	}
	if err != nil {
		a.reject(j, err.Error(), true, nil)
		return
	}
	j.challenger = m
	a.look(j)
}

// trainingSet returns the windows to train on and how many of them are new. New
// ones are repeated until they have their share. Their noise level is measured
// on the new windows, since the scale's lags behind a drift.
func (a *Adapter) trainingSet(j *job, held []*replay.Window) (ws []train.Window, recent int) {
	level := sigmas(append(append([]*replay.Window(nil), j.recent...), held...))
	// The latest new ones, where there are many.
	fresh := j.recent[max(0, len(j.recent)-mostNew):]
	old := spread(j.old, mostOld)
	for _, w := range old {
		ws = append(ws, trainWindow(w, nil))
	}
	times := max(1, int(math.Round(float64(len(old))*recentShare/(1-recentShare)/float64(len(fresh)))))
	for _, w := range fresh {
		t := trainWindow(w, level[w.Series])
		for range times {
			ws = append(ws, t)
		}
	}
	return ws, times * len(fresh)
}

// spread returns at most n of the windows, evenly spaced.
func spread(ws []*replay.Window, n int) []*replay.Window {
	if len(ws) <= n {
		return ws
	}
	out := make([]*replay.Window, n)
	for i := range out {
		out[i] = ws[i*len(ws)/n]
	}
	return out
}

// look judges a challenger by the held-out windows that are due. The number of
// windows at each look follows from the first one, so the verdict does not
// depend on how many have come in while it trained.
func (a *Adapter) look(j *job) {
	p := a.pacer()
	for {
		a.mu.Lock()
		held := j.held
		if len(held) > j.want && !j.last {
			held = held[:j.want]
		}
		last := j.last || j.looks == maxLooks-1
		a.mu.Unlock()

		v, err := Gate(j.champion, j.challenger, held[max(0, len(held)-mostJudged):], spread(j.heldOld, mostJudged),
			GateConfig{Seed: j.seed, Pause: p.rest})
		if a.ctx.Err() != nil {
			return
		}
		if err != nil {
			a.reject(j, err.Error(), true, nil)
			return
		}
		j.looks++
		if v.Promote {
			a.promote(j, v)
			return
		}
		if last || !v.promising() {
			a.reject(j, v.Why, false, &v)
			return
		}
		a.mu.Lock()
		j.want *= 2
		if len(j.held) < j.want && !j.last {
			j.waiting = true
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

// promising says that a challenger failed for want of certainty alone.
func (v *Verdict) promising() bool {
	return !v.Promote && !(v.RecentDB < leastGain) && !(v.OldDB < -GateConfig{}.defaults().Forget)
}

// judgeLater hands a new held-out window to the job that may want it. The caller
// holds mu.
func (a *Adapter) judgeLater(t *track, w *replay.Window) {
	j := t.group.job
	if j == nil {
		return
	}
	if from, drifted := j.from[w.Series]; !drifted || w.Start < from || t.drift.kind == "" {
		return
	}
	if len(j.held) >= mostJudged*maxLooks {
		return // more than any look takes
	}
	j.held = append(j.held, w)
	if j.waiting && len(j.held) >= j.want {
		j.waiting = false
		a.push(func() { a.look(j) })
	}
}

// finish ends a job: no new one of its group starts before the cool-down is over.
func (a *Adapter) finish(j *job, update func(d *drift)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	j.group.job = nil
	for _, t := range a.members(j.group) {
		t.coolUntil = t.seen + int64(a.cfg.Cooldown)
	}
	if j.track.drift.kind != "" && j.track.drift.from == j.from[j.track.name] {
		update(&j.track.drift)
	}
}

// reject says why a challenger is not taken, or none was trained. for good: not
// worth another try while the drift lasts. v is nil where the gate was not asked.
func (a *Adapter) reject(j *job, why string, forGood bool, v *Verdict) {
	if v != nil {
		a.event(j.track.name, "finetune.finished", why, v.data("rejected"))
	}
	a.finish(j, func(d *drift) { d.tries++; d.done = d.done || forGood })
	a.event(j.track.name, "finetune.rejected", why, nil)
}

// promote has the challenger serve, in Auto mode.
func (a *Adapter) promote(j *job, v Verdict) {
	a.event(j.track.name, "finetune.finished", v.Why, v.data("promoted"))
	a.finish(j, func(d *drift) { d.done = true })
	if a.cfg.Mode == Shadow {
		a.cfg.Log.Info("a better model was found, shadow mode keeps the old one", "series", j.track.name, "model", j.challenger.Name(), "why", v.Why)
		return
	}
	a.mu.Lock()
	switched := a.exchange(j.group, j.champion, j.challenger)
	j.group.trial = newProbation(j, switched)
	a.mu.Unlock()
	for _, t := range switched {
		a.send(pipeline.Decision{Switch: pipeline.Switch{Series: t.name, Model: j.challenger, Kind: "model.promoted", Why: v.Why, Rebase: true}})
	}
}

// exchange notes that the series of a group that one model serves are served by
// another, and returns them. The caller holds mu.
func (a *Adapter) exchange(g *group, from, to *model.Model) []*track {
	var ts []*track
	for _, t := range a.members(g) {
		if t.serving != nil && t.serving.Name() == from.Name() {
			t.serving, t.previous = to, from
			ts = append(ts, t)
		}
	}
	return ts
}

func (v *Verdict) data(verdict string) map[string]any {
	d := map[string]any{"verdict": verdict, "windows": v.Recent, "old_windows": v.Old, "p": v.P}
	if !math.IsNaN(v.RecentDB) {
		d["gain_db"] = v.RecentDB
	}
	if !math.IsNaN(v.OldDB) {
		d["old_gain_db"] = v.OldDB
	}
	return d
}

func (a *Adapter) event(series, kind, why string, data map[string]any) {
	a.send(pipeline.Decision{Event: &sink.Event{Series: series, Kind: kind, Severity: "info", Why: why, Data: data}})
}

// pacer keeps background work to its share of a core: after work that took d it
// sleeps d·(1/share-1).
type pacer struct {
	ctx   context.Context
	share float64
	since time.Time
}

func (a *Adapter) pacer() *pacer { return &pacer{a.ctx, a.cfg.CPUShare, time.Now()} }

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
