package pipeline

import (
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/window"
)

// Made is what a checkpoint was made with.
type Made struct {
	Series   int      // that it has a state of
	Channels []string // of the states; nil: it is of an earlier version, which did not note them
	Count    int      // number of channels
}

// ReadMade returns what the newest checkpoint in a folder was made with, without any series
// where there is none. Nothing is changed, and a process may write there.
func ReadMade(dir string) (Made, error) {
	snap, err := state.Read(dir)
	if err != nil || snap == nil {
		return Made{}, err
	}
	var m Made
	for _, states := range snap.Series {
		m.Series += len(states)
		for _, s := range states {
			if m.Count == 0 {
				if m.Count, err = channelsOf(s); err != nil {
					return Made{}, fmt.Errorf("%s: %w", dir, err)
				}
			}
		}
	}
	m.Channels = namesIn(snap.Extra)
	return m, nil
}

// namesIn returns the channels that the stream's own state names, see worker.appendExtra;
// nil where it doesn't.
func namesIn(extra []byte) []string {
	r := wire.NewReader(extra)
	for range window.NumFates {
		r.I64()
	}
	r.Bytes() // kernels
	for range r.Len(32) {
		r.Bytes() // partition
		r.I64()
		r.I64()
		r.I64()
	}
	for range r.Len(16) {
		r.Bytes() // partition
		r.Bytes()
	}
	names := readNames(r)
	if r.Err() != nil {
		return nil
	}
	return names
}
