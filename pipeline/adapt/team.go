package adapt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/state"
)

// Series of a stream that several processes have among them, and that one model serves: the
// process that leads trains it and tells the others of each promotion before it asks
// for its own switches. The others go on filling their buffers, switch to what they
// are told of, and may lead next.

const (
	// newsEvery is how often the others are asked what they promoted.
	newsEvery = 5 * time.Second
	// tellFor bounds how long a promotion waits for the others to be told: what comes
	// after it waits too.
	tellFor  = time.Minute
	tellWait = time.Second // first, after an error; it doubles
)

// team is what an adapter knows of the others. The adapter's mu guards it, but for
// models, which whoever has put a token into calling may use. Nobody waits for anything
// else meanwhile, nor for that while holding mu.
type team struct {
	models  state.Models // nil: there are no others
	calling chan struct{}
	wake    chan struct{}
	term    int64 // of this process; 0: another one leads
	// The newest word of each look-ahead.
	words map[int]state.Promotion
	serve map[int]*pending
}

func newTeam(m state.Models) team {
	return team{models: m, calling: make(chan struct{}, 1), wake: make(chan struct{}, 1), words: map[int]state.Promotion{}, serve: map[int]*pending{}}
}

var _ pipeline.Leader = (*Adapter)(nil)

// errElsewhere is what switches by hand are refused with where another process leads.
var errElsewhere = fmt.Errorf("%w: all replicas share the model of this stream, and the one that has partition 0 decides on it: ask that one", pipeline.ErrNoModel)

// Lead implements pipeline.Leader.
func (a *Adapter) Lead(term int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.team.term
	if a.team.term = term; a.team.models == nil || term == was {
		return
	}
	if (term == 0) != (was == 0) {
		a.cfg.Log.Info("the model that all series share is trained by one replica", "by_this_one", term != 0)
	}
	if term == 0 {
		for _, g := range a.groups() {
			g.dropJob()
			g.trial = nil
		}
	}
	select {
	case a.team.wake <- struct{}{}:
	default:
	}
}

// leads says whether this process decides on the models. The caller holds mu.
func (a *Adapter) leads() bool { return a.team.models == nil || a.team.term != 0 }

// listen hears of the others until Close.
func (a *Adapter) listen() {
	tick := time.NewTicker(a.cfg.newsEvery)
	defer tick.Stop()
	said := ""
	for {
		err := a.hear(a.ctx)
		switch {
		case a.ctx.Err() != nil:
			return
		case err == nil:
			said = ""
		case said != err.Error():
			said = err.Error()
			a.cfg.Log.Warn("what other replicas promoted can't be heard, trying again", "error", err)
		}
		select {
		case <-a.ctx.Done():
			return
		case <-a.team.wake:
		case <-tick.C:
		}
	}
}

// hear takes in what is new, and has whoever leads since say again what holds: a word of a
// process that led before counts no more, then.
func (a *Adapter) hear(ctx context.Context) error {
	news, err := a.news(ctx)
	if err != nil {
		return err
	}
	for _, w := range news {
		a.adopt(w)
	}
	return a.repeat(ctx)
}

func (a *Adapter) news(ctx context.Context) ([]state.Promotion, error) {
	if err := a.call(ctx); err != nil {
		return nil, err
	}
	defer a.hangUp()
	return a.team.models.News(ctx)
}

// call waits until nobody else uses models; hangUp lets the next one.
func (a *Adapter) call(ctx context.Context) error {
	select {
	case a.team.calling <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *Adapter) hangUp() { <-a.team.calling }

// repeat says again under the present term what was said under earlier ones.
func (a *Adapter) repeat(ctx context.Context) error {
	a.mu.Lock()
	term := a.team.term
	var again []int
	for lookahead, w := range a.team.words {
		if term > w.Term {
			again = append(again, lookahead)
		}
	}
	a.mu.Unlock()
	slices.Sort(again)
	for _, lookahead := range again {
		a.mu.Lock()
		w, to := a.team.words[lookahead], a.team.serve[lookahead]
		a.mu.Unlock()
		w.Term = term
		if err := a.announce(ctx, w, to); err != nil {
			return err
		}
	}
	return nil
}

// announce says that a model serves, unless something newer is known by now.
func (a *Adapter) announce(ctx context.Context, w state.Promotion, to *pending) error {
	if err := a.call(ctx); err != nil {
		return err
	}
	defer a.hangUp()
	if err := a.team.models.Announce(ctx, w); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.team.words[w.Lookahead], a.team.serve[w.Lookahead] = w, to
	return nil
}

// adopt has the series be served by what another process promoted. What this one did
// itself serves already.
func (a *Adapter) adopt(w state.Promotion) {
	m, err := model.Decode(w.Model)
	if err == nil && (!m.Called(w.Name) || m.Lookahead() != w.Lookahead) {
		err = fmt.Errorf("its bytes are those of %s with a look-ahead of %d", m.Name(), m.Lookahead())
	}
	if err != nil {
		a.cfg.Log.Error("a model of another replica can't be used, the one that serves is kept", "model", w.Name, "error", err)
		return
	}
	to := &pending{m, w.Kind, w.Why, w.Rebase}
	a.mu.Lock()
	a.team.words[w.Lookahead], a.team.serve[w.Lookahead] = w, to
	g := a.shared
	var switched []*track
	for _, t := range a.members(g) {
		if a.lags(t) {
			switched = append(switched, t)
		}
	}
	before := a.obey(g, switched, to)
	at := g.clock
	a.mu.Unlock()
	if before == nil {
		return
	}
	a.audit(record{Action: "adopted", Model: m.Name(), Before: before.Name(), At: at, Why: w.Why, By: auto})
	a.save(g)
	a.request(switched, to)
}

// lags says whether a series is served by another model than all are to be. The
// caller holds mu.
func (a *Adapter) lags(t *track) bool {
	if t.serving == nil || t.was != "" { // or it is not clear yet
		return false
	}
	to := a.team.serve[t.serving.Lookahead()]
	return to != nil && to.Model.Name() != t.serving.Name()
}

// obey notes a switch that was decided elsewhere and returns what served before, nil
// where there is nothing to switch. The caller holds mu.
func (a *Adapter) obey(g *group, switched []*track, to *pending) (before *model.Model) {
	for _, t := range switched {
		before = t.serving
		t.switches(to)
		t.drift.learnt, t.after = true, drift{}
	}
	if before != nil {
		g.dropJob()
		g.trial = nil
		g.version(before)
		g.version(to.Model)
	}
	return before
}

// catchUp has a series that came later, or back, be served by what the others are. What is
// trained or on probation is not touched. The caller holds mu.
func (a *Adapter) catchUp(t *track) {
	if a.team.models == nil || !a.lags(t) {
		return
	}
	to := a.team.serve[t.serving.Lookahead()]
	t.switches(to)
	t.drift.learnt, t.after = true, drift{}
	a.pushQuick(func() { a.request([]*track{t}, to) })
}

// tell tells the others of a promotion. It returns an error where they may not know:
// then it is not to be.
func (a *Adapter) tell(p *pending) error {
	if a.team.models == nil {
		return nil
	}
	raw, err := p.Model.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, tellFor)
	defer cancel()
	for wait := tellWait; ; wait *= 2 {
		told, err := a.tellOnce(ctx, p, raw)
		if told || errors.Is(err, state.ErrRefused) || errors.Is(err, errNotLeading) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

var errNotLeading = errors.New("another replica has the lowest partition by now and decides (or the state topic was deleted, and the topic of its models was not: delete that too)")

func (a *Adapter) tellOnce(ctx context.Context, p *pending, raw []byte) (told bool, err error) {
	w := state.Promotion{Lookahead: p.Model.Lookahead(), Name: p.Model.Name(), Model: raw, Kind: p.Kind, Why: p.Why, Rebase: p.Rebase}
	a.mu.Lock()
	had := a.team.words[w.Lookahead]
	w.Term = a.team.term
	a.mu.Unlock()
	switch {
	case w.Term == 0 || had.Term > w.Term:
		return false, errNotLeading
	case had.Name == w.Name && had.Term == w.Term:
		return true, nil
	}
	err = a.announce(ctx, w, p)
	return err == nil, err
}

// undo takes back a switch that the others could not be told of. What serves is what
// served.
func (a *Adapter) undo(ts []*track, p *pending, why error) {
	if a.ctx.Err() != nil {
		return // it is asked for again after the restart
	}
	g := ts[0].group
	back := false
	a.mu.Lock()
	for _, t := range ts {
		if t.pending == p {
			back = true
			t.serving, t.previous, t.pending = t.previous, nil, nil
			t.drift.learnt = false
			a.catchUp(t)
		}
	}
	if back {
		g.trial = nil
		g.bank.remove(func(b *banked) bool { return b.model.Name() == p.Model.Name() })
	}
	at := g.clock
	a.mu.Unlock()
	text := fmt.Sprintf("the other replicas can't be told of %s, the model of before is kept: %v", p.Model.Name(), why)
	a.cfg.Log.Error("a promotion is withdrawn", "model", p.Model.Name(), "why", text)
	if back {
		a.audit(record{Action: "withdrawn", Series: g.name, Model: p.Model.Name(), At: at, Why: text, By: auto})
		a.event(ts[0].name, "finetune.rejected", text, nil)
		a.save(g)
	}
}
