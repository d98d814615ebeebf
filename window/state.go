package window

import (
	"errors"
	"fmt"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
)

// AppendState appends a snapshot of the series to dst. A series restored from
// it behaves bit for bit like this one.
func (s *Series) AppendState(dst []byte) []byte {
	dst = wire.I64(dst, int64(s.cfg.Channels))
	dst = wire.I64(dst, int64(s.epoch))
	for _, n := range s.fates {
		dst = wire.I64(dst, n)
	}
	dst = wire.U64(dst, uint64(len(s.learning)))
	for i := range s.learning {
		in := &s.learning[i]
		dst = wire.I64(dst, int64(in.Channel))
		dst = appendReading(dst, &reading{in.Time, in.Value, in.Missing, in.TimeSource, true})
	}
	dst = wire.F64(dst, s.step)
	dst = wire.I64(dst, s.origin)
	dst = wire.I64(dst, s.next)
	dst = wire.I64(dst, s.newest)
	dst = wire.I64(dst, s.high)
	dst = wire.Bool(dst, s.began)
	c := int64(s.cfg.Channels)
	for k := s.next; k < s.high; k++ {
		for i := range c {
			dst = appendReading(dst, &s.ring[(k%s.cap)*c+i])
		}
	}
	for i := range s.last {
		dst = appendReading(dst, &s.last[i])
		dst = wire.I64(wire.I64(dst, s.seen[i]), s.liveTill[i])
	}
	for i := range s.recent {
		dst = appendReading(dst, &s.recent[i])
	}
	dst = wire.I64(wire.I64(dst, int64(s.late)), s.lateTime)
	return s.pace.appendState(wire.Bool(dst, s.stored))
}

// RestoreState reads a snapshot back and returns the rest of src. The
// series must be new and have the same number of channels.
func (s *Series) RestoreState(name string, src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	if n := r.Int(); r.Err() == nil && n != s.cfg.Channels {
		return nil, fmt.Errorf("window: the saved state of %q has %d channels, the configuration %d", name, n, s.cfg.Channels)
	}
	s.epoch = r.Int()
	for i := range s.fates {
		s.fates[i] = r.I64()
	}
	n := r.Len(readingBytes)
	for range n {
		ch := r.Int()
		v := readReading(r)
		if ch < 0 || ch >= s.cfg.Channels {
			r.Fail(wire.ErrShort)
			break
		}
		s.learning = append(s.learning, ingest.Sample{Series: name, Channel: ch, Time: v.time, Value: v.value, Missing: v.missing, TimeSource: v.source})
	}
	step := r.F64()
	if s.cfg.RateHz == 0 {
		s.step = step
	}
	s.origin, s.next, s.newest = r.I64(), r.I64(), r.I64()
	s.high = r.I64()
	s.began = r.Bool()
	if n := s.high - s.next; s.next < 0 || n < 0 || n > int64(s.cfg.MaxPending) {
		r.Fail(wire.ErrShort)
	} else if n > s.cap {
		s.cap = n
		s.ring = make([]reading, n*int64(s.cfg.Channels))
	}
	c := int64(s.cfg.Channels)
	for k := s.next; k < s.high && r.Err() == nil; k++ {
		for i := range c {
			s.ring[(k%s.cap)*c+i] = readReading(r)
		}
	}
	for i := range s.last {
		s.last[i] = readReading(r)
		s.seen[i], s.liveTill[i] = r.I64(), r.I64()
	}
	for i := range s.recent {
		s.recent[i] = readReading(r)
	}
	s.late, s.lateTime, s.stored = r.Int(), r.I64(), r.Bool()
	if s.began && !(s.step > 0) {
		r.Fail(errors.New("slots without a length"))
	}
	if s.began && len(s.learning) > 0 {
		r.Fail(errors.New("a grid, and samples that it is to be learnt from"))
	}
	s.pace.restoreState(r)
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("window: state of %q: %w", name, err)
	}
	return r.Rest(), nil
}

const readingBytes = 8 + 8 + 3

func appendReading(dst []byte, v *reading) []byte {
	dst = wire.I64(dst, v.time)
	dst = wire.F64(dst, v.value)
	dst = wire.U8(dst, uint8(v.missing))
	dst = wire.U8(dst, uint8(v.source))
	return wire.Bool(dst, v.own)
}

func readReading(r *wire.Reader) reading {
	return reading{r.I64(), r.F64(), ingest.Missing(r.U8()), ingest.TimeSource(r.U8()), r.Bool()}
}
