package guard

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/classic"
)

// fingerprint tells panels of different filters apart.
func fingerprint(params []classic.Params) uint64 {
	h := fnv.New64a()
	for _, c := range params {
		io.WriteString(h, c.String()+"\n") // a hash takes everything
	}
	return h.Sum64()
}

// Versions of a snapshot, with which the fingerprint at its beginning is combined; that
// of the first is left as it is.
const (
	mixes   = 1 // with what is mixed in
	singles = 2 // and tallies in single precision
	lags    = 3 // and whether the filter follows
)

// AppendState appends a snapshot to dst; RestoreState reads it back, bit for bit.
func (g *Guard) AppendState(dst []byte) []byte {
	dst = wire.U64(dst, g.panel.print^lags)
	for _, v := range g.counters() {
		dst = wire.I64(dst, *v)
	}
	dst = wire.U64(dst, uint64(len(g.channels)))
	for i := range g.channels {
		dst = g.channels[i].appendState(dst, g)
		dst = g.channels[i].mixer.appendState(dst, g.out)
		dst = g.channels[i].lag.appendState(dst)
	}
	return dst
}

func (g *Guard) counters() [5]*int64 {
	return [...]*int64{&g.schedule.base, &g.schedule.first, &g.in, &g.out, &g.blocks}
}

// RestoreState reads a snapshot into a guard of the same panel and number of
// channels, and returns the rest of src. After an error the guard is as new.
func (g *Guard) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	version := r.U64() ^ g.panel.print
	if version > lags {
		r.Fail(errors.New("it was made with other filters"))
	}
	for _, v := range g.counters() {
		*v = r.I64()
	}
	if g.out < 0 || g.in < g.out || g.schedule.base < 0 {
		r.Fail(errors.New("slots out of order"))
	}
	if n := r.U64(); n != uint64(len(g.channels)) {
		r.Fail(fmt.Errorf("%d channels, want %d", n, len(g.channels)))
	}
	for i := range g.channels {
		g.channels[i].restore(r, g, version >= singles)
		if g.channels[i].mixer = newMixer(); version >= mixes {
			g.channels[i].mixer.restore(r, g.out, g.panel.lookahead)
		}
		if g.channels[i].lag = (lag{}); version >= lags {
			g.channels[i].lag.restore(r)
		}
	}
	if err := r.Err(); err != nil {
		*g = *New(g.panel, len(g.channels))
		return src, fmt.Errorf("guard state: %w", err)
	}
	g.tidy()
	return r.Rest(), nil
}

// oldest returns the slot from which on readings may still be wanted.
func (c *channel) oldest(g *Guard) int64 {
	return max(0, min(c.unsettled(g), g.in-block), g.in-ring) // a block is for the next spectrum
}

// unsettled returns the slot from which on filters may still want readings.
func (c *channel) unsettled(g *Guard) int64 {
	from := g.in - settle - int64(g.panel.lookahead) - 1
	if c.judged.open {
		from = min(from, c.judged.start-settle)
	}
	// The block that the slots still to be given out belong to.
	if s := g.schedule; g.out >= s.base && s.gathers(g.out) {
		from = min(from, g.out-int64(s.place(g.out))-settle)
	}
	return max(0, from)
}

func (c *channel) appendState(dst []byte, g *Guard) []byte {
	from := c.oldest(g)
	dst = wire.I64(dst, from)
	for t := from; t < g.in; t++ {
		dst = wire.F64(dst, c.raw.at(t))
	}
	for _, v := range c.numbers() {
		dst = wire.F64(dst, *v)
	}
	dst = wire.I64(wire.I64(dst, int64(c.best)), int64(c.filter))
	dst = wire.Bool(wire.Bool(dst, c.serving), c.judged.open)
	dst = wire.I64(wire.I64(dst, c.judged.start), int64(c.judged.next))
	dst = wire.U64(dst, uint64(len(c.tally)))
	for i := range c.tally {
		for _, v := range c.tally[i].numbers() {
			dst = wire.F32(dst, *v)
		}
	}
	dst = c.covariance.AppendState(dst)
	dst = c.cycles.appendState(dst)
	dst = wire.I64(wire.I64(dst, int64(c.errs.place)), int64(c.errs.valid))
	dst = wire.I64(dst, c.dueTo)
	dst = wire.F64s(dst, c.due)
	dst = wire.F64(wire.F64s(dst, c.serves.Taps), c.serves.Mean)
	dst = wire.Bool(dst, c.live != nil)
	if c.live != nil {
		dst = c.live.AppendState(dst)
	}
	return dst
}

// restore reads it; single says that tallies are in single precision.
func (c *channel) restore(r *wire.Reader, g *Guard, single bool) {
	from := r.I64()
	if from < max(0, g.in-ring) || from > g.in {
		r.Fail(errors.New("readings out of order"))
	}
	c.raw = newReadings()
	c.raw.keep(int(g.in-from), from)
	for t := from; t < g.in && r.Err() == nil; t++ {
		c.raw.set(t, r.F64())
	}
	for _, v := range c.numbers() {
		*v = r.F64()
	}
	if r.Err() == nil && slices.ContainsFunc(c.numbers(), func(v *float64) bool { return *v-*v != 0 }) {
		r.Fail(errors.New("evidence that is no number"))
	}
	best, filter := r.I64(), r.I64()
	c.serving, c.judged.open = r.Bool(), r.Bool()
	c.judged.start, c.judged.next = r.I64(), r.Int()
	n := r.U64()
	if c.tally = nil; n > 0 {
		c.tally = make([]tally, len(g.panel.params))
	}
	if r.Err() == nil && n != uint64(len(c.tally)) || min(best, filter) < -1 || best >= int64(len(c.tally)) || filter >= int64(len(c.tally)) || c.judged.next < 0 || c.judged.next > len(c.tally) || c.judged.open && (c.judged.start < 0 || c.judged.start+block > g.in) || c.serving && filter < 0 {
		r.Fail(errors.New("filters that are not there"))
	}
	c.best, c.filter = int(best), int(filter)
	for i := range c.tally {
		for _, v := range c.tally[i].numbers() {
			if *v = 0; single {
				*v = r.F32()
			} else {
				*v = float32(r.F64())
			}
		}
	}
	r.SetRest(c.covariance.RestoreState(r.Rest()))
	c.cycles.restore(r)
	c.errs.place, c.errs.valid = r.Int(), r.Int()
	if r.Err() == nil && (c.errs.valid < 0 || c.errs.valid > c.errs.place || c.errs.place >= block) {
		r.Fail(errors.New("a residual longer than its block"))
	}
	c.dueTo = r.I64()
	due := r.F64s(nil)
	if r.Err() == nil && (len(due) != len(c.due) || c.dueTo < 0) {
		r.Fail(errors.New("values out of order"))
	}
	copy(c.due, due)
	taps, mean := r.F64s(nil), r.F64()
	if c.filter >= 0 && r.Err() == nil {
		c.serves = g.panel.params[c.filter]
		if len(taps) > 0 {
			c.serves = learntAs(c.serves, taps, mean)
			if err := c.serves.Validate(); err != nil {
				r.Fail(err)
			}
		}
		c.family = g.panel.params[c.filter].Family
	}
	if c.live = nil; !r.Bool() || r.Err() != nil {
		return
	}
	live, err := classic.NewFilter(c.serves)
	if err != nil {
		r.Fail(err)
		return
	}
	r.SetRest(live.RestoreState(r.Rest()))
	c.live, c.own, c.errs.response = live, ownOf(c.serves), g.panel.respond(c.serves)
}

// numbers lists what a channel counts.
func (c *channel) numbers() []*float64 {
	j := &c.judged
	out := []*float64{&c.sigma, &c.net.squares, &c.net.weights, &c.net.claim, &c.net.slots, &c.net.rho, &j.sigma2, &j.total}
	out = append(append(append(out, c.now.numbers()...), j.now.numbers()...), c.errs.numbers()...)
	return append(out, c.floor.Numbers()...)
}

func (e *evidence) numbers() []*float64 {
	out := []*float64{&e.claim}
	for i := range parts {
		out = append(out, &e.squares[i], &e.own[i], &e.n[i])
	}
	return out
}

// numbers lists what is known of the filter's error; its response follows from
// the filter.
func (s *served) numbers() []*float64 {
	out := []*float64{&s.slots, &s.shape, &s.risk, &s.openShape, &s.near, &s.nearN}
	for j := range levels {
		out = append(out, &s.squares[j], &s.noise[j], &s.open.squares[j])
	}
	for j := range s.open.wait {
		out = append(out, &s.open.wait[j])
	}
	return out
}

func (g *lag) appendState(dst []byte) []byte {
	return wire.I64(wire.F64(wire.F64(dst, g.filter), g.net), int64(g.away))
}

func (g *lag) restore(r *wire.Reader) {
	g.filter, g.net, g.away = r.F64(), r.F64(), r.Int()
	if r.Err() == nil && (!(math.Abs(g.filter) <= mostOff) || !(math.Abs(g.net) <= mostOff) || g.away < 0 || g.away > caughtUp) {
		r.Fail(errors.New("a mean residual that can't be"))
	}
}

func (t *tally) numbers() [10]*float32 {
	return [...]*float32{&t.slots, &t.squares, &t.weights, &t.alone, &t.parts, &t.diff, &t.own, &t.diff2, &t.cross, &t.own2}
}
