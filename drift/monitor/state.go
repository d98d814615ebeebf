package monitor

import (
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
)

// monitorState marks a snapshot of a Monitor, version 5. Those of version 4, which does not
// know which readings stand alone, of version 3, which knows no shapes either, and of
// version 2, which does not say whether there was an observation, are read too: shapes
// are learnt from there on.
const (
	monitorState  = 0x3005
	monitorState4 = 0x3004
	monitorState3 = 0x3003
	monitorState2 = 0x3002
)

// AppendState appends a snapshot. Before the first observation it takes 60 bytes. While the monitor learns it takes 11 KiB and
// 8 KiB per channel (with a calibration beyond 1,600 scores 4 bytes more for
// each), once it is mature 5 KiB and 6 KiB per channel.
func (m *Monitor) AppendState(dst []byte) []byte {
	dst = wire.U64(dst, monitorState)
	for _, v := range [...]int{m.cfg.Channels, m.cfg.Hop, m.cfg.Calibration} {
		dst = wire.I64(dst, int64(v))
	}
	if dst = wire.Bool(dst, m.charts != nil); m.charts == nil {
		return wire.String(dst, m.reason)
	}
	dst = wire.Bool(wire.I64(dst, m.hops), m.ready)
	dst = wire.Bool(dst, m.cal != nil)
	if m.cal != nil {
		dst = wire.F32s(dst, m.cal)
		for c := range m.profiles {
			dst = wire.F32s(wire.F32s(wire.F32s(dst, m.levels[c]), m.spread[c]), m.diffs[c])
		}
	}
	dst = wire.I64(dst, int64(m.fitted))
	dst = wire.F64(wire.F64(dst, m.med), m.mad)
	for i := range m.charts {
		dst = m.charts[i].appendState(dst)
	}
	for c := range m.profiles {
		for _, v := range [...]float64{m.centre[c], m.floor[c], m.power[c], m.diff[c]} {
			dst = wire.F64(dst, v)
		}
		dst = m.profiles[c].appendState(dst)
	}
	dst = m.peers.appendState(dst)
	for _, v := range m.recent {
		dst = wire.F64(dst, v)
	}
	dst = wire.I64(dst, m.nrec)
	for _, s := range [...]string{m.state, m.told, m.kind, m.why, m.reason} {
		dst = wire.String(dst, s)
	}
	for _, v := range [...]int64{int64(m.channel), int64(m.moving), int64(m.code), m.since, m.opened, m.began, m.gone, int64(m.quiet), int64(m.plain), m.fresh, m.named} {
		dst = wire.I64(dst, v)
	}
	for _, v := range [...]float64{m.sum, m.count, m.zOpen} {
		dst = wire.F64(dst, v)
	}
	dst = wire.Bool(wire.Bool(wire.Bool(dst, m.open), m.rebased), m.shaped)
	for c := range m.shapes {
		dst = m.shapes[c].appendState(dst)
	}
	return dst
}

// RestoreState reads a snapshot back and returns the rest of src. The snapshot
// must come from a monitor of as many channels, the same hop and the same
// calibration. The rate of false alarms and the names are those of the
// configuration. On an error the monitor is unchanged.
func (m *Monitor) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	n := New(m.cfg)
	mark := r.U64()
	if mark < monitorState2 || mark > monitorState || r.Int() != m.cfg.Channels || r.Int() != m.cfg.Hop || r.Int() != m.cfg.Calibration {
		return nil, fmt.Errorf("monitor: state: %w", errForeign)
	}
	if mark != monitorState2 && !r.Bool() {
		n.reason = r.String()
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("monitor: state: %w", err)
		}
		*m = *n
		return r.Rest(), nil
	}
	n.furnish()
	n.hops, n.ready = r.I64(), r.Bool()
	if r.Bool() {
		into(r, &n.cal, n.most())
		for c := range n.profiles {
			into(r, &n.levels[c], powerHistory)
			into(r, &n.spread[c], powerHistory)
			into(r, &n.diffs[c], powerHistory)
		}
	} else {
		n.cal, n.levels, n.spread, n.diffs = nil, nil, nil, nil
	}
	n.fitted = r.Int()
	n.med, n.mad = r.F64(), r.F64()
	for i := range n.charts {
		cells := powerCells
		if i == 0 {
			cells = scoreCells
		}
		n.charts[i].restoreState(r, cells, n.between(i))
	}
	if n.ready && !n.charts[0].ready { // without which nothing is ready
		r.Fail(errForeign)
	}
	for c := range n.profiles {
		if n.charts[1+2*c].ready != n.charts[2+2*c].ready { // fitted together
			r.Fail(errForeign)
		}
		for _, p := range [...]*float64{&n.centre[c], &n.floor[c], &n.power[c], &n.diff[c]} {
			*p = r.F64()
		}
		n.profiles[c].restoreState(r, mark != monitorState)
	}
	n.peers.restoreState(r)
	for i := range n.recent {
		n.recent[i] = r.F64()
	}
	n.nrec = r.I64()
	n.state, n.told, n.kind, n.why, n.reason = known(r.String()), known(r.String()), known(r.String()), r.String(), r.String()
	n.channel, n.moving, n.code = r.Int(), r.Int(), faultCode(r.I64())
	n.since, n.opened, n.began, n.gone, n.quiet, n.plain, n.fresh, n.named = r.I64(), r.I64(), r.I64(), r.I64(), r.Int(), r.Int(), r.I64(), r.I64()
	for _, p := range [...]*float64{&n.sum, &n.count, &n.zOpen} {
		*p = r.F64()
	}
	n.open, n.rebased = r.Bool(), r.Bool()
	if mark >= monitorState4 {
		n.shaped = r.Bool()
		for c := range n.shapes {
			n.shapes[c].restoreState(r)
		}
	}
	if n.nrec < 0 || n.code >= codes || n.channel < -1 || n.channel >= m.cfg.Channels || n.state == "" {
		r.Fail(errForeign)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("monitor: state: %w", err)
	}
	*m = *n
	return r.Rest(), nil
}

// into reads a slice of at most most values; it is not nil.
func into(r *wire.Reader, dst *[]float32, most int) {
	k := r.Len(4)
	if k > most {
		r.Fail(errForeign)
		return
	}
	if k > cap(*dst) {
		*dst = make([]float32, 0, k)
	}
	*dst = (*dst)[:0]
	for range k {
		*dst = append(*dst, r.F32())
	}
}

// known returns the constant of a state or kind, "" for anything else.
func known(s string) string {
	for _, k := range [...]string{Learning, Normal, Warning, Noise, Regime, Fault, Unknown} {
		if s == k {
			return k
		}
	}
	return ""
}
