package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/internal/fsys"
	"github.com/quell-stream/quell/model"
)

const (
	// ancestors is how many predecessors of a model in use are kept: with it three
	// versions.
	ancestors = 2
	// remembered is of how many times that what a stream uses has changed the models
	// count as used, beside those that its newest checkpoint may name: a damaged one has
	// it go back to one before.
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

// usedSet are the models that a stream referred to.
type usedSet struct {
	names map[string]bool
	call  int64 // the latest Refer that named them, counted from 1
}

// Calls returns how often a stream has called Refer.
func (b *Bank) Calls(stream string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls(stream)
}

func (b *Bank) calls(stream string) int64 {
	if sets := b.used[stream]; len(sets) > 0 {
		return sets[len(sets)-1].call
	}
	return 0
}

// note adds what a stream uses to what it has used. Of that the sets stay that a
// checkpoint taken after so many calls may name, and those of the latest changes.
func (b *Bank) note(stream string, durable int64, names map[string]bool) {
	sets, call := b.used[stream], b.calls(stream)+1
	if n := len(sets); n > 0 && maps.Equal(sets[n-1].names, names) {
		sets[n-1].call = call
	} else {
		sets = append(sets, usedSet{names, call})
	}
	for len(sets) > remembered && sets[0].call < durable {
		sets = sets[1:]
	}
	b.used[stream] = sets
}

// Refer says which of the models that the bank has files of a stream may still
// need, and removes those that no stream needs any more, nor any model in use
// descends from closely. durable is what Calls returned when the newest checkpoint that
// is on the disk was taken, 0 where there is none of this process: what the stream has
// needed since is needed. Nothing is removed before each of the bank's streams has said
// so, and never where streams is 0.
func (b *Bank) Refer(stream string, durable int64, needs func(name string) bool) error {
	b.files.Lock()
	defer b.files.Unlock()
	files, err := fsys.WithExt(b.dir, ".quell")
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
	for name := range b.held[stream] { // a checkpoint on its way may name it, even if nothing does any more
		used[nameOf(b.file(name))] = true
	}
	delete(b.held, stream)
	b.note(stream, durable, used)
	keep := map[string]bool{}
	for _, names := range b.held {
		for name := range names {
			keep[nameOf(b.file(name))] = true
		}
	}
	for _, sets := range b.used {
		for _, set := range sets {
			for name := range set.names {
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
			file := b.file(name)
			if _, err := os.Stat(file); err != nil {
				break // as of a base model
			}
			keep[nameOf(file)] = true
		}
	}
	var errs []error
	for _, f := range files {
		if !keep[nameOf(f)] {
			delete(b.intact, nameOf(f))
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

// needs returns what says whether what a worker runs or keeps may need a model.
func (w *worker) needs() func(name string) bool {
	runs := map[string]bool{}
	var latest *model.Model // of most series the same: names are put together
	for _, l := range w.eng.lanes {
		for m := range l.models {
			if m != latest {
				latest = m
				runs[m.Name()], runs[model.OldName(m.Name())] = true, true // as the file may be called
			}
		}
	}
	if m := w.eng.cfg.Model; m != nil {
		runs[m.Name()] = true // see keepConfigured
	}
	return func(name string) bool { return runs[name] || w.keeps(name) }
}

// keeps says whether what is kept of partitions that are not owned may need a model:
// their states hold names as they are.
func (w *worker) keeps(name string) bool {
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
	durable := int64(0)
	if w.com != nil {
		durable = w.com.referred.Load()
	}
	if err := w.bank.Refer(w.name, durable, w.needs()); err != nil {
		w.log.Warn("old models stay in the bank", "err", err)
	}
}
