package window

import (
	"testing"
	"time"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// named is a series as fuzztest wants it.
type named struct{ *Series }

func (n named) RestoreState(src []byte) ([]byte, error) { return n.Series.RestoreState("a", src) }

// FuzzSeriesState: no state of a series has it fail, whatever it holds.
func FuzzSeriesState(f *testing.F) {
	cfg := Config{Channels: 2, Lateness: 300 * time.Millisecond, Hold: time.Second, MaxPending: 32}.Defaults()
	feed := func(s *Series, from, n int) {
		for i := range n {
			v := at(float64(from)+float64(i)*.1, float64(i))
			v.Channel = i % 2
			s.Push(v, 0, &recorder{})
		}
	}
	for _, n := range []int{0, 20, 31, 200} {
		s := NewSeries(cfg)
		feed(s, 1000, n)
		f.Add(s.AppendState(nil))
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		fuzztest.Bounded(t, len(state), 100, 4<<20, func() {
			s, ok := fuzztest.Restore(t, state, func() named { return named{NewSeries(cfg)} })
			if !ok {
				return
			}
			feed(s.Series, 1001, 10)
			feed(s.Series, 2000, 10)
			s.Finish(&recorder{})
		})
	})
}

// FuzzScalerState: as FuzzSeriesState; nor does what was restored give a scale that is
// no number.
func FuzzScalerState(f *testing.F) {
	var s Scaler
	f.Add(s.AppendState(nil))
	for i := range 700 {
		s.Push(float64(i%11), i%9 != 0)
	}
	f.Add(s.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		s, ok := fuzztest.Restore(t, state, func() *Scaler { return new(Scaler) })
		if !ok {
			return
		}
		for i := range 600 {
			s.Push(float64(i%11), true)
		}
	})
}
