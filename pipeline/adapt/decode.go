package adapt

import (
	"errors"
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// decoder reads what encode wrote.
type decoder struct {
	*wire.Reader
	a       *Adapter
	version uint8
	models  []*model.Model
}

// stored returns a model by its bytes, or where there are none by the name that
// follows.
func (r *decoder) stored(b []byte) (*model.Model, error) {
	if r.version > 3 && len(b) == 0 {
		return r.a.beside(r.String())
	}
	return model.Decode(b)
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
	series, start, regime := r.String(), r.I64(), 0
	if r.version > 1 {
		regime = r.Int()
	}
	values, missing, scales := r.values()
	cfg := r.a.cfg
	if r.Err() == nil && (len(values) != cfg.Window*cfg.Channels || len(scales) != cfg.Channels) {
		r.Fail(fmt.Errorf("a window of %d values and %d scales", len(values), len(scales)))
	}
	if r.Err() != nil {
		return nil
	}
	// A buffer of its own makes a window, and checks it.
	b, err := replay.New(cfg.replay())
	if err == nil {
		b.SetRegime(series, regime)
	}
	if err != nil || !b.Add(series, start, values, missing, scales) {
		r.Fail(errors.Join(errors.New("a window that can't be one"), err))
		return nil
	}
	s := b.Snapshot()
	return append(s.Recent, s.Holdout...)[0]
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
	if r.version = r.U8(); r.Err() == nil && (r.version < 1 || r.version > stateVersion) {
		return nil, nil, fmt.Errorf("version %d is not known, this program reads versions 1 to %d", r.version, stateVersion)
	}
	for range r.Len(8) {
		b := r.Bytes()
		if r.Err() != nil {
			break
		}
		m, err := r.stored(b)
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
		g.versions = append(g.versions, r.must())
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
		p := &probation{group: g, model: r.must(), previous: r.must(), seed: r.U64(), regime: r.Int(), since: r.I64(), series: map[string]bool{}, shown: unjudged(rollbackLevel), gain: math.NaN()}
		for range r.Len(8) {
			p.series[r.String()] = true
		}
		p.held = r.shots()
		p.shadow = newShadow(p.model, p.previous, GateConfig{Seed: p.seed, Level: rollbackLevel})
		p.shadow.served = true
		g.trial = p
	}
	if n := len(r.Rest()); n > 0 && r.Err() == nil {
		r.Fail(fmt.Errorf("%d bytes too many", n))
	}
	return g, tracks, r.Err()
}

func (r *decoder) banked() banked {
	b := banked{model: r.must(), regime: r.Int(), loss: r.F64(), windows: r.Int(), used: r.I64(), scales: r.scales()}
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
	t := &track{name: r.String(), group: g, onset: -1, serving: r.model(), previous: r.model()}
	if r.Bool() {
		t.pending = &pending{Model: r.must(), Kind: r.String(), Why: r.String(), Rebase: r.Bool()}
	}
	t.epoch, t.index, t.base, t.seen = r.Int(), r.I64(), r.I64(), r.I64()
	t.drift = r.drift()
	t.recall = recall{from: r.I64(), next: r.Int()}
	if t.recall.next < 0 || t.recall.next > len(looks) {
		r.Fail(fmt.Errorf("look %d of %d", t.recall.next, len(looks)))
	}
	for range r.Len(16) {
		t.marks = append(t.marks, mark{r.I64(), r.Int()})
	}
	if r.version > 2 {
		t.after = r.drift()
		for range r.Len(16) {
			t.known = append(t.known, span{r.I64(), r.I64()})
		}
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
		t.tail.values, t.tail.missing = values, missing
	}
	return t
}

func (r *decoder) drift() drift {
	return drift{kind: r.String(), from: r.I64(), fresh: r.Int(), tries: r.Int(), regime: r.Int(), before: r.Int(), done: r.Bool(), learnt: r.Bool()}
}

func (r *decoder) values() (values []float32, missing []bool, scales []replay.Scale) {
	values = r.F32s(nil)
	missing = make([]bool, len(values))
	for i := range missing {
		missing[i] = r.Bool()
	}
	return values, missing, r.scales()
}

func (r *decoder) scales() []replay.Scale {
	var scales []replay.Scale
	for range r.Len(24) {
		scales = append(scales, replay.Scale{Mean: r.F64(), Dev: r.F64(), Sigma: r.F64()})
	}
	return scales
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
	if r.version > 2 {
		j.stage, j.crossed = r.Int(), train.Comparison{Windows: r.Int(), Error: r.F64()}
		if r.version > 4 {
			j.crossed.Passed, j.crossed.OtherPassed = r.F64(), r.F64()
		}
		for range r.Len(8) {
			j.crossed.Gain = append(j.crossed.Gain, r.F64())
		}
	}
	if r.version < 5 {
		j.challenger = nil // not all of what the nets before it did is known: it is trained anew
	}
	if j.stage < 0 || j.stage >= len(stages) {
		r.Fail(fmt.Errorf("fine-tune %d of %d", j.stage, len(stages)))
	}
	if r.Err() == nil && (j.track == nil || len(j.recent) == 0 || j.first < 1 || j.first > len(j.held)) {
		r.Fail(fmt.Errorf("a fine-tune for %q on %d windows, judged by %d of %d", name, len(j.recent), j.first, len(j.held)))
	}
	return j
}
