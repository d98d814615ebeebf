package adapt

import (
	"maps"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
)

// stateVersion is the first byte of a group's state; docs/formats/state.md has
// the table. Version 1 did not know which regime bore a window, and up to version 2
// what was held out was never trained on; up to version 3 each state held all its
// models, and up to version 4 it was not known what passes of the noise through what was
// compared. All are still read.
const stateVersion = 5

// snapshot is a group at one moment, but for the bytes of the models, which can be
// had while the group goes on.
type snapshot struct {
	body   []byte
	models []*model.Model // that body refers to by number
	beside string         // name of the one that a file beside the state holds, "" for none
}

// number returns the number of a model, -1 for none.
func (s *snapshot) number(m *model.Model) int64 {
	if m == nil {
		return -1
	}
	for i, had := range s.models {
		if had.Name() == m.Name() {
			return int64(i)
		}
	}
	s.models = append(s.models, m)
	return int64(len(s.models) - 1)
}

func (s *snapshot) i64(v int64)          { s.body = wire.I64(s.body, v) }
func (s *snapshot) int(v int)            { s.i64(int64(v)) }
func (s *snapshot) bool(v bool)          { s.body = wire.Bool(s.body, v) }
func (s *snapshot) string(v string)      { s.body = wire.String(s.body, v) }
func (s *snapshot) model(m *model.Model) { s.i64(s.number(m)) }

func (s *snapshot) window(w *replay.Window) {
	s.string(w.Series)
	s.i64(w.Start)
	s.int(w.Regime)
	missing := make([]bool, len(w.Values))
	for i := range missing {
		missing[i] = w.Missing(i/len(w.Scales), i%len(w.Scales))
	}
	s.values(w.Values, missing, w.Scales)
}

func (s *snapshot) windows(ws []*replay.Window) {
	s.int(len(ws))
	for _, w := range ws {
		s.window(w)
	}
}

func (s *snapshot) shots(shots []shot) {
	s.int(len(shots))
	for _, h := range shots {
		s.i64(h.at)
		s.window(h.w)
	}
}

// snapshot takes one of a group. The caller holds mu.
func (a *Adapter) snapshot(g *group) *snapshot {
	s := &snapshot{body: g.buf.AppendState(make([]byte, 0, g.buf.Bytes()+1<<10))}
	s.i64(g.clock)
	s.i64(g.coolUntil)
	s.int(g.refused)
	s.i64(g.budget.left)
	s.i64(g.budget.at)
	s.int(g.regimes)
	s.shots(g.later)
	s.int(len(g.bank.all))
	for i := range g.bank.all {
		s.banked(&g.bank.all[i])
	}
	s.int(len(g.versions))
	for _, v := range g.versions {
		s.model(v)
	}
	tracks := a.everyone(g)
	s.int(len(tracks))
	for _, t := range tracks {
		s.track(t, len(tracks) <= mostOpen)
	}
	s.bool(g.job != nil)
	if g.job != nil {
		s.job(g.job)
	}
	s.bool(g.trial != nil)
	if p := g.trial; p != nil {
		s.model(p.model)
		s.model(p.previous)
		s.i64(int64(p.seed))
		s.int(p.regime)
		s.i64(p.since)
		s.int(len(p.series))
		for _, name := range slices.Sorted(maps.Keys(p.series)) {
			s.string(name)
		}
		s.shots(p.held)
	}
	return s
}

func (s *snapshot) banked(b *banked) {
	s.model(b.model)
	s.int(b.regime)
	s.body = wire.F64(s.body, b.loss)
	s.int(b.windows)
	s.i64(b.used)
	s.scales(b.scales)
	s.int(len(b.sign))
	for i := range b.sign {
		c := &b.sign[i]
		for _, q := range c.quantiles {
			s.body = wire.F64(s.body, q)
		}
		s.body = wire.F64(s.body, c.sigma)
		for _, p := range c.bands {
			s.body = wire.F64(s.body, p)
		}
	}
}

// mostOpen is the number of series of a group of which what they are in the middle
// of is kept. Of more of them it would be most of the file.
const mostOpen = 256

func (s *snapshot) track(t *track, whole bool) {
	s.string(t.name)
	s.model(t.serving)
	s.model(t.previous)
	s.bool(t.pending != nil)
	if p := t.pending; p != nil {
		s.model(p.Model)
		s.string(p.Kind)
		s.string(p.Why)
		s.bool(p.Rebase)
	}
	s.int(t.epoch)
	for _, v := range [...]int64{t.index, t.base, t.seen} {
		s.i64(v)
	}
	s.drift(&t.drift)
	s.i64(t.recall.from)
	s.int(t.recall.next)
	s.int(len(t.marks))
	for _, m := range t.marks {
		s.i64(m.from)
		s.int(m.regime)
	}
	s.drift(&t.after)
	s.int(len(t.known))
	for _, k := range t.known {
		s.i64(k.from)
		s.i64(k.to)
	}
	if !whole {
		t = &track{}
	}
	p := &t.open
	s.int(p.n)
	s.bool(p.doubt)
	if p.n > 0 {
		s.values(p.values[:p.n*len(p.scales)], p.missing[:p.n*len(p.scales)], p.scales)
		for _, b := range p.bad {
			s.bool(b)
		}
	}
	from := max(0, t.tail.slots()-tailSlots) * len(t.tail.scales)
	s.values(t.tail.values[from:], t.tail.missing[from:], t.tail.scales)
}

func (s *snapshot) drift(d *drift) {
	s.string(d.kind)
	s.i64(d.from)
	for _, v := range [...]int{d.fresh, d.tries, d.regime, d.before} {
		s.int(v)
	}
	s.bool(d.done)
	s.bool(d.learnt)
}

func (s *snapshot) values(values []float32, missing []bool, scales []replay.Scale) {
	s.body = wire.F32s(s.body, values)
	for _, m := range missing {
		s.bool(m)
	}
	s.scales(scales)
}

func (s *snapshot) scales(scales []replay.Scale) {
	s.int(len(scales))
	for _, c := range scales {
		s.body = wire.F64(wire.F64(wire.F64(s.body, c.Mean), c.Dev), c.Sigma)
	}
}

func (s *snapshot) job(j *job) {
	s.string(j.track.name)
	s.string(j.kind)
	s.model(j.champion)
	s.model(j.challenger)
	s.i64(int64(j.seed))
	s.int(j.before)
	s.int(j.learns)
	s.int(len(j.from))
	for _, name := range slices.Sorted(maps.Keys(j.from)) {
		s.string(name)
		s.i64(j.from[name])
	}
	s.windows(j.recent)
	s.windows(j.old)
	s.windows(j.heldOld)
	for _, r := range j.bore {
		s.int(r)
	}
	s.shots(j.held)
	s.int(j.first)
	s.bool(j.started)
	s.bool(j.last)
	s.int(j.stage)
	s.int(j.crossed.Windows)
	for _, v := range [...]float64{j.crossed.Error, j.crossed.Passed, j.crossed.OtherPassed} {
		s.body = wire.F64(s.body, v)
	}
	s.int(len(j.crossed.Gain))
	for _, g := range j.crossed.Gain {
		s.body = wire.F64(s.body, g)
	}
}

// encode returns the bytes of a snapshot. Of the model that a file beside it holds
// there is the name in place of the bytes.
func (s *snapshot) encode() ([]byte, error) {
	dst := wire.U8(nil, stateVersion)
	dst = wire.I64(dst, int64(len(s.models)))
	for _, m := range s.models {
		if m.Name() == s.beside {
			dst = wire.String(wire.Bytes(dst, nil), m.Name())
			continue
		}
		b, err := m.Encode()
		if err != nil {
			return nil, err
		}
		dst = wire.Bytes(dst, b)
	}
	return append(dst, s.body...), nil
}
