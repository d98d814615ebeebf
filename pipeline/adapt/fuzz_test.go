package adapt

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzState: no file of a series has the adapter fail or fill the memory, whatever it
// holds behind a checksum that is right.
func FuzzState(f *testing.F) {
	cfg := quick(identity(f))
	cfg.Dir, cfg.ReplayBytes = f.TempDir(), 64<<10
	s := newSensor(open(f, cfg), "pump/1", 1)
	s.feed(2000, slow, "normal")
	s.a.Opened(s.series, s.index-1, "regime")
	s.feed(200, pulses, "regime")
	if err := s.a.Close(); err != nil {
		f.Fatal(err)
	}
	saved, err := filepath.Glob(filepath.Join(cfg.Dir, "series-*"))
	if err != nil || len(saved) != 1 {
		f.Fatal(saved, err)
	}
	b, err := os.ReadFile(saved[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[len(magic)+4:])
	cfg.Dir = ""
	a := open(f, cfg)
	f.Cleanup(func() {
		if err := a.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, payload []byte) {
		file := binary.LittleEndian.AppendUint32([]byte(magic), crc32.Checksum(payload, castagnoli))
		fuzztest.Bounded(t, len(payload), 4000, 16<<20, func() {
			g, tracks, err := a.read("pump/1", slices.Concat(file, payload))
			if err == nil && (g == nil || slices.Contains(tracks, nil)) {
				t.Error("nothing was read, and that without an error")
			}
		})
	})
}
