package pipeline

import (
	"slices"

	"github.com/quell-stream/quell/model"
)

// group are the lanes that one model serves. Those of them that have something
// to compute in a Run go through its net together, each shard's by themselves.
type group struct {
	m      *model.Model
	refs   int     // lanes
	lanes  []*lane // of this Run
	shares []share // by shard
}

// share is what one goroutine runs of a group.
type share struct {
	batch   *model.Batch // nil: none was needed yet
	lanes   []*lane
	streams []*model.Stream
	cols    [][]model.Column
	ys      [][]float32
	seconds []int // where the second run of each lane is among streams; -1: it has none
}

// Run computes everything that is computable and hands it out.
func (e *Engine) Run() {
	if e.sharded() {
		e.runSharded()
		return
	}
	e.drain()
	for _, l := range e.dirty {
		l.queued = false
		if l.alone() {
			l.run()
			continue
		}
		e.enlist(l)
	}
	clear(e.dirty)
	e.dirty = e.dirty[:0]
	for _, g := range e.active {
		s := &g.shares[0]
		s.lanes = append(s.lanes, g.lanes...)
		s.run(g.m)
	}
	e.dismiss()
}

// alone says that a lane does not go through its net with others.
func (l *lane) alone() bool {
	g := l.group
	return g == nil || g.refs == 1 || l.stream == nil || len(l.switches) > 0 || len(l.cols) == 0
}

// enlist has a lane run with its group.
func (e *Engine) enlist(l *lane) {
	g := l.group
	if len(g.lanes) == 0 {
		e.active = append(e.active, g)
	}
	g.lanes = append(g.lanes, l)
}

// dismiss forgets which lanes have run with their groups.
func (e *Engine) dismiss() {
	for _, g := range e.active {
		clear(g.lanes)
		g.lanes = g.lanes[:0]
	}
	clear(e.active)
	e.active = e.active[:0]
}

// run takes the lanes of a share through the net.
func (s *share) run(m *model.Model) {
	switch len(s.lanes) {
	case 0:
		return
	case 1:
		s.lanes[0].run()
	default:
		s.push(m)
	}
	clear(s.lanes)
	clear(s.streams)
	clear(s.cols)
	clear(s.ys)
	s.lanes, s.streams, s.cols, s.ys, s.seconds = s.lanes[:0], s.streams[:0], s.cols[:0], s.ys[:0], s.seconds[:0]
}

// push is run where there are several lanes: they go through the net together, and
// with them the second runs that their guards want.
func (s *share) push(m *model.Model) {
	if s.batch == nil {
		s.batch = m.NewBatch()
	}
	for _, l := range s.lanes {
		s.streams, s.cols = append(s.streams, l.stream), append(s.cols, l.cols)
	}
	for _, l := range s.lanes {
		at := -1
		if st, cols := l.guard.ready(l, l.cols); st != nil {
			at = len(s.streams)
			s.streams, s.cols = append(s.streams, st), append(s.cols, cols)
		}
		s.seconds = append(s.seconds, at)
		l.history.add(l.cols)
	}
	s.ys = slices.Grow(s.ys, len(s.streams))[:len(s.streams)]
	s.batch.Push(s.ys, s.streams, s.cols)
	for i, l := range s.lanes {
		var second []float32
		if at := s.seconds[i]; at >= 0 {
			second = s.ys[at]
		}
		l.emit(s.ys[i], l.stream.Spread(), second, false)
		l.cols = l.cols[:0]
	}
}

// regroup puts a lane among those that m serves; nil: none.
func (e *Engine) regroup(l *lane, m *model.Model) {
	if g := l.group; g != nil {
		if g.refs--; g.refs == 0 {
			delete(e.groups, g.m)
		}
		l.group = nil
	}
	if m == nil {
		return
	}
	g := e.groups[m]
	if g == nil {
		g = &group{m: m, shares: make([]share, len(e.shards))}
		e.groups[m] = g
	}
	g.refs++
	l.group = g
}
