package adapt

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

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
	// mostNew and mostOld bound the windows of a fine-tune, and mostJudged those
	// that a gate looks at, so that neither takes long on a full buffer. A
	// challenger that mostJudged windows have not shown to be better is rejected.
	mostNew, mostOld, mostJudged = 40, 24, 32
	// leastMore is the number of windows that a challenger can wait for, however
	// many there were at first.
	leastMore = 8
	// rehearse is the share of synthetic windows where there are no old ones, for
	// models that take them. Beside old ones they cost more than they bring.
	rehearse = .1
	// peak is the largest learning rate: twice that of train, as there is little time
	// for few examples.
	peak = 2e-3
	// mostFolds is the number of nets that judge a fine-tune on at most fewSlots new
	// slots; on more two do. mostTrainings is that of the trainings that it takes.
	mostFolds, mostTrainings, fewSlots = 4, mostFolds + 1, 2048
)

// drawn is what a fine-tune draws: more new windows than replay.DefaultMix, since
// those that there are after a drift are few and what is to be learnt.
var drawn = replay.Mix{Recent: .6, Balanced: .2, Reservoir: .2}

// shot is a held-out window, and the group's clock when it came in.
type shot struct {
	w  *replay.Window
	at int64
}

func windowsIn(shots []shot) []*replay.Window {
	ws := make([]*replay.Window, len(shots))
	for i, s := range shots {
		ws[i] = s.w
	}
	return ws
}

// job is a fine-tune, from the moment that its windows are there to its verdict.
type job struct {
	track    *track
	group    *group
	kind     string // of the drift
	champion *model.Model
	stage    int              // which fine-tune of the drift it is
	from     map[string]int64 // position from which windows are new, by series
	seed     uint64
	before   int // regime that was served before the drift
	learns   int // regime that the drift began

	recent, old []*replay.Window // to train on, beside held[:first]
	heldOld     []*replay.Window
	bore        []int // regimes that bore heldOld

	ctx    context.Context // ends when the job is dropped
	cancel context.CancelFunc

	challenger *model.Model
	crossed    train.Comparison // of the nets before it with the champion on recent and held[:first]
	shadow     *shadow
	next       int // of held, to be judged by

	// Guarded by mu.
	started bool   // it has been announced
	held    []shot // those that are held out, and all since the fine-tune was asked for
	first   int    // of them that were there then
	waiting bool   // for one more
	shown   shown
	last    bool // no more will come
}

// horizon is the number of windows after which a challenger that is not let
// through is rejected: before the one with which the next fine-tune begins, which
// has more to learn from.
func (j *job) horizon(c Config) int {
	if j.stage+1 < len(stages) {
		return j.first + max(c.stage(j.stage+1)-c.stage(j.stage)-1, 0)
	}
	return max(mostJudged, j.first+leastMore)
}

// consider queues a fine-tune for the drift of t if all that it takes is there.
// Whether it is depends on the series' slots alone.
func (a *Adapter) consider(t *track) {
	d, g := t.learning(), t.group
	stage := a.cfg.next(d)
	if !a.leads() || !trainable(d.kind) || d.done || stage >= len(stages) || g.job != nil || d.tries == 0 && g.clock < g.coolUntil ||
		d.fresh < a.cfg.stage(stage) || t.serving == nil || d == &t.drift && !a.streamDrifted(g) || !g.budget.affords(a.cfg, g.clock) {
		return
	}
	for d.tries == 0 && stage+1 < len(stages) && d.fresh >= a.cfg.stage(stage+1) {
		stage++ // a drift that was long in doubt
	}
	j := a.newJob(t, d, stage)
	if j == nil {
		return // some windows were refused: the next ones will do
	}
	j.ctx, j.cancel = context.WithCancel(a.ctx)
	g.job = j
	d.tries = stage + 1
	g.budget.spend(a.cfg, g.clock)
	a.push(func() { a.tune(j) })
}

// newJob returns the fine-tune of that number for a drift, with the windows that it
// takes; nil where there are too few.
func (a *Adapter) newJob(t *track, d *drift, stage int) *job {
	g := t.group
	j := &job{track: t, group: g, kind: d.kind, champion: t.serving, stage: stage, from: map[string]int64{}, before: d.before, learns: d.regime}
	for _, m := range a.everyone(g) {
		if d := m.learning(); trainable(d.kind) {
			j.from[m.name] = d.from
		}
	}
	j.seed = keyed(a.cfg.Seed+uint64(d.tries), t.name, d.from)
	s := g.buf.Snapshot()
	var held []*replay.Window
	for _, w := range slices.Concat(s.Old, s.Recent) {
		a.sort(w, j.from, &j.recent, &j.old)
	}
	for _, w := range s.Holdout {
		a.sort(w, j.from, &held, &j.heldOld)
	}
	j.heldOld = a.unknown(j.heldOld)
	var later []*replay.Window
	if d.tries > 0 {
		later = a.later(t, j, &held)
	}
	if len(j.recent) < minHeld || len(held) < minHeld {
		return nil
	}
	// The latest new ones, where there are many.
	j.recent, j.old = j.recent[max(0, len(j.recent)-mostNew):], spread(j.old, mostOld)
	for _, w := range held[max(0, len(held)-mostJudged):] {
		j.held = append(j.held, shot{w, g.clock})
	}
	j.first = len(j.held)
	for _, w := range later[:min(len(later), j.horizon(a.cfg)-j.first)] {
		j.held = append(j.held, shot{w, g.clock})
	}
	for _, w := range j.heldOld {
		j.bore = append(j.bore, a.regimeOf(w))
	}
	return j
}

// later takes those windows of t out of recent and held that came after the ones
// that the fine-tune waited for, and returns them, to be judged by: when it starts
// depends on how long the one before took, what it learns from does not.
func (a *Adapter) later(t *track, j *job, held *[]*replay.Window) []*replay.Window {
	var starts []int64
	for _, w := range slices.Concat(j.recent, *held) {
		if w.Series == t.name {
			starts = append(starts, w.Start)
		}
	}
	n := a.cfg.stage(j.stage)
	if len(starts) <= n {
		return nil
	}
	slices.Sort(starts)
	var out []*replay.Window
	for _, list := range [...]*[]*replay.Window{&j.recent, held} {
		*list = slices.DeleteFunc(*list, func(w *replay.Window) bool {
			late := w.Series == t.name && w.Start >= starts[n]
			if late {
				out = append(out, w)
			}
			return late
		})
	}
	slices.SortFunc(out, func(a, b *replay.Window) int { return cmp.Compare(a.Start, b.Start) })
	return out
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
	if j.ctx.Err() != nil {
		return
	}
	if j.challenger != nil { // trained before a restart
		a.look(j)
		return
	}
	a.mu.Lock()
	announced := j.started
	j.started = true
	held := windowsIn(j.held[:j.first]) // and none that came in while the job was queued
	a.mu.Unlock()

	if why := coloured(append(append([]*replay.Window(nil), j.recent...), held...), a.cfg.name); why != "" {
		a.mu.Lock()
		j.group.budget.refund(a.cfg)
		a.mu.Unlock()
		a.reject(j, why, false, nil) // more windows may show that it is white
		return
	}
	if !announced {
		a.event(j.track.name, "finetune.started", fmt.Sprintf("%s drift: fine-tuning %s on %d new and %d older windows of %d samples",
			j.kind, j.champion.Name(), len(j.recent)+len(held), len(j.old), a.cfg.Window), map[string]any{"kind": j.kind, "windows": len(j.recent) + len(held)})
	}
	m, c, err := a.crossFit(j, held)
	if j.ctx.Err() != nil {
		return
	}
	if err != nil {
		a.reject(j, err.Error(), true, nil)
		return
	}
	a.mu.Lock()
	j.challenger, j.crossed = m, c
	a.mu.Unlock()
	a.save(j.group)
	a.look(j)
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

// at returns the clock as of the latest window that a job was judged by.
func (j *job) at() int64 { return j.held[max(j.next, 1)-1].at }

// finish ends a job: none for another drift of its group starts before the
// cool-down is over, which counts from the window that decided.
// It returns false where the job was dropped meanwhile. The caller holds mu.
func (a *Adapter) finish(j *job, refused bool, update func(d *drift)) bool {
	if j.ctx.Err() != nil {
		return false
	}
	j.cancel()
	g := j.group
	g.job = nil
	if j.challenger != nil {
		j.shown.name = j.challenger.Name()
	}
	g.last = &j.shown
	if j.stage == 0 || !refused {
		g.cool(a.cfg, j.at(), refused)
	}
	if d := j.track.learning(); d.kind != "" && d.from == j.from[j.track.name] {
		update(d)
	}
	return true
}

// reject says why a challenger is not taken, or none was trained. for good: not
// worth another try while the drift lasts. v is nil where the gate was not asked.
func (a *Adapter) reject(j *job, why string, forGood bool, v *Verdict) {
	a.mu.Lock()
	ended := a.finish(j, true, func(d *drift) { d.done = d.done || forGood })
	a.mu.Unlock()
	if !ended {
		return
	}
	if v != nil {
		a.event(j.track.name, "finetune.finished", why, v.data("rejected"))
	}
	a.event(j.track.name, "finetune.rejected", why, nil)
	a.audit(a.entryOf(j, "rejected", why, v))
	a.save(j.group)
}

// promote has the challenger serve, in Auto mode.
func (a *Adapter) promote(j *job, v Verdict) {
	m, err := carded(j, &v)
	if err != nil {
		a.reject(j, err.Error(), true, nil)
		return
	}
	to := &pending{m, "model.promoted", v.Why, true}
	g, action := j.group, "promoted"
	var switched []*track
	a.mu.Lock()
	at := j.at()
	if !a.finish(j, false, func(d *drift) { d.learnt, d.done = a.cfg.Mode == Auto, a.cfg.Mode != Auto }) {
		a.mu.Unlock()
		return
	}
	j.challenger = m
	if a.cfg.Mode == Auto {
		switched = a.exchange(g, j.champion, to)
	}
	if len(switched) > 0 {
		a.trainedOn(j)
		g.bank.learnt(a.cfg, j, &v, at)
		g.trial = a.newProbation(g, m, j.champion, j.seed, j.learns, at, switched)
	} else { // in Shadow mode, or where the series have another owner by now
		action = "offered"
		g.version(m)
	}
	a.mu.Unlock()
	a.event(j.track.name, "finetune.finished", v.Why, v.data("promoted"))
	a.audit(a.entryOf(j, action, v.Why, &v))
	a.save(g)
	if len(switched) == 0 {
		a.cfg.Log.Info("a better model was found, the old one is kept", "mode", a.cfg.Mode, "series", j.track.name, "model", m.Name(), "why", v.Why)
	}
	a.ask(switched, to)
}

// ask has the engine switch series, once all other processes that have some of the
// stream know.
func (a *Adapter) ask(ts []*track, p *pending) {
	if len(ts) == 0 {
		return
	}
	if err := a.tell(p); err != nil {
		a.undo(ts, p, err)
		return
	}
	a.request(ts, p)
}

// request has the engine switch series, but for those that it serves so by now or that
// were let be.
func (a *Adapter) request(ts []*track, p *pending) {
	for _, t := range ts {
		a.mu.Lock()
		wanted := t.pending != nil
		a.mu.Unlock()
		if !wanted {
			continue
		}
		a.send(pipeline.Decision{Switch: pipeline.Switch{Series: t.name, Model: p.Model, Kind: p.Kind, Why: p.Why, Rebase: p.Rebase}})
	}
}

// exchange notes that the series of a group that one model serves are served by
// another, and returns them. The caller holds mu.
func (a *Adapter) exchange(g *group, from *model.Model, to *pending) []*track {
	var ts []*track
	for _, t := range a.members(g) {
		if t.serving != nil && t.serving.Name() == from.Name() {
			t.switches(to)
			ts = append(ts, t)
		}
	}
	if len(ts) > 0 {
		g.version(from)
		g.version(to.Model)
	}
	return ts
}

func (v *Verdict) data(verdict string) map[string]any {
	d := map[string]any{"verdict": verdict, "windows": v.Recent, "old_windows": v.Old, "regimes": v.Regimes, "p": v.P, "e": v.E}
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
