package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/window"
)

// States go by the place of a channel, and checkpoints name the channels in their
// order. Where the configuration has others, or has them in another order, what is known of
// each channel goes to its new place (see moveChannels). A series of which that can't be done
// begins anew: what waits of it is given out first, under the names that it was read
// under. The states as they were are kept aside in any case.

// appendMade appends the channels that the states of a checkpoint were made with: those
// configured, and where those of a partition that is not owned differ, which.
func (w *worker) appendMade(dst []byte) []byte {
	dst = appendNames(dst, w.eng.cfg.Channels)
	dst = wire.U64(dst, uint64(len(w.made)))
	for _, part := range slices.Sorted(maps.Keys(w.made)) {
		dst = appendNames(wire.String(dst, part), w.made[part])
	}
	return dst
}

// restoreMade reads it back, and notes the partitions whose states were made with other
// channels than those configured.
func (w *worker) restoreMade(r *wire.Reader) {
	names := readNames(r)
	for part := range w.snap.Series {
		w.note(part, names)
	}
	for range r.Len(16) {
		part := r.String()
		w.note(part, readNames(r))
	}
}

// note says which channels the states of a partition were made with; none: it is not
// known, and they are taken to be those configured.
func (w *worker) note(part string, names []string) {
	if delete(w.made, part); len(names) > 0 && !slices.Equal(names, w.eng.cfg.Channels) {
		w.made[part] = names
	}
}

func appendNames(dst []byte, names []string) []byte {
	dst = wire.U64(dst, uint64(len(names)))
	for _, n := range names {
		dst = wire.String(dst, n)
	}
	return dst
}

func readNames(r *wire.Reader) []string {
	var names []string
	for range r.Len(8) {
		names = append(names, r.String())
	}
	return names
}

// otherwise says whether states were made with other channels than those configured.
// Those of earlier versions have no names: there another number of them tells.
func (w *worker) otherwise(part string, states map[string][]byte) bool {
	if len(states) == 0 {
		return false
	}
	if w.made[part] != nil {
		return true
	}
	for _, s := range states {
		if n, err := channelsOf(s); err != nil || n != len(w.eng.cfg.Channels) {
			return err == nil
		}
	}
	return false
}

// channelsOf returns the number of channels of the state of a lane.
func channelsOf(src []byte) (int, error) {
	_, r, err := toWindow(src)
	if err != nil {
		return 0, err
	}
	n := r.Int()
	if r.Err() == nil && (n < 1 || n > len(src)) {
		r.Fail(fmt.Errorf("%d channels", n))
	}
	return n, r.Err()
}

// toWindow returns when a lane was heard of last, by its state, and a reader of what that
// says of its grid.
func toWindow(src []byte) (mark int64, r *wire.Reader, err error) {
	r = wire.NewReader(src)
	if v := r.U8(); r.Err() == nil && (v < oldestLane || v > laneVersion) {
		return 0, nil, fmt.Errorf("it has version %d, this program reads %d to %d", v, oldestLane, laneVersion)
	}
	mark = r.I64()
	r.I64() // turn
	r.F64() // rate
	r.I64() // slots of earlier monitors
	r.Bytes()
	return mark, r, r.Err()
}

// recast brings back the series of a partition whose states were made with other
// channels than those configured, and returns the lanes of those that go on.
func (w *worker) recast(part string, next int64, states map[string][]byte) ([]*lane, error) {
	was := w.made[part]
	path, err := w.keepStates(part, next, states)
	if err != nil {
		return nil, fmt.Errorf("stream %s: states of other channels could not be kept aside: %w", w.name, err)
	}
	delete(w.made, part)
	old, err := w.oldEngine(was)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", w.name, err)
	}
	defer old.Close()
	r := recasting{w: w, old: old, part: part, names: was, at: places(w.eng.cfg.Channels, was), unsaid: map[string][]byte{}}
	var lanes []*lane
	for _, series := range slices.Sorted(maps.Keys(states)) {
		l, err := r.series(series, states[series])
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", w.name, err)
		}
		if l != nil {
			lanes = append(lanes, l)
		}
		w.pulse.beat()
	}
	w.forget(w.marks(r.unsaid))
	w.eng.succeedAll(part, old, w.lost[part])
	r.tell(path, len(states), len(lanes))
	w.tellModels(part, lanes)
	return lanes, nil
}

// recasting is the work of recast.
type recasting struct {
	w      *worker
	old    *Engine // of the channels that were
	part   string
	names  []string // of those; nil: not known
	at     []int    // see places
	unsaid map[string][]byte
	why    error // that a series could not go on
}

// series brings one back. It returns nil where it begins anew.
func (r *recasting) series(name string, src []byte) (*lane, error) {
	w, err := r.w, errUnnamed
	if r.names != nil {
		var from, l *lane
		if from, err = restoreLane(r.old, r.part, name, src, configured{w.bank, &w.eng.cfg}); err == nil {
			if l, err = w.eng.moveChannels(from, r.at); err == nil {
				return l, nil
			}
			w.eng.gonePart = append(w.eng.gonePart, state.Entry{Part: r.part, Series: name})
			r.why = err
			return nil, r.old.conclude(from, w.eng.partition(r.part).newest)
		}
	}
	r.why, r.unsaid[name] = err, src
	w.eng.gonePart = append(w.eng.gonePart, state.Entry{Part: r.part, Series: name})
	return nil, r.old.skip(r.part, name, src)
}

// errUnnamed says that nothing can be told from which channel is which.
var errUnnamed = errors.New("an earlier version has not noted the names of the channels")

// tell says in the log what became of the series.
func (r *recasting) tell(path string, all, moved int) {
	names := r.w.eng.cfg.Channels
	begun, gone := []string{}, []string{}
	for i, k := range r.at {
		if k < 0 {
			begun = append(begun, names[i])
		}
	}
	for _, name := range r.names {
		if !slices.Contains(names, name) {
			gone = append(gone, name)
		}
	}
	with := []any{"partition", r.part, "channels_of_the_state", strings.Join(r.names, ", "), "channels", strings.Join(names, ", "), "kept", path}
	if moved > 0 {
		r.w.log.Warn("the state of the stream is of other channels, or has them in another order: what is known of each channel goes on, and the monitors of drift, which look at all of them, learn anew",
			append(with, "series", moved, "channels_begun", strings.Join(begun, ", "), "channels_left_out", strings.Join(gone, ", "))...)
	}
	if moved < all {
		r.w.log.Warn("the state of the stream is of other channels, and series of it begin anew", append(with, "series", all-moved, "why", r.why)...)
	}
}

// configured finds models by their names, that of the configuration among them.
type configured struct {
	models
	cfg *EngineConfig
}

func (c configured) Load(name string) (*model.Model, error) {
	if m := c.cfg.Model; m != nil && m.Name() == name {
		return m, nil
	}
	return c.models.Load(name)
}

// keepStates writes the states of a partition to a file aside.
func (w *worker) keepStates(part string, next int64, states map[string][]byte) (string, error) {
	c := state.Checkpoint{Heads: []state.Head{{Part: part, Next: next}}, Extra: w.appendExtra(nil)}
	for _, series := range slices.Sorted(maps.Keys(states)) {
		c.Entries = append(c.Entries, state.Entry{Part: part, Series: series, State: states[series]})
	}
	return state.Keep(w.cfg.StateDir, c)
}

// oldEngine returns an engine for series with other channels, which takes no samples.
func (w *worker) oldEngine(channels []string) (*Engine, error) {
	cfg := w.eng.cfg
	if cfg.Channels = channels; channels == nil {
		cfg.Channels = w.eng.cfg.Channels // nothing is computed
	}
	cfg.Noise, cfg.Tap, cfg.Placed, cfg.Judged = nil, nil, nil, nil
	// What a state names serves it. One that names nothing had no model.
	cfg.Model, cfg.AtRate = nil, func(hz float64) (*model.Model, monitor.Rate) {
		_, alarms := w.eng.cfg.at(hz)
		return nil, alarms
	}
	e, err := NewEngine(cfg, w)
	if err == nil {
		e.standIn = func(hz float64) *model.Model {
			m, _ := w.eng.cfg.at(hz)
			return m
		}
	}
	return e, err
}

// conclude gives out what waits of a lane, and forgets it.
func (e *Engine) conclude(l *lane, newest int64) error {
	e.lanes[l.series] = l
	l.later = nil // of lives that it will not have
	if newest == noMark {
		newest = l.win.Newest()
	}
	return e.end(l, newest, "other channels are configured", "other channels are configured: the monitor learns anew")
}

// skip takes over what a series has used of keys, and the fates of its samples, where
// it can't be restored: what waits of it is not given out.
func (e *Engine) skip(part, series string, src []byte) error {
	mark, r, err := toWindow(src)
	if err != nil {
		return fmt.Errorf("the saved state of series %q: %w", series, err)
	}
	cfg := e.cfg.Window
	if cfg.Channels, err = channelsOf(src); err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		return fmt.Errorf("the saved state of series %q: %w", series, err)
	}
	win := window.NewSeries(cfg)
	if _, err := win.RestoreState(series, r.Rest()); err != nil {
		return fmt.Errorf("the saved state of series %q: %w", series, err)
	}
	f := win.Fates()
	f[window.NotMine] += f[window.Pending]
	f[window.Pending] = 0
	p := e.partition(part)
	e.spare.Add(&f)
	p.spare.Add(&f)
	if f.In() > f[window.Quarantined] {
		slot := time.Duration(0) // a slot may lie after its sample
		if hz := win.RateHz(); hz > 0 {
			slot = time.Duration(1e9 / hz)
		}
		p.left.till = max(p.left.till, mark, win.Newest()+int64(slot))
	}
	p.left.epoch = max(p.left.epoch, win.Epoch()+1)
	return nil
}

// succeedAll takes over what an engine that concluded the series of a partition knows
// of them. lost says that their samples are counted among those of series that are gone.
func (e *Engine) succeedAll(part string, old *Engine, lost bool) {
	from, to := old.partition(part), e.partition(part)
	to.left.till = max(to.left.till, from.left.till)
	to.left.epoch = max(to.left.epoch, from.left.epoch)
	to.spare.Add(&from.spare)
	e.spare.Add(&from.spare)
	e.muted += old.muted
	if lost {
		for i, n := range from.spare {
			e.gone[i] -= n
		}
	}
}
