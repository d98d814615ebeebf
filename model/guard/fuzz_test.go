package guard

import (
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzState: no state of a guard has it fail, whatever it holds.
func FuzzState(f *testing.F) {
	p := newPanel(f, 8)
	f.Add(New(p, 1).AppendState(nil))
	for _, n := range []int{900, 2500} {
		g := New(p, 1)
		c := player{clean: slow, sigma: 1, told: 1, off: .6, claimed: .4}
		c.play(g, n, 1)
		f.Add(g.AppendState(nil))
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		g, ok := fuzztest.Restore(t, state, func() *Guard { return New(p, 1) })
		if !ok {
			return
		}
		choices := make([]Choice, 1)
		for i := range 12 {
			for g.Ahead() > 0 {
				g.Read([]float64{float64(i % 5)})
			}
			g.Estimate(choices, []Value{{Net: 1, Spread: .1, Sigma: 1}})
		}
	})
}

// FuzzColour: as FuzzState.
func FuzzColour(f *testing.F) {
	c := NewColour()
	f.Add(c.AppendState(nil))
	for i := range int64(4000) {
		c.Push(i, float64(i%9), i%50 != 0)
	}
	f.Add(c.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		if c, ok := fuzztest.Restore(t, state, NewColour); ok {
			for i := range int64(1100) {
				c.Push(i, float64(i%9), true)
			}
		}
	})
}
