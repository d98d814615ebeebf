package replay

import (
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzState: a buffer takes no state that it could not have written, and goes on with
// those it takes.
func FuzzState(f *testing.F) {
	cfg := Config{Steps: 2, Channels: 1, Bytes: 40 * windowBytes(2, 1)}
	fresh := func(t testing.TB) *Buffer {
		b, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	fill := func(b *Buffer, n int) {
		for i := range n {
			b.SetRegime("a", i/30)
			b.AddMarked("a", int64(2*i), []float32{1, float32(i)}, []bool{false, i%3 == 0}, []Scale{{0, 1, .1}}, i%7 == 0)
		}
	}
	b := fresh(f)
	f.Add(b.AppendState(nil))
	fill(b, 100)
	f.Add(b.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		fuzztest.Bounded(t, len(state), 100, 1<<20, func() {
			b, ok := fuzztest.Restore(t, state, func() *Buffer { return fresh(t) })
			if !ok {
				return
			}
			fill(b, 5)
			if b.Bytes() > cfg.Bytes {
				t.Errorf("%d bytes are held, want at most %d", b.Bytes(), cfg.Bytes)
			}
			for _, w := range b.Sample(rand.New(rand.NewPCG(1, 2)), 4) {
				for _, v := range w.Values {
					if v-v != 0 {
						t.Fatal("a value that is no number is handed out")
					}
				}
			}
		})
	})
}
