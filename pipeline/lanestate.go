package pipeline

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// laneVersion is the first byte of a lane's state. Earlier ones are read too: one of version
// 11 doesn't say whether its model was switched to; in one of version 10 scalers have no spectra; in one of version 9 scalers know nothing of readings with gaps between them, and nothing is known of how
// long a channel has been silent; in one of version 8 there is no doubt of readings, and it does not end with what was found of
// a drift; in one of version 7 there is also what a young series does not have yet.
const (
	laneVersion   = 12
	switchedSince = 12
	spectraSince  = 11
	sparseSince   = 10
	silenceSince  = 10
	doubtsSince   = 9
	foundSince    = 9
	oldestLane    = 7
)

// scalerFormat returns the format of scalers in a state of a version.
func scalerFormat(v byte) window.Format {
	switch {
	case v >= spectraSince:
		return window.Current
	case v >= sparseSince:
		return window.Unbounded
	}
	return window.Gapless
}

// models is where a lane's models are found by their names.
type models interface {
	Load(name string) (*model.Model, error)
}

// appendState appends what is known of the series to dst. The engine must have
// Run before.
func (l *lane) appendState(dst []byte) []byte {
	dst = wire.I64(wire.I64(wire.U8(dst, laneVersion), l.mark), l.turn)
	dst = wire.I64(wire.F64(dst, l.rateHz), l.before)
	dst = wire.Bytes(dst, l.past.appendState(nil))
	dst = l.win.AppendState(dst)
	for i := range l.scalers {
		dst = l.scalers[i].AppendState(dst)
		dst = wire.F64(dst, l.held[i])
		dst = wire.Bool(dst, l.heldOK[i])
		dst = l.silent[i].append(wire.U8(l.colours[i].AppendState(dst), uint8(l.announced[i])))
		dst = l.wild[i].AppendState(dst)
	}
	dst = wire.Bool(wire.String(dst, l.modelName()), l.switched)
	dst = wire.I64(dst, l.emitted)
	dst = wire.Bool(dst, l.stream != nil)
	if l.stream != nil {
		in, _ := l.stream.Position()
		dst = wire.I64(dst, in)
		dst = appendColumns(dst, l.columns())
	}
	dst = wire.U64(dst, uint64(l.waiting.len()))
	for i := range l.waiting.len() {
		dst = appendWaiting(dst, l.waiting.at(i))
	}
	dst = wire.I64(dst, l.waitingRaw)
	dst = wire.String(dst, l.state)
	dst = l.doubt.append(wire.F64(dst, l.score))
	dst = appendSwitches(l.life.append(dst), l.switches)
	dst = appendSwitches(dst, l.later)
	dst = wire.U64(dst, uint64(len(l.rebases)))
	for _, at := range l.rebases {
		dst = wire.I64(dst, at)
	}
	dst = l.alerts.appendState(dst)
	dst = wire.Bool(dst, l.guard != nil)
	if l.guard != nil {
		dst = l.guard.AppendState(dst)
	}
	dst = wire.Bool(dst, l.watch != nil)
	if l.watch != nil {
		dst = l.watch.appendState(dst)
	}
	dst = wire.Bool(dst, l.found != nil)
	if f := l.found; f != nil {
		dst = wire.String(wire.String(wire.String(dst, f.kind), f.fault), f.why)
	}
	return dst
}

// save appends the state to memory of an arena.
func (l *lane) save(a *arena) []byte {
	b := a.write(l.saved+l.saved/8, l.appendState)
	l.saved = len(b)
	return b
}

// restoreLane builds a lane from its state.
func restoreLane(e *Engine, part, series string, src []byte, bank models) (*lane, error) {
	l, err := newLane(e, part, series)
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(src)
	v := r.U8()
	if r.Err() == nil && (v < oldestLane || v > laneVersion) {
		return nil, fmt.Errorf("the saved state of series %q has version %d, this program reads %d to %d", series, v, oldestLane, laneVersion)
	}
	l.mark, l.turn = r.I64(), r.I64()
	rate := r.F64() // that it was begun for; the grid may be at another one by now
	l.before = r.I64()
	past := r.Bytes()
	r.SetRest(l.win.RestoreState(series, r.Rest()))
	if r.Err() == nil && !l.begun && rate > 0 {
		if err := l.begin(rate); err != nil {
			return nil, fmt.Errorf("series %q: %w", series, err)
		}
	}
	if l.eng.cfg.Window.RateHz == 0 {
		l.rateHz = rate
	}
	if l.remember(); r.Err() == nil && l.past != nil && len(past) > 0 {
		if err := l.past.restoreState(past, l, bank, v); err != nil {
			return nil, fmt.Errorf("the saved state of series %q: its past: %w", series, err)
		}
	}
	for i := range l.scalers {
		r.SetRest(l.scalers[i].RestoreFormat(r.Rest(), scalerFormat(v)))
		l.held[i] = r.F64()
		l.heldOK[i] = r.Bool()
		r.SetRest(l.colours[i].RestoreState(r.Rest()))
		if l.announced[i] = verdict(r.U8()); l.announced[i] > colourTold {
			r.Fail(errors.New("a verdict on the noise that there is not"))
		}
		if v >= silenceSince {
			l.silent[i] = readSilence(r)
			r.SetRest(l.wild[i].RestoreState(r.Rest()))
		}
	}
	name, switched := r.String(), v < switchedSince || r.Bool()
	if l.emitted = r.I64(); r.Err() == nil && name != "" && !l.called(name) {
		if err := l.servedBefore(name, switched, v, bank); err != nil {
			return nil, fmt.Errorf("series %q: %w", series, err)
		}
	}
	if hasStream := r.Bool(); hasStream {
		in := r.I64()
		cols := readColumns(r)
		if l.stream != nil && r.Err() == nil {
			l.history.add(cols)
			l.stream.Warm(l.columns(), in)
		}
	}
	for range r.Len(8) {
		readWaiting(r, l.waiting.push(), v)
		if r.Err() != nil {
			break
		}
	}
	if r.Err() == nil && l.replaced() && l.stream != nil {
		if in, out := l.stream.Position(); in-int64(l.waiting.len()) != out {
			return nil, fmt.Errorf("series %q: %s served it, which is not there any more, and %s looks another number of samples ahead than its slots wait: configure a model that looks as far ahead as that did, or start the stream anew", series, l.was, l.modelName())
		}
	}
	if l.past != nil && l.past.slots.len() > 0 && l.waiting.len() > 0 && l.waiting.at(0).index != l.past.end() {
		r.Fail(errors.New("slots between its past and what waits"))
	}
	l.waitingRaw = r.I64()
	l.state = r.String()
	l.score = r.F64()
	if v >= doubtsSince {
		l.doubt = readDoubt(r, len(l.scalers))
	}
	l.life = readLife(r)
	l.switches = readSwitches(r, series, bank)
	l.later = readSwitches(r, series, bank)
	for range r.Len(8) {
		l.rebases = append(l.rebases, r.I64())
	}
	l.alerts.restoreState(r)
	guarded := r.Bool()
	if !guarded && l.guard != nil && l.stream != nil && r.Err() == nil { // switched on since
		in, _ := l.stream.Position()
		l.guard.Begin(in - int64(l.waiting.len()))
	}
	if guarded && r.Err() == nil {
		rest, err := l.restoreGuard(r.Rest())
		if err != nil {
			return nil, fmt.Errorf("the saved state of series %q: %w", series, err)
		}
		if v < spectraSince && l.guard != nil && l.guard.Rough() {
			l.guard.Recalibrate() // σ̂ is about to be a part of what it was
		}
		r.SetRest(rest, nil)
		if l.replaced() { // what is known of the net is of the one before
			if err := l.guardOf(l.mod); err != nil {
				return nil, fmt.Errorf("series %q: %w", series, err)
			}
		}
	}
	if hasWatch := r.Bool(); hasWatch && r.Err() == nil {
		if l.watch == nil {
			return l, nil // switched off since; nothing follows that is wanted
		}
		r.SetRest(l.watch.restoreState(r.Rest()))
	}
	if v >= foundSince && r.Bool() {
		l.found = &finding{kind: r.String(), fault: r.String(), why: r.String()}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("the saved state of series %q: %w", series, err)
	}
	return l, nil
}

// servedBefore has a lane go on with the model that its saved state names, which is not the
// one that is configured, if it was switched to it: what was fine-tuned, or promoted by hand,
// outlasts a restart. Else what is configured serves instead, be it the base model of a later
// version of the program, unless what waits is of no use to it. A state of a version that does
// not tell may name a base model of an earlier program, which replicas hand on, or what nothing
// has kept since nothing was switched to it.
func (l *lane) servedBefore(name string, switched bool, version byte, bank models) error {
	m, err := bank.Load(name)
	gone := errors.Is(err, fs.ErrNotExist)
	if version < switchedSince {
		switched = err == nil && !original(m) || err != nil && !gone
	}
	if l.switched = switched; switched || l.mod == nil && !gone {
		if err != nil {
			return err
		}
		return l.serve(m)
	}
	if l.was = name; l.mod == nil {
		own := l.eng.standIn
		if own == nil {
			return err
		}
		return l.serve(own(l.rateHz))
	}
	if err == nil && !canFollow(l.mod, m) {
		return l.serve(m)
	}
	return nil
}

// canFollow says whether a model can go on with what is known of a series that another one
// served: its input is in the units of the scaler.
func canFollow(m, was *model.Model) bool {
	return unlike(m, was) == nil && m.Header().Scaler.Kind == was.Header().Scaler.Kind
}

// replaced says whether another model serves than the one that the saved state of the lane
// names.
func (l *lane) replaced() bool { return l.was != "" && !l.called(l.was) }

// original says whether a model is a base model of this or another version, and no
// fine-tune of one.
func original(m *model.Model) bool {
	h := m.Header()
	return h.Name == "base" && h.Provenance.Parent == ""
}

// restoreGuard reads the saved state of a guard, which nobody asks where it was switched off
// since, and returns the rest of src.
func (l *lane) restoreGuard(src []byte) (rest []byte, err error) {
	if l.mod == nil {
		return nil, errors.New("it has a guard and no model")
	}
	p, err := l.panel(l.mod.CertainAhead())
	if err != nil {
		return nil, err
	}
	var g *guard.Guard
	if l.guard != nil {
		g = l.guard.Guard
	} else {
		g = guard.New(p, len(l.scalers))
	}
	if rest, err = g.RestoreState(src); err != nil && l.mod.CertainAhead() != l.mod.Lookahead() {
		// Earlier versions had filters look as far ahead as a strided net does at most.
		was, perr := l.panel(l.mod.Lookahead())
		if perr != nil {
			return nil, perr
		}
		g = guard.New(was, len(l.scalers))
		if rest, err = g.RestoreState(src); err == nil {
			g.Renew(p)
		}
	}
	if l.guard != nil {
		l.guard.Guard = g
	}
	return rest, err
}

func appendColumns(dst []byte, cols []model.Column) []byte {
	dst = wire.U64(dst, uint64(len(cols)))
	for i := range cols {
		dst = wire.Bool(wire.F32(wire.F32(wire.F32(dst, cols[i].X), cols[i].Level), cols[i].Colour), cols[i].Missing)
	}
	return dst
}

func readColumns(r *wire.Reader) []model.Column {
	cols := make([]model.Column, r.Len(13))
	for i := range cols {
		cols[i] = model.Column{X: r.F32(), Level: r.F32(), Colour: r.F32(), Missing: r.Bool()}
	}
	return cols
}

func appendWaiting(dst []byte, w *waitSlot) []byte {
	dst = wire.I64(dst, w.index)
	dst = wire.I64(dst, w.time)
	dst = wire.I64(dst, int64(w.epoch))
	dst = wire.U8(dst, uint8(w.source))
	dst = wire.F64(dst, w.score)
	dst = wire.String(dst, w.state)
	for i := range w.cells {
		c := &w.cells[i]
		dst = wire.I64(wire.F64(dst, c.Value), c.At)
		dst = wire.U8(dst, uint8(c.Missing))
		dst = wire.Bool(wire.Bool(dst, c.Own), c.Held)
		dst = wire.F64(wire.F64(wire.F64(dst, c.scale.Mean), c.scale.Dev), c.scale.Sigma)
		dst = wire.F32(wire.Bool(wire.F64(dst, c.x), c.coloured), c.colour)
		dst = wire.Bool(wire.Bool(wire.U8(dst, uint8(c.doubt)), c.unfilled), c.wild)
	}
	return dst
}

func readWaiting(r *wire.Reader, w *waitSlot, version uint8) {
	w.index, w.time, w.epoch = r.I64(), r.I64(), r.Int()
	w.source = ingest.TimeSource(r.U8())
	w.score = r.F64()
	w.state = r.String()
	for i := range w.cells {
		c := &w.cells[i]
		c.Value = r.F64()
		c.At = r.I64()
		c.Missing = ingest.Missing(r.U8())
		c.Own, c.Held = r.Bool(), r.Bool()
		c.scale = window.Scale{Mean: r.F64(), Dev: r.F64(), Sigma: r.F64()}
		c.x, c.coloured, c.colour = r.F64(), r.Bool(), r.F32()
		if c.doubt = sink.Good; version >= doubtsSince {
			c.doubt = readQuality(r)
		}
		if c.unfilled, c.wild = false, false; version >= silenceSince {
			c.unfilled, c.wild = r.Bool(), r.Bool()
		}
	}
}

// AppendSwitch encodes a switch for ReadSwitch. The model is written as its name: a
// bank keeps it.
func AppendSwitch(dst []byte, sw *Switch) []byte { return appendSwitch(dst, sw) }

// ReadSwitch decodes a switch of a series whose model is in the bank.
func ReadSwitch(series string, src []byte, bank *Bank) (Switch, error) {
	return readSwitch(series, src, bank)
}

// appendSwitch encodes a switch; the model is written as its name, since the
// bank holds it.
func appendSwitch(dst []byte, sw *Switch) []byte {
	dst = wire.I64(dst, sw.Record)
	dst = wire.String(dst, sw.Model.Name())
	dst = wire.String(wire.String(dst, sw.Kind), sw.Why)
	dst = wire.I64(dst, sw.At)
	dst = wire.I64(wire.Bool(dst, sw.Rebase), sw.Seen)
	return sw.Life.append(dst)
}

func appendSwitches(dst []byte, all []Switch) []byte {
	dst = wire.U64(dst, uint64(len(all)))
	for i := range all {
		dst = wire.Bytes(dst, appendSwitch(nil, &all[i]))
	}
	return dst
}

func readSwitches(r *wire.Reader, series string, bank models) (all []Switch) {
	for range r.Len(8) {
		sw, err := readSwitch(series, r.Bytes(), bank)
		if err != nil {
			r.Fail(err)
			break
		}
		all = append(all, sw)
	}
	return all
}

func readSwitch(series string, src []byte, bank models) (Switch, error) {
	r := wire.NewReader(src)
	sw := Switch{Series: series, Record: r.I64()}
	name := r.String()
	sw.Kind, sw.Why, sw.At, sw.Rebase, sw.Seen = r.String(), r.String(), r.I64(), r.Bool(), r.I64()
	sw.Life = readLife(r)
	if err := r.Err(); err != nil {
		return sw, fmt.Errorf("switch of series %q: %w", series, err)
	}
	m, err := bank.Load(name)
	if err != nil {
		return sw, fmt.Errorf("switch of series %q: %w", series, err)
	}
	sw.Model = m
	return sw, nil
}
