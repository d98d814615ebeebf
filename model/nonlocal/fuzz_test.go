package nonlocal

import (
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzState: no state of a memory has it fail, whatever it holds.
func FuzzState(f *testing.F) {
	m := New(300, 8)
	f.Add(m.AppendState(nil))
	for i := range 700 {
		m.Read(float64(i % 40))
		m.Match(1, .1)
		if i >= m.ahead {
			m.Learn(float64(i%40), 1)
		}
	}
	f.Add(m.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		m, ok := fuzztest.Restore(t, state, func() *Memory { return New(300, 8) })
		if !ok {
			return
		}
		for i := range 30 {
			for m.Pending() <= m.Ahead() {
				m.Read(float64(i))
			}
			m.Match(1, .1)
			m.Learn(1, 1)
		}
	})
}
