package monitor

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzParseRate: a rate that is taken is one that charts can be set up for.
func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"1/month", "2/week", "1/1e6", "0/day", "1e-300/1e300", "NaN/day", "1/0"} {
		f.Add(s, 1.0)
	}
	f.Fuzz(func(t *testing.T, s string, hz float64) {
		r, err := ParseRate(s, hz)
		if err == nil && !(r > 0 && r <= LargestRate) {
			t.Errorf("%q at %g Hz is a rate of %g", s, hz, r)
		}
	})
}

// FuzzMonitorState: no state of a monitor has it fail, whatever it holds.
func FuzzMonitorState(f *testing.F) {
	cfg := ShortHistory(1, 1e-6)
	ex, s := NewExtractor(cfg.defaults().Hop), newSensor("sine", 3)
	var obs []Observation
	m := New(cfg)
	f.Add(m.AppendState(nil))
	for i := range 6000 {
		x, missing := s.next()
		if feature, ok := ex.Push(x, missing); ok {
			obs = append(obs, Observation{Index: int64(i), Score: math.Sin(float64(i)), Features: []Features{feature}})
			m.Update(obs[len(obs)-1])
			if n := len(obs); n == 60 || n == 700 {
				f.Add(m.AppendState(nil))
			}
		}
	}
	f.Add(m.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		m, ok := fuzztest.Restore(t, state, func() *Monitor { return New(cfg) })
		if !ok {
			return
		}
		for i := range 40 {
			m.Update(obs[i])
		}
		m.Gap()
		m.Rebase()
		m.Update(obs[0])
	})
}

// FuzzDetectorState: as FuzzMonitorState.
func FuzzDetectorState(f *testing.F) {
	fresh := func() *Detector { return NewDetector(1e-4, 300, 3) }
	d := fresh()
	f.Add(d.AppendState(nil))
	for i := range 800 {
		d.Update(float64(i%13) / 7)
		if i == 100 || i == 799 {
			f.Add(d.AppendState(nil))
		}
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		fuzztest.Bounded(t, len(state), 1000, 16<<20, func() {
			d, ok := fuzztest.Restore(t, state, fresh)
			if !ok {
				return
			}
			for i := range 40 {
				d.Update(float64(i % 5))
			}
			d.Vars(func(string, float64) {})
		})
	})
}

// FuzzJumpsState: as FuzzMonitorState.
func FuzzJumpsState(f *testing.F) {
	cfg := Config{Channels: 2}
	e := NewJumps(cfg)
	f.Add(e.AppendState(nil))
	watchJumps(f, e, 0, 700)
	f.Add(e.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		if e, ok := fuzztest.Restore(t, state, func() *Jumps { return NewJumps(cfg) }); ok {
			watchJumps(t, e, 0, 30)
			e.Gap()
			e.Forget()
		}
	})
}

// FuzzExtractorState: as FuzzMonitorState.
func FuzzExtractorState(f *testing.F) {
	e := NewExtractor(8)
	f.Add(e.AppendState(nil))
	e.SetRails(-5, 5)
	for i := range 500 {
		e.Push(float64(i%12)-6, i%7 == 0)
	}
	f.Add(e.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		if e, ok := fuzztest.Restore(t, state, func() *Extractor { return NewExtractor(8) }); ok {
			for i := range 60 {
				e.Push(float64(i%12)-6, i%7 == 0)
			}
		}
	})
}

// FuzzSentinelState: as FuzzMonitorState; the network that a state describes takes no
// more memory than the state has weights for.
func FuzzSentinelState(f *testing.F) {
	s := testSentinel(f, 1, 16, 8)
	f.Add(s.AppendState(nil))
	raw, missing := slots(2, 1, 60)
	for i := range raw {
		s.Push(raw[i], missing[i])
	}
	f.Add(s.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		fuzztest.Bounded(t, len(state), 2000, 4<<20, func() {
			s, ok := fuzztest.Restore(t, state, func() *Sentinel { return new(Sentinel) })
			if !ok || s.Channels() != 1 {
				return
			}
			for i := range raw {
				s.Push(raw[i], missing[i])
			}
		})
	})
}
