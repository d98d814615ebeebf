package monitor

import (
	"math"
	"time"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/wire"
)

// mostOfDay is the most slots of a day that are remembered: one a minute.
const mostOfDay = 1440

// dayMemory is how much a day counts beside those before it.
const dayMemory = 1. / 8

// level watches one channel for jumps. Where a reading of the second day, over as
// many readings as a LocalLevel learns from, mostly lies nearer to that of the same
// time on the first day than to that day's median, the channel lives by the day: then
// what differs from the same time of earlier days is watched, and else the channel
// as it is.
type level struct {
	cfg   drift.LocalLevelConfig
	plain *drift.LocalLevel // nil where the channel lives by the day
	rest  *drift.LocalLevel // nil where it does not, or the day is not watched
	every int64             // nanoseconds from a slot to the next
	start int64             // time of the first reading
	base  float64           // and the reading
	usual []float32         // readings of earlier days less base, NaN where none is known

	seen        int64   // slots since the first reading; negative before it
	middle      float64 // median of the first day less base
	near, tried int
}

// newLevel returns a level that learns with cfg, of slots so far apart; 0: the day
// is not watched.
func newLevel(cfg drift.LocalLevelConfig, every time.Duration) *level {
	l := &level{cfg: cfg, plain: drift.NewLocalLevel(cfg), seen: -1}
	if n := slotsOfDay(every); n > 0 {
		l.every, l.rest, l.usual = int64(every), drift.NewLocalLevel(cfg), make([]float32, n)
		for i := range l.usual {
			l.usual[i] = float32(math.NaN())
		}
	}
	return l
}

// slotsOfDay returns how many slots a day has; 0 where they are too many, or too
// few to tell one time of the day from another.
func slotsOfDay(every time.Duration) int {
	const day = 24 * time.Hour
	if every <= 0 || every > day/8 || (day+every-1)/every > mostOfDay {
		return 0
	}
	return int((day + every - 1) / every)
}

// push takes the reading of the slot at time t, in nanoseconds, and says whether a
// drift is open.
func (l *level) push(t int64, x float64, missing bool) bool {
	if l.seen >= 0 && l.rest != nil {
		l.seen++
	}
	if !missing && math.Abs(x) <= hugeInput {
		l.take(t, x)
	}
	return l.drifted()
}

// take watches a reading, and learns what the day is like.
func (l *level) take(t int64, x float64) {
	if l.plain != nil {
		l.plain.Update(x)
	}
	if l.rest == nil {
		return
	}
	if l.seen < 0 {
		l.base, l.start, l.seen = x, t, 0
	}
	x -= l.base
	usual := &l.usual[l.slotOfDay(t)]
	known := float64(*usual)
	if l.seen < int64(len(l.usual)) || math.IsNaN(known) {
		*usual = float32(x)
		return
	}
	l.rest.Update(x - known)
	if l.plain != nil {
		l.compare(x, known)
	}
	if l.rest != nil && !l.drifted() {
		*usual = float32(known + dayMemory*(x-known))
	}
}

// slotOfDay returns the slot nearest to the time of day of t; the day begins where
// the first reading was.
func (l *level) slotOfDay(t int64) int64 {
	const day = int64(24 * time.Hour)
	since := ((t-l.start)%day + day) % day
	return (since + l.every/2) / l.every % int64(len(l.usual))
}

// compare finds out whether the channel lives by the day.
func (l *level) compare(x, known float64) {
	if l.tried == 0 {
		y := make([]float64, 0, len(l.usual))
		for _, v := range l.usual {
			if v := float64(v); !math.IsNaN(v) {
				y = append(y, v)
			}
		}
		l.middle = median(y)
	}
	if l.tried++; math.Abs(x-known) < math.Abs(x-l.middle) {
		l.near++
	}
	switch {
	case l.tried < l.cfg.Calibration:
	case 2*l.near > l.tried:
		l.plain = nil
	default:
		l.rest, l.usual = nil, nil
	}
}

// watched returns what the channel is watched by.
func (l *level) watched() *drift.LocalLevel {
	if l.plain == nil {
		return l.rest
	}
	return l.plain
}

func (l *level) drifted() bool { return l.watched().Drifted() }

// describe says what stands out.
func (l *level) describe() string {
	s := l.watched().Describe()
	if l.plain == nil {
		s += " at this time of the day"
	}
	return s
}

// farOff is beyond how many usual deviations a level did not come back.
const farOff = 2

// away says whether the level did not come back where the latest drift was over, and by how
// many usual deviations it is off.
func (l *level) away() (by float64, off bool) {
	by = l.watched().Left()
	return by, math.Abs(by) > farOff
}

// require changes what a drift takes.
func (l *level) require(open float64) {
	l.cfg.Open = open
	for _, d := range [...]*drift.LocalLevel{l.plain, l.rest} {
		if d != nil {
			d.SetOpen(open)
		}
	}
}

// mellow has the channel go on learning how far it reaches.
func (l *level) mellow() {
	for _, d := range [...]*drift.LocalLevel{l.plain, l.rest} {
		if d != nil {
			d.Mellow()
		}
	}
}

// habituate has the channel learn from short jumps that come again.
func (l *level) habituate() {
	for _, d := range [...]*drift.LocalLevel{l.plain, l.rest} {
		if d != nil {
			d.Habituate()
		}
	}
}

// gap says that the next reading does not follow the latest.
func (l *level) gap() {
	for _, d := range [...]*drift.LocalLevel{l.plain, l.rest} {
		if d != nil {
			d.Gap()
		}
	}
}

func (l *level) appendState(dst []byte) []byte {
	for _, d := range [...]*drift.LocalLevel{l.plain, l.rest} {
		if dst = wire.Bool(dst, d != nil); d != nil {
			dst = d.AppendState(dst)
		}
	}
	dst = wire.F32s(wire.I64(wire.F64(dst, l.base), l.start), l.usual)
	dst = wire.F64(wire.I64(dst, l.seen), l.middle)
	return wire.I64(wire.I64(dst, int64(l.near)), int64(l.tried))
}

// restoreState reads into a level that is new.
func (l *level) restoreState(r *wire.Reader) {
	for _, d := range [...]**drift.LocalLevel{&l.plain, &l.rest} {
		switch on := r.Bool(); {
		case r.Err() != nil || !on:
			*d = nil
		case *d == nil:
			r.Fail(errForeign)
		default:
			r.SetRest((*d).RestoreState(r.Rest()))
		}
	}
	l.base, l.start = r.F64(), r.I64()
	slots := len(l.usual)
	if into(r, &l.usual, cap(l.usual)); l.rest == nil {
		l.usual = nil
	} else if len(l.usual) != slots {
		r.Fail(errForeign)
	}
	l.seen, l.middle, l.near, l.tried = r.I64(), r.F64(), r.Int(), r.Int()
	if l.plain == nil && l.rest == nil {
		r.Fail(errForeign)
		l.plain = drift.NewLocalLevel(l.cfg)
	}
}
