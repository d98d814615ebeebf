package adapt

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
)

// stateVersion is the first byte of a group's state; docs/formats/state.md has
// the table.
const stateVersion = 1

// snapshot is a group at one moment: what is small is encoded, the rest can be
// while the group goes on.
type snapshot struct {
	small  []byte
	models []*model.Model // that small refers to by number
	buf    *replay.Buffer
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

func (s *snapshot) i64(v int64)             { s.small = wire.I64(s.small, v) }
func (s *snapshot) int(v int)               { s.i64(int64(v)) }
func (s *snapshot) bool(v bool)             { s.small = wire.Bool(s.small, v) }
func (s *snapshot) string(v string)         { s.small = wire.String(s.small, v) }
func (s *snapshot) model(m *model.Model)    { s.i64(s.number(m)) }
func (s *snapshot) window(w *replay.Window) { s.small = replay.AppendWindow(s.small, w) }

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
	s := &snapshot{buf: g.buf.Clone()}
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
		s.model(v.model)
	}
	tracks := a.members(g)
	for _, name := range slices.Sorted(maps.Keys(a.known)) {
		if t := a.known[name]; t.group == g { // not back yet since a restart
			tracks = append(tracks, t)
		}
	}
	s.int(len(tracks))
	for _, t := range tracks {
		s.track(t)
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
	s.small = wire.F64(s.small, b.loss)
	s.int(b.windows)
	s.i64(b.used)
	s.int(len(b.sign))
	for i := range b.sign {
		c := &b.sign[i]
		for _, q := range c.quantiles {
			s.small = wire.F64(s.small, q)
		}
		s.small = wire.F64(s.small, c.sigma)
		for _, p := range c.bands {
			s.small = wire.F64(s.small, p)
		}
	}
}

func (s *snapshot) track(t *track) {
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
	d := &t.drift
	s.string(d.kind)
	s.i64(d.from)
	for _, v := range [...]int{d.fresh, d.tries, d.regime, d.before} {
		s.int(v)
	}
	s.bool(d.done)
	s.bool(d.learnt)
	s.i64(t.recall.from)
	s.int(t.recall.next)
	s.int(len(t.marks))
	for _, m := range t.marks {
		s.i64(m.from)
		s.int(m.regime)
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

func (s *snapshot) values(values []float32, missing []bool, scales []replay.Scale) {
	s.small = wire.F32s(s.small, values)
	for _, m := range missing {
		s.bool(m)
	}
	s.int(len(scales))
	for _, c := range scales {
		s.small = wire.F64(wire.F64(wire.F64(s.small, c.Mean), c.Dev), c.Sigma)
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
}

// encode returns the bytes of a snapshot.
func (s *snapshot) encode() ([]byte, error) {
	dst := wire.U8(nil, stateVersion)
	dst = wire.I64(dst, int64(len(s.models)))
	for _, m := range s.models {
		b, err := m.Encode()
		if err != nil {
			return nil, err
		}
		dst = wire.Bytes(dst, b)
	}
	return append(s.buf.AppendState(dst), s.small...), nil
}

// decoder reads what encode wrote.
type decoder struct {
	*wire.Reader
	a      *Adapter
	models []*model.Model
}

func (r *decoder) model() *model.Model {
	i := r.Int()
	if r.Err() != nil || i == -1 {
		return nil
	}
	if i < 0 || i >= len(r.models) {
		r.Fail(fmt.Errorf("model %d of %d", i, len(r.models)))
		return nil
	}
	return r.models[i]
}

// must is model where there has to be one.
func (r *decoder) must() *model.Model {
	m := r.model()
	if m == nil {
		r.Fail(errors.New("a model is missing"))
	}
	return m
}

func (r *decoder) window() *replay.Window {
	if r.Err() != nil {
		return nil
	}
	w, rest, err := replay.ReadWindow(r.Rest(), r.a.cfg.Window, r.a.cfg.Channels)
	r.SetRest(rest, err)
	return w
}

func (r *decoder) windows() []*replay.Window {
	var ws []*replay.Window
	for range r.Len(4 * r.a.cfg.Window * r.a.cfg.Channels) {
		ws = append(ws, r.window())
		if r.Err() != nil {
			return nil
		}
	}
	return ws
}

func (r *decoder) shots() []shot {
	var s []shot
	for range r.Len(4 * r.a.cfg.Window * r.a.cfg.Channels) {
		s = append(s, shot{at: r.I64(), w: r.window()})
		if r.Err() != nil {
			return nil
		}
	}
	return s
}

// decode reads the state of a group and its series, which are not followed yet.
func (a *Adapter) decode(name string, src []byte) (*group, []*track, error) {
	r := &decoder{Reader: wire.NewReader(src), a: a}
	if v := r.U8(); r.Err() == nil && v != stateVersion {
		return nil, nil, fmt.Errorf("version %d is not known, this program reads version %d", v, stateVersion)
	}
	for range r.Len(8) {
		m, err := model.Decode(r.Bytes())
		if err != nil {
			return nil, nil, err
		}
		r.models = append(r.models, m)
	}
	g := a.newGroup(name)
	if r.Err() == nil {
		r.SetRest(g.buf.RestoreState(r.Rest()))
	}
	g.clock, g.coolUntil, g.refused = r.I64(), r.I64(), r.Int()
	g.budget = budget{left: r.I64(), at: r.I64()}
	g.regimes = r.Int()
	g.later = r.shots()
	for range r.Len(8) {
		g.bank.all = append(g.bank.all, r.banked())
	}
	for range r.Len(8) {
		g.versions = append(g.versions, version{r.must()})
	}
	by := map[string]*track{}
	var tracks []*track
	for range r.Len(8) {
		t := r.track(g)
		tracks, by[t.name] = append(tracks, t), t
	}
	if r.Bool() {
		g.job = r.job(g, by)
	}
	if r.Bool() {
		p := &probation{group: g, model: r.must(), previous: r.must(), seed: r.U64(), regime: r.Int(), since: r.I64(), series: map[string]bool{}}
		for range r.Len(8) {
			p.series[r.String()] = true
		}
		p.held = r.shots()
		p.shadow = newShadow(p.model, p.previous, GateConfig{Seed: p.seed, Level: rollbackLevel})
		g.trial = p
	}
	if n := len(r.Rest()); n > 0 && r.Err() == nil {
		r.Fail(fmt.Errorf("%d bytes too many", n))
	}
	return g, tracks, r.Err()
}

func (r *decoder) banked() banked {
	b := banked{model: r.must(), regime: r.Int(), loss: r.F64(), windows: r.Int(), used: r.I64()}
	b.sign = make(signature, r.Len(8*(6+octaves)))
	for i := range b.sign {
		c := &b.sign[i]
		for k := range c.quantiles {
			c.quantiles[k] = r.F64()
		}
		c.sigma = r.F64()
		for k := range c.bands {
			c.bands[k] = r.F64()
		}
	}
	return b
}

func (r *decoder) track(g *group) *track {
	t := &track{name: r.String(), group: g, serving: r.model(), previous: r.model()}
	if r.Bool() {
		t.pending = &pending{Model: r.must(), Kind: r.String(), Why: r.String(), Rebase: r.Bool()}
	}
	t.epoch, t.index, t.base, t.seen = r.Int(), r.I64(), r.I64(), r.I64()
	d := &t.drift
	d.kind, d.from = r.String(), r.I64()
	d.fresh, d.tries, d.regime, d.before = r.Int(), r.Int(), r.Int(), r.Int()
	d.done, d.learnt = r.Bool(), r.Bool()
	t.recall = recall{from: r.I64(), next: r.Int()}
	if t.recall.next < 0 || t.recall.next > len(looks) {
		r.Fail(fmt.Errorf("look %d of %d", t.recall.next, len(looks)))
	}
	for range r.Len(16) {
		t.marks = append(t.marks, mark{r.I64(), r.Int()})
	}
	c, size := r.a.cfg.Channels, r.a.cfg.Window
	p := &t.open
	if p.n, p.doubt = r.Int(), r.Bool(); p.n > 0 && r.Err() == nil {
		values, missing, scales := r.values()
		if p.n >= size || len(values) != p.n*c || len(scales) != c {
			r.Fail(fmt.Errorf("an open window of %d values", len(values)))
			return t
		}
		p.values, p.missing, p.scales, p.bad = make([]float32, size*c), make([]bool, size*c), scales, make([]bool, c)
		copy(p.values, values)
		copy(p.missing, missing)
		for i := range p.bad {
			p.bad[i] = r.Bool()
		}
	}
	values, missing, scales := r.values()
	if len(scales) != 0 && len(scales) != c || len(values) > tailSlots*c || len(values)%c != 0 {
		r.Fail(fmt.Errorf("a tail of %d values", len(values)))
		return t
	}
	if len(scales) > 0 {
		t.tail.scales = scales
		t.tail.values = append(make([]float32, 0, 2*tailSlots*c), values...)
		t.tail.missing = append(make([]bool, 0, 2*tailSlots*c), missing...)
	}
	return t
}

func (r *decoder) values() (values []float32, missing []bool, scales []replay.Scale) {
	values = r.F32s(nil)
	missing = make([]bool, len(values))
	for i := range missing {
		missing[i] = r.Bool()
	}
	for range r.Len(24) {
		scales = append(scales, replay.Scale{Mean: r.F64(), Dev: r.F64(), Sigma: r.F64()})
	}
	return values, missing, scales
}

func (r *decoder) job(g *group, by map[string]*track) *job {
	name := r.String()
	j := &job{track: by[name], group: g, kind: r.String(), champion: r.must(), challenger: r.model(), seed: r.U64(), before: r.Int(), learns: r.Int(), from: map[string]int64{}}
	for range r.Len(16) {
		name := r.String()
		j.from[name] = r.I64()
	}
	j.recent, j.old, j.heldOld = r.windows(), r.windows(), r.windows()
	for range j.heldOld {
		j.bore = append(j.bore, r.Int())
	}
	j.held = r.shots()
	j.first, j.started, j.last = r.Int(), r.Bool(), r.Bool()
	if r.Err() == nil && (j.track == nil || len(j.recent) == 0 || j.first < 1 || j.first > len(j.held)) {
		r.Fail(fmt.Errorf("a fine-tune for %q on %d windows, judged by %d of %d", name, len(j.recent), j.first, len(j.held)))
	}
	return j
}
