package pipeline

import (
	"runtime"
	"sync"

	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/sink"
)

// Nets, guards and the records that come of them are most of what an engine has to
// compute, and need nothing of other series. So the lanes are dealt out to as many shards
// as there are processors, and a Run with enough to do has each shard computed by a
// goroutine of its own, which keeps its records; when all are done these are handed
// out in the order in which one goroutine would have made them. What samples do before
// (grid, scale, monitor, adapter) stays with the goroutine that drives the engine.

// shard is what the lanes that one goroutine computes work on together.
type shard struct {
	panels map[int]*guard.Panel // by look-ahead
	kept   outbox
	alone  []*lane // of this Run, that do not go through their net with others
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
	columns := 0
	for _, l := range e.dirty {
		if len(l.switches) > 0 {
			return false
		}
		columns += len(l.cols)
	}
	return columns >= leastColumns*len(e.shards)
}

// runSharded is Run on all shards.
func (e *Engine) runSharded() {
	for _, l := range e.dirty {
		l.queued = false
		s := e.shards[l.shard]
		l.kept = &s.kept
		if l.alone() {
			e.order, s.alone = append(e.order, l), append(s.alone, l)
			continue
		}
		e.enlist(l)
		g := &l.group.shares[l.shard]
		g.lanes = append(g.lanes, l)
	}
	for _, g := range e.active {
		e.order = append(e.order, g.lanes...)
	}
	clear(e.dirty)
	e.dirty = e.dirty[:0]
	var others sync.WaitGroup
	for i := 1; i < len(e.shards); i++ {
		others.Go(func() { e.runShard(i) })
	}
	e.runShard(0)
	others.Wait()
	for _, l := range e.order {
		l.kept.replay(e.out, l.keptFrom, l.keptTo)
		l.kept, l.keptFrom, l.keptTo = nil, 0, 0
	}
	for _, s := range e.shards {
		s.kept.reset()
	}
	clear(e.order)
	e.order = e.order[:0]
	e.dismiss()
}

// runShard computes the lanes of one shard.
func (e *Engine) runShard(i int) {
	s := e.shards[i]
	for _, l := range s.alone {
		l.run()
	}
	clear(s.alone)
	s.alone = s.alone[:0]
	for _, g := range e.active {
		g.shares[i].run(g.m)
	}
}

// give hands the lane's record out, or keeps it until its turn. What a lane gives in
// a Run is kept in one piece.
func (l *lane) give() {
	k := l.kept
	if k == nil {
		l.eng.out.Record(&l.rec)
		return
	}
	if l.keptFrom == l.keptTo {
		l.keptFrom = len(k.records)
	}
	k.add(&l.rec)
	l.keptTo = len(k.records)
}

// encodedOut is an Out that takes a record with its JSON, which need not be written
// again.
type encodedOut interface {
	Encoded(r *sink.Record, json []byte)
}

// outbox holds records on their way to an Out, in memory that is used again.
type outbox struct {
	records []sink.Record
	values  [][]sink.Value
	ends    []int // of each record in json
	json    []byte
}

func (k *outbox) add(r *sink.Record) {
	n := len(k.records)
	k.records = append(k.records, *r)
	if n == len(k.values) {
		k.values = append(k.values, nil)
	}
	k.values[n] = append(k.values[n][:0], r.Values...)
	k.records[n].Values = k.values[n]
	k.json = sink.AppendRecord(k.json, r)
	k.ends = append(k.ends, len(k.json))
}

// replay hands out the records from…to-1.
func (k *outbox) replay(out Out, from, to int) {
	encoded, ok := out.(encodedOut)
	for i := from; i < to; i++ {
		if !ok {
			out.Record(&k.records[i])
			continue
		}
		begin := 0
		if i > 0 {
			begin = k.ends[i-1]
		}
		encoded.Encoded(&k.records[i], k.json[begin:k.ends[i]])
	}
}

func (k *outbox) reset() {
	clear(k.records)
	k.records, k.ends, k.json = k.records[:0], k.ends[:0], k.json[:0]
	if cap(k.json) > 4<<20 {
		k.json = nil
	}
}
