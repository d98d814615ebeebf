package pipeline

import (
	"fmt"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/window"
)

// unapplied returns the samples of a delivery that no state reflects yet. The others
// were heard of all the same.
func (w *worker) unapplied(p *part, d *ingest.Delivery) []ingest.Sample {
	if len(p.ahead) == 0 {
		return d.Samples
	}
	if d.Offset > p.till || d.Offset < p.from { // the latter: another log, of the same name
		p.ahead = nil
		return d.Samples
	}
	n := 0
	for i := range d.Samples {
		s := &d.Samples[i]
		if last, ok := p.ahead[s.Series]; ok && d.Offset <= last {
			w.eng.heard(p.name, s, d.Stored)
			continue
		}
		d.Samples[n] = *s
		n++
	}
	return d.Samples[:n]
}

// heard has a sample count for the order in which series were heard of, and for
// nothing else.
func (e *Engine) heard(part string, s *ingest.Sample, stored int64) {
	r := e.partition(part)
	e.advance(r, s, stored)
	if l := e.lanes[s.Series]; l != nil {
		l.changes()
		r.touch(l, e.now)
	}
}

// spend counts samples of a partition that no lane holds.
func (e *Engine) spend(part string, why window.Fate, n int64) {
	e.spare[why] += n
	e.partition(part).spare[why] += n
}

// head returns how far a partition has been applied.
func (w *worker) head(q *part) state.Head {
	h := state.Head{Part: q.name, Next: q.next}
	if w.cfg.Shared != nil {
		h.Meta = w.eng.appendPart(nil, q.name)
	}
	return h
}

// entry returns the state of a series, and adds the models that it names to those that
// the checkpoint has at hand.
func (w *worker) entry(l *lane, to *arena, c *state.Checkpoint) state.Entry {
	e := state.Entry{Part: l.part, Series: l.series, State: l.save(to)}
	if w.cfg.Shared == nil {
		return e
	}
	// Those that are in this program too: the next owner may be one with others.
	for m := range l.models {
		if _, err := w.bank.know(m); err != nil {
			w.log.Error("the next owner of a partition can't be given a model", "series", l.series, "error", err)
			continue
		}
		e.Models = append(e.Models, m.Name())
	}
	c.Model = w.bank.bytes
	return e
}

// models yields the models that the state of a lane names.
func (l *lane) models(yield func(*model.Model) bool) {
	if l.mod != nil && !yield(l.mod) {
		return
	}
	if l.past != nil {
		for _, s := range l.past.models {
			if s.m != nil && !yield(s.m) {
				return
			}
		}
	}
	for _, list := range [...][]Switch{l.switches, l.later} {
		for i := range list {
			if !yield(list[i].Model) {
				return
			}
		}
	}
}

// decision returns a switch as the store takes it.
func (w *worker) decision(l *lane, sw *Switch) state.Switch {
	out := state.Switch{Part: l.part, Series: l.series, Data: appendSwitch(nil, sw)}
	if w.cfg.Shared != nil {
		out.Model, out.Bytes = sw.Model.Name(), sw.Model.Encode
	}
	return out
}

// partVersion is the first byte of what a head says of a partition.
const partVersion = 1

// appendPart appends what is known of a partition beside its series.
func (e *Engine) appendPart(dst []byte, part string) []byte {
	r := e.partition(part)
	dst = wire.String(wire.U8(dst, partVersion), nn.KernelTier())
	dst = wire.I64(wire.I64(wire.I64(dst, r.newest), r.left.till), int64(r.left.epoch))
	dst = wire.U64(dst, uint64(len(r.spare)))
	for _, n := range r.spare {
		dst = wire.I64(dst, n)
	}
	return appendNames(dst, e.cfg.Channels)
}

// restorePart reads it back, and returns the kernel tier that it was written with, and
// the channels of its series; none where an earlier version wrote it.
func (e *Engine) restorePart(part string, src []byte) (tier string, channels []string, err error) {
	rd := wire.NewReader(src)
	if v := rd.U8(); rd.Err() == nil && v != partVersion {
		return "", nil, fmt.Errorf("the saved state of partition %s has version %d, this program reads %d", part, v, partVersion)
	}
	tier = rd.String()
	r := e.partition(part)
	newest, gone := rd.I64(), left{till: rd.I64(), epoch: rd.Int()}
	var spare window.Fates
	for i := range rd.Len(8) {
		if n := rd.I64(); i < len(spare) {
			spare[i] = n
		}
	}
	if len(rd.Rest()) > 0 {
		channels = readNames(rd)
	}
	if err := rd.Err(); err != nil {
		return "", nil, fmt.Errorf("the saved state of partition %s: %w", part, err)
	}
	r.newest, r.left = newest, gone
	for i, n := range spare { // in the place of what was counted of it before
		e.spare[i] += n - r.spare[i]
	}
	r.spare = spare
	return tier, channels, nil
}
