package adapt

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/model"
)

// pending is a switch that was asked for and not heard of yet.
type pending struct {
	Model     *model.Model
	Kind, Why string
	Rebase    bool
}

const (
	magic = "QUELLAD1"
	// settleSlots is the number of slots after a restart in which a switch that was
	// made durable before it takes effect. What the engine serves after that is
	// what there is.
	settleSlots = 1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// path returns the file of a group, "" for the one of the stream.
func (a *Adapter) path(series string) string {
	if series == "" {
		return filepath.Join(a.cfg.Dir, "stream.adapt")
	}
	return a.file("series-", series, ".adapt")
}

// file returns the file of what has a name that somebody else chose.
func (a *Adapter) file(kind, name, end string) string {
	escaped := url.PathEscape(name)
	if len(kind)+len(escaped) > 200 { // longer than a file's name may be, with room for what is set aside
		sum := sha256.Sum256([]byte(name))
		escaped = hex.EncodeToString(sum[:])
	}
	return filepath.Join(a.cfg.Dir, kind+escaped+end)
}

func (a *Adapter) modelPath(name string) string { return a.file("model-", name, ".quell") }

// keepApart writes the model that series begin with to a file of its own, once: most
// states name it, and it is larger than what else they hold. It returns its name, or
// "" where it can't be written; states hold it then as any other. The caller holds
// files.
func (a *Adapter) keepApart() string {
	m := a.cfg.Model
	if m == nil {
		return ""
	}
	if !a.apart {
		path := a.modelPath(m.Name())
		if had, err := model.Open(path); err != nil || had.Sum() != m.Sum() {
			if err := m.Save(path); err != nil {
				a.cfg.Log.Warn("states of adaptation hold the model that series begin with, each for itself", "error", err)
				return ""
			}
		}
		a.apart = true
	}
	return m.Name()
}

// beside returns a model that a state names: the one that series begin with, or one
// that they did begin with when the state was written. The caller holds mu, or is alone.
func (a *Adapter) beside(name string) (*model.Model, error) {
	if m := a.cfg.Model; m != nil && m.Called(name) {
		return m, nil
	}
	if m := a.opened[name]; m != nil {
		return m, nil
	}
	if a.cfg.Dir == "" {
		return nil, fmt.Errorf("model %s is not there", name)
	}
	m, err := model.Open(a.modelPath(name))
	if err != nil {
		return nil, err
	}
	if !m.Called(name) {
		return nil, fmt.Errorf("the file of model %s holds %s", name, m.Name())
	}
	a.opened[name] = m
	return m, nil
}

// save writes the state of a group. What can't be written is said in the log: the
// file of before stays.
func (a *Adapter) save(g *group) {
	if a.cfg.Dir == "" {
		return
	}
	a.files.Lock()
	defer a.files.Unlock()
	beside := a.keepApart()
	a.mu.Lock()
	gone := g.gone
	s := a.snapshot(g)
	s.beside = beside
	g.kept, g.saving, g.saved = 0, false, true
	a.mu.Unlock()
	if gone {
		return
	}
	if err := write(a.path(g.name), s); err != nil {
		a.cfg.Log.Error("the state of adaptation can't be written", "series", g.name, "error", err)
	}
}

// saveAll writes the state of all groups when nothing else runs any more. Side by
// side, since most of the time goes into waiting for the disk.
func (a *Adapter) saveAll() {
	if a.cfg.Dir == "" {
		return
	}
	a.files.Lock()
	defer a.files.Unlock()
	beside := a.keepApart()
	a.mu.Lock()
	all := a.groups()
	a.mu.Unlock()
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for _, g := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			a.mu.Lock()
			s := a.snapshot(g)
			s.beside = beside
			a.mu.Unlock()
			if err := write(a.path(g.name), s); err != nil {
				a.cfg.Log.Error("the state of adaptation can't be written", "series", g.name, "error", err)
			}
		})
	}
	wg.Wait()
}

func write(path string, s *snapshot) error {
	payload, err := s.encode()
	if err != nil {
		return fmt.Errorf("adapt: %w", err)
	}
	b := binary.LittleEndian.AppendUint32([]byte(magic), crc32.Checksum(payload, castagnoli))
	if err := atomicfile.WriteFile(path, append(b, payload...), 0o600); err != nil {
		return fmt.Errorf("adapt: %w", err)
	}
	return nil
}

// forget removes the file of a group that has another owner. The caller holds mu.
func (a *Adapter) forget(g *group) {
	if a.cfg.Dir == "" {
		return
	}
	a.leaving[g.name] = true
	a.pushQuick(func() { a.removeState(g.name) })
}

// removeState removes the file of a group that was forgotten, unless that was done. The
// series is leaving until its file is gone, so that one that returns does not read it.
func (a *Adapter) removeState(name string) {
	a.files.Lock()
	defer a.files.Unlock()
	a.mu.Lock()
	t := a.tracks[name]
	again := !a.leaving[name] || t != nil && t.group.saved // the file is what it became
	if again {
		delete(a.leaving, name)
	}
	a.mu.Unlock()
	if again {
		return
	}
	if err := os.Remove(a.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.cfg.Log.Warn("the state of a series that is gone stays", "series", name, "error", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.leaving, name)
}

// load returns a series as it was saved, nil where there is nothing. A file that
// can't be used is set aside. The caller holds mu, or is alone.
func (a *Adapter) load(series string) *track {
	for _, t := range a.loadGroup(series) {
		if t.name == series {
			return t
		}
	}
	return nil
}

func (a *Adapter) loadGroup(name string) []*track {
	if a.cfg.Dir == "" {
		return nil
	}
	path := a.path(name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var g *group
	var tracks []*track
	if err == nil {
		g, tracks, err = a.read(name, b)
	}
	if err != nil {
		aside, aerr := atomicfile.SetAside(path)
		a.cfg.Log.Error("the state of adaptation can't be used and was set aside: replay buffer, bank and what was being trained begin anew; the model that serves is kept",
			"series", name, "file", aside, "error", errors.Join(err, aerr))
		return nil
	}
	for _, t := range tracks {
		t.ahead, t.settled = t.index, t.seen+settleSlots
		if t.serving != nil {
			t.was = t.serving.Name()
		}
	}
	a.resume(g)
	return tracks
}

func (a *Adapter) read(name string, b []byte) (*group, []*track, error) {
	if len(b) < len(magic)+4 || string(b[:len(magic)]) != magic {
		return nil, nil, errors.New("it is no state of adaptation of this version")
	}
	payload := b[len(magic)+4:]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[len(magic):]) {
		return nil, nil, errors.New("the checksum does not match")
	}
	return a.decode(name, payload)
}

// resume goes on with what was under way: a challenger that was being trained is
// trained anew, to the same bytes, and comparisons are made again.
func (a *Adapter) resume(g *group) {
	if a.cfg.Shared {
		a.shared = g
	}
	if j := g.job; j != nil {
		j.ctx, j.cancel = context.WithCancel(a.ctx)
		a.push(func() { a.tune(j) })
	}
	if p := g.trial; p != nil && len(p.held) > 0 {
		p.queued = true
		a.push(func() { a.compare(p) })
	}
}

// switches notes that the engine is asked for a switch: what there was to clear up
// after a restart does not matter any more. The caller holds mu.
func (t *track) switches(to *pending) {
	t.previous, t.serving, t.pending = t.serving, to.Model, to
	t.was, t.reported = "", nil
}

// sawBefore says that a restart took the series back behind what the adapter had
// seen of it, as a kill does.
func (t *track) sawBefore(epoch int, index int64) bool {
	if epoch != t.epoch || index >= t.ahead || index == 0 || t.skipped > 0 && index != t.skipped {
		t.ahead = 0 // it is not, or it began anew
		return false
	}
	t.skipped = index + 1
	return true
}

// serves hears from the engine what serves a series, which after a restart may be
// behind what was decided. The caller holds mu.
func (a *Adapter) serves(t *track, m *model.Model) {
	if t.pending != nil && m != nil && m.Name() == t.pending.Model.Name() {
		t.pending = nil
	}
	if t.was == "" {
		if t.pending == nil { // else it is what was decided before that
			t.serving = m
		}
		return
	}
	t.reported = m
	if m != nil && m.Name() == t.was {
		t.serving, t.was, t.reported = m, "", nil
	}
}

// reconcile is called while it is not clear yet whether the engine serves what the
// state says. A switch that was never made is asked for again; else what serves
// counts, and what was begun for another model ends. The caller holds mu.
func (a *Adapter) reconcile(t *track) {
	if t.seen < t.settled {
		return
	}
	t.was = ""
	if p := t.pending; p != nil && a.leads() {
		a.pushQuick(func() { a.ask([]*track{t}, p) })
		return
	}
	t.pending = nil // catchUp asks for what another process has decided
	if t.reported == nil {
		return
	}
	t.serving, t.previous, t.reported = t.reported, nil, nil
	t.drift.done, t.drift.learnt, t.after = false, false, drift{}
	g := t.group
	if g.job != nil && g.job.track == t && g.job.champion.Name() != t.serving.Name() {
		g.dropJob()
	}
	if g.trial != nil && g.trial.series[t.name] && g.trial.model.Name() != t.serving.Name() {
		g.trial = nil
	}
}
