package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/internal/atomicfile"
)

const (
	// ancestors is how many predecessors of a model in use are kept: with it three
	// versions.
	ancestors = 2
	// remembered is for how many switches of a stream what it used before counts as
	// used. A checkpoint on the disk may be older than what runs.
	remembered = 3
)

// await has nothing removed before so many more streams have said what they need,
// unless nothing is removed anyway.
func (b *Bank) await(streams int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams > 0 {
		b.streams += streams
	}
}

// Refer says which of the models that the bank has files of a stream may still
// need, and removes those that no stream needs any more, nor any model in use
// descends from closely. Nothing is removed before each of the bank's streams has
// said so, and never where streams is 0.
func (b *Bank) Refer(stream string, needs func(name string) bool) error {
	files, err := filepath.Glob(filepath.Join(b.dir, "*.quell"))
	if err != nil {
		return fmt.Errorf("model bank: %w", err)
	}
	used := map[string]bool{}
	for _, f := range files {
		if name := nameOf(f); needs(name) {
			used[name] = true
		}
	}
	b.mu.Lock()
	sets := append(b.used[stream], used)
	b.used[stream] = sets[max(0, len(sets)-remembered):]
	keep := map[string]bool{}
	for _, sets := range b.used {
		for _, set := range sets {
			for name := range set {
				keep[name] = true
			}
		}
	}
	all := b.streams > 0 && len(b.used) >= b.streams
	b.mu.Unlock()
	if !all {
		return nil
	}
	return b.prune(files, keep)
}

func nameOf(file string) string { return strings.TrimSuffix(filepath.Base(file), ".quell") }

func (b *Bank) prune(files []string, keep map[string]bool) error {
	var names []string
	for name := range keep {
		names = append(names, name)
	}
	for _, name := range names {
		for range ancestors {
			m, err := b.Load(name)
			if err != nil {
				return fmt.Errorf("model bank: nothing was removed: %w", err)
			}
			if name = m.Header().Provenance.Parent; name == "" {
				break
			}
			if _, err := os.Stat(b.path(name)); err != nil {
				break // as of a base model
			}
			keep[name] = true
		}
	}
	var errs []error
	for _, f := range files {
		if !keep[nameOf(f)] {
			if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("model bank: %w", err))
			}
		}
	}
	return errors.Join(append(errs, atomicfile.SyncDir(b.dir))...)
}

// strangers says that below a state directory there are streams that are not
// among those named: their checkpoints may need any model.
func strangers(dir string, streams []StreamConfig) bool {
	known := map[string]bool{}
	for _, s := range streams {
		known[s.Engine.Stream] = true
	}
	es, err := os.ReadDir(filepath.Join(dir, "streams"))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	for _, e := range es {
		if !known[e.Name()] {
			return true
		}
	}
	return false
}

// needs says whether what a worker runs or keeps may need a model.
func (w *worker) needs(name string) bool {
	for _, l := range w.eng.lanes {
		if l.modelName() == name {
			return true
		}
		if l.past != nil && slices.ContainsFunc(l.past.models, func(s servedBy) bool { return s.m != nil && s.m.Name() == name }) {
			return true
		}
		for i := range l.switches {
			if l.switches[i].Model.Name() == name {
				return true
			}
		}
	}
	// States of partitions that are not owned hold names as they are.
	for _, states := range w.snap.Series {
		for _, s := range states {
			if bytes.Contains(s, []byte(name)) {
				return true
			}
		}
	}
	for _, s := range w.snap.Switches {
		if bytes.Contains(s.Data, []byte(name)) {
			return true
		}
	}
	return false
}

// refer tells the bank which models are needed. What can't be removed costs room
// and nothing else.
func (w *worker) refer() {
	if err := w.bank.Refer(w.name, w.needs); err != nil {
		w.log.Warn("old models stay in the bank", "err", err)
	}
}
