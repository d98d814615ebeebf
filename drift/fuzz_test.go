package drift

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzState: no state of a detector has it fail or fill the memory, whatever it holds.
func FuzzState(f *testing.F) {
	names := Names()
	for i, name := range names {
		for _, n := range []int{0, 300} {
			d := build(f, name, nil)
			for k := range n {
				d.Update(float64(k & 1))
			}
			f.Add(uint8(i), d.AppendState(nil))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, state []byte) {
		name := names[int(which)%len(names)]
		fuzztest.Bounded(t, len(state), 1000, 64<<20, func() {
			d, ok := fuzztest.Restore(t, state, func() Detector { return build(t, name, nil) })
			if !ok {
				return
			}
			for _, x := range []float64{0, 1, math.NaN(), 1e9, -3, 1} {
				d.Update(x)
			}
			d.Vars(func(string, float64) {})
			d.Reset()
			d.Update(1)
		})
	})
}
