package nonlocal

import (
	"errors"

	"github.com/quell-stream/quell/internal/wire"
)

// AppendState appends a snapshot to dst; RestoreState reads it back, bit for bit.
func (m *Memory) AppendState(dst []byte) []byte {
	dst = wire.U64(wire.U64(dst, uint64(m.lags)), uint64(m.ahead))
	dst = wire.Bool(wire.F64(dst, m.origin), m.begun)
	dst = wire.I64(wire.I64(dst, m.read), m.done)
	dst = wire.I64(wire.I64(dst, m.summed), m.fresh)
	dst = wire.F32s(wire.F32s(dst, m.y.latest(m.read)), m.c.latest(m.done))
	if m.summed == never {
		return dst
	}
	return wire.F32s(dst, m.d)
}

// RestoreState reads a snapshot into a memory of the same lags and look-ahead, and
// returns the rest of src. After an error the memory is as new.
func (m *Memory) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	m.Reset()
	if lags, ahead := r.U64(), r.U64(); lags != uint64(m.lags) || ahead != uint64(m.ahead) {
		r.Fail(errors.New("a memory of other lags"))
	}
	m.origin, m.begun = r.F64(), r.Bool()
	m.read, m.done = r.I64(), r.I64()
	m.summed, m.fresh = r.I64(), r.I64()
	y, c := r.F32s(nil), r.F32s(nil)
	if m.done < 0 || m.read < m.done || m.read-m.done > int64(m.ahead)+1 ||
		len(y) != m.y.held(m.read) || len(c) != m.c.held(m.done) {
		r.Fail(errors.New("slots that do not fit together"))
	}
	if !numbers(y) || !numbers(c) || m.origin-m.origin != 0 {
		r.Fail(errors.New("values that are no numbers"))
	}
	if m.summed != never {
		d := r.F32s(nil)
		if !numbers(d) || len(d) > m.lags-nearest+1 || m.summed >= m.done+1 || m.fresh > m.summed || m.fresh < 0 {
			r.Fail(errors.New("sums of other slots"))
		} else {
			m.d = d
		}
	}
	if err := r.Err(); err != nil {
		m.Reset()
		return src, err
	}
	m.y.fill(y)
	m.c.fill(c)
	return r.Rest(), nil
}

// numbers says whether all of x are finite.
func numbers(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}
