package guard

import (
	"slices"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/classic"
)

// Settled is the number of readings after which a filter has settled.
const Settled = settle

// Settings are those of a filter that served a channel, for what it gave out to be
// computed again from other readings. The zero value is no filter's.
type Settings struct{ p classic.Params }

// Settings returns those of the filter that serves a channel; ok is false where it is
// the network.
func (g *Guard) Settings(channel int) (s Settings, ok bool) {
	p, ok := g.Serving(channel)
	return Settings{p}, ok
}

// Equal says whether filters of both give the same values.
func (s *Settings) Equal(o *Settings) bool {
	a, b := s.p, o.p
	if len(a.Taps) != len(b.Taps) || len(a.Taps) > 0 && &a.Taps[0] != &b.Taps[0] && !slices.Equal(a.Taps, b.Taps) {
		return false
	}
	return a.Family == b.Family && a.Lookahead == b.Lookahead && a.Window == b.Window && a.Order == b.Order &&
		a.Threshold == b.Threshold && a.Alpha == b.Alpha && a.Lambda == b.Lambda && a.Trend == b.Trend && a.Cutoff == b.Cutoff &&
		a.Levels == b.Levels && a.Rule == b.Rule && a.Hard == b.Hard && a.Shifts == b.Shifts && a.Sigma == b.Sigma && a.Mean == b.Mean
}

// Filtered returns what a filter that starts anew makes of readings, NaN where one is
// missing: a value for each, with its look-ahead as far as that is there.
func (s *Settings) Filtered(ys []float64) []float64 {
	f := newFilter(s.p)
	out := make([]float64, 0, len(ys))
	for _, y := range ys {
		if x, ok := f.Push(y); ok {
			out = append(out, x)
		}
	}
	return f.Finish(out)
}

// AppendState appends the settings to dst; ReadSettings reads them back.
func (s *Settings) AppendState(dst []byte) []byte {
	p := &s.p
	dst = wire.String(dst, p.Family)
	for _, v := range [...]int{p.Lookahead, p.Window, p.Order, p.Levels, int(p.Rule), p.Shifts} {
		dst = wire.I64(dst, int64(v))
	}
	for _, v := range [...]float64{p.Threshold, p.Alpha, p.Lambda, p.Cutoff, p.Sigma, p.Mean} {
		dst = wire.F64(dst, v)
	}
	return wire.F64s(wire.Bool(wire.Bool(dst, p.Trend), p.Hard), p.Taps)
}

// ReadSettings reads settings back. Those of no filter fail r.
func ReadSettings(r *wire.Reader) Settings {
	p := classic.Params{Family: r.String()}
	var rule int
	for _, v := range [...]*int{&p.Lookahead, &p.Window, &p.Order, &p.Levels, &rule, &p.Shifts} {
		*v = r.Int()
	}
	p.Rule = classic.Rule(rule)
	for _, v := range [...]*float64{&p.Threshold, &p.Alpha, &p.Lambda, &p.Cutoff, &p.Sigma, &p.Mean} {
		*v = r.F64()
	}
	p.Trend, p.Hard = r.Bool(), r.Bool()
	if taps := r.F64s(nil); len(taps) > 0 {
		p.Taps = taps
	}
	if r.Err() == nil {
		if _, err := classic.NewFilter(p); err != nil {
			r.Fail(err)
		}
	}
	return Settings{p}
}

// Refilter has the filter that serves a channel, if one does, start anew with the
// readings of slots from a number on, up to the newest that was read: some of them
// came late. The evidence stays as it was gathered.
func (g *Guard) Refilter(channel int, from int64, ys []float64) {
	c := &g.channels[channel]
	if c.live == nil {
		return
	}
	c.live, c.dueTo = newFilter(c.serves), from
	for _, y := range ys {
		c.take(c.live.Push(y))
	}
}
