package state

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/quell-stream/quell/internal/fsys"
)

// Read returns what Open would go on from, and changes nothing: nil where there is no
// checkpoint, or none that can be read. It may be called while a process writes there.
func Read(dir string) (*Snapshot, error) {
	s := &Stream{dir: dir, fs: fsys.OS{}, log: slog.New(slog.DiscardHandler)}
	gens, err := s.generations()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := len(gens) - 1; i >= 0; i-- {
		snap, err := s.read(gens[i])
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, fs.ErrNotExist) { // removed meanwhile: there are newer ones
			return snap, err
		}
	}
	return nil, nil
}

func (s *Stream) read(gen uint64) (*Snapshot, error) {
	raw, err := fsys.ReadFile(s.fs, s.fullPath(gen))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	snap := &Snapshot{Heads: map[string]int64{}, Series: map[string]map[string][]byte{}}
	if err := snap.applyFull(raw); err != nil {
		return nil, err
	}
	left, err := fsys.ReadFile(s.fs, s.deltaPath(gen))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("state: %w", err)
	}
	for len(left) > 0 {
		payloads, rest, ok := transaction(left)
		if !ok {
			break
		}
		for _, payload := range payloads {
			if err := snap.apply(payload); err != nil {
				return nil, err
			}
		}
		left = rest
	}
	return snap, nil
}
