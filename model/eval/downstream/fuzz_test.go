package downstream

import (
	"bytes"
	"slices"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzReadBeats: beats are samples, rising.
func FuzzReadBeats(f *testing.F) {
	for _, s := range []string{"sample,symbol\n3,N\n1,V\n", "a\n\"", "\x1f\x8b", "a,b\n-1,N\n", "a,b\n99999999999999999999,N\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzztest.Bounded(t, min(len(b), 1<<16), 4000, 16<<20, func() {
			beats, err := ReadBeats("x", bytes.NewReader(b))
			if err == nil && (len(beats) == 0 || beats[0] < 0 || !slices.IsSorted(beats)) {
				t.Errorf("beats %v", beats)
			}
		})
	})
}
