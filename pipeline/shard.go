package pipeline

import (
	"runtime"
	"sync"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
)

// What is computed of a series needs nothing of other series. So the lanes are dealt out
// to as many shards as there are processors, and a Run with enough to do has each shard
// computed by a goroutine of its own: the samples of its lanes with grid, scale and
// monitor, then nets, guards and records. What the lanes give is kept (see outbox), and
// handed out when all are done, in the order in which one goroutine would have made it.
// That, and which series a sample is of, is all that stays with the goroutine that drives
// the engine; the adapter, which is of the stream, is among those who are handed things.

// shard is what the lanes that one goroutine computes work on together.
type shard struct {
	panels    map[int]*guard.Panel // by look-ahead
	sentinels monitor.Workshop
	kept      outbox
	columns   []model.Column // see lane.columns
	lanes     []*lane        // of this Run
	active    []*group       // of those of them that go through their nets with others
}

// maxShards bounds the goroutines of a Run.
const maxShards = 16

// leastColumns is how many columns of the net a Run must have for each goroutine: fewer are
// done before another has begun.
const leastColumns = 64

func newShards(n int) []*shard {
	all := make([]*shard, n)
	for i := range all {
		all[i] = &shard{panels: make(map[int]*guard.Panel)}
	}
	return all
}

// processors is how many shards an engine has.
func processors() int { return min(runtime.GOMAXPROCS(0), maxShards) }

// panel returns the panel of a look-ahead.
func (s *shard) panel(lookahead int) (*guard.Panel, error) {
	if p := s.panels[lookahead]; p != nil {
		return p, nil
	}
	p, err := guard.NewPanel(lookahead)
	if err == nil {
		s.panels[lookahead] = p
	}
	return p, err
}

// sharded says whether a Run is worth more than one goroutine. Where a switch is due
// in it, which may put lanes into other groups, or somebody hears of verdicts as they
// fall, it goes its usual way.
func (e *Engine) sharded() bool {
	if len(e.shards) < 2 || e.cfg.Judged != nil {
		return false
	}
	columns := len(e.inbox)
	for _, l := range e.dirty {
		if len(l.switches) > 0 {
			return false
		}
		columns += len(l.cols)
	}
	return columns >= leastColumns*len(e.shards)
}

// separate says that the lanes can look at their samples in their shards. A grid that is
// not known yet may have a lane choose its model, and so its group, and whoever looks on
// is shown slots as they come.
func (e *Engine) separate() bool { return e.cfg.Window.RateHz > 0 && e.eyes == nil }

// runSharded is Run on all shards.
func (e *Engine) runSharded() {
	if !e.separate() {
		e.drain()
	}
	_, encode := e.out.(encodedOut)
	for _, l := range e.dirty {
		s := e.shards[l.shard]
		s.kept.encode = encode
		l.kept, s.lanes = &s.kept, append(s.lanes, l)
	}
	var others sync.WaitGroup
	for i := 1; i < len(e.shards); i++ {
		others.Go(func() { e.runShard(i) })
	}
	e.runShard(0)
	others.Wait()
	e.inbox = e.inbox[:0]
	e.handOver()
	for _, s := range e.shards {
		e.muted += s.kept.muted
		s.kept.reset()
	}
}

// handOver hands out what the shards have kept, in the order of one goroutine: first what
// the lanes gave while they looked at their samples, then what those gave that ran alone,
// and then that of each group.
func (e *Engine) handOver() {
	for _, l := range e.dirty {
		l.kept.replay(e, l.early)
		l.early, l.queued = extent{}, false
		if l.joined {
			l.joined = false
			e.enlist(l)
			continue
		}
		e.order = append(e.order, l)
	}
	clear(e.dirty)
	e.dirty = e.dirty[:0]
	for _, g := range e.active {
		e.order = append(e.order, g.lanes...)
	}
	for _, l := range e.order {
		l.kept.replay(e, l.own)
		l.kept, l.own = nil, extent{}
	}
	clear(e.order)
	e.order = e.order[:0]
	e.dismiss()
}

// runShard computes the lanes of one shard.
func (e *Engine) runShard(i int) {
	s := e.shards[i]
	for _, l := range s.lanes {
		l.drain()
		l.early, l.own = l.own, extent{}
	}
	for _, l := range s.lanes {
		if l.joined = !l.alone(); l.joined {
			s.enlist(l, i)
			continue
		}
		l.run()
	}
	for _, g := range s.active {
		g.shares[i].run(g.m)
	}
	clear(s.lanes)
	clear(s.active)
	s.lanes, s.active = s.lanes[:0], s.active[:0]
}

// enlist has a lane run with those of its group in the shard, the i-th.
func (s *shard) enlist(l *lane, i int) {
	g := &l.group.shares[i]
	if len(g.lanes) == 0 {
		s.active = append(s.active, l.group)
	}
	g.lanes = append(g.lanes, l)
}
