package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// anything is what devices may send: several series whose channels come together or
// apart, late, twice, in conflict, with pauses, at changing rates, and by clocks that
// jump.
func anything(rng *rand.Rand, n int) []ingest.Sample {
	type device struct {
		at, every int64
		apart     bool
		value     float64
	}
	devices := make([]device, 3)
	for i := range devices {
		devices[i] = device{at: 1e18 + int64(rng.IntN(1e9)), every: 1e7 * int64(1+rng.IntN(3)), apart: rng.IntN(2) == 0}
	}
	var in, back []ingest.Sample
	for len(in) < n {
		k := rng.IntN(len(devices))
		d := &devices[k]
		switch rng.IntN(400) {
		case 0: // a long pause
			d.at += rng.Int64N(3e9)
		case 1: // another rate
			d.every = 1e7 * int64(1+rng.IntN(8))
		case 2: // a clock that is set back
			d.at -= int64(rng.IntN(5e8))
		}
		d.at += d.every
		d.value += rng.NormFloat64()
		for ch := range 2 {
			s := ingest.Sample{Series: fmt.Sprint("s", k), Channel: ch, Time: d.at, Value: d.value + 0.3*rng.NormFloat64()}
			if d.apart {
				s.Time += int64(ch) * d.every / 3
			}
			switch rng.IntN(60) {
			case 0, 1, 2:
				back = append(back, s)
				continue
			case 3:
				continue
			case 4:
				s.Missing, s.Value = ingest.Missing(1+rng.IntN(4)), 0
			case 5:
				in = append(in, s)
			case 6:
				other := s
				other.Value++
				in = append(in, other)
			}
			in = append(in, s)
		}
		if len(back) > 0 && rng.IntN(6) == 0 {
			at := rng.IntN(len(back))
			in, back = append(in, back[at]), slices.Delete(back, at, at+1)
		}
	}
	return in
}

// TestAnything sends whatever there is, with everything switched on: the samples add
// up, revisions count up, and neither how Run is called nor restores in between nor
// provisional records change a byte.
func TestAnything(t *testing.T) {
	m, other := testModel(t, 1), testModel(t, 2)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*model.Model{m, other} {
		if err := bank.Save(m); err != nil {
			t.Fatal(err)
		}
	}
	const seeds = 3 // the first 60 were tried once
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 77))
		in := anything(rng, 4000)
		cfg := EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Guard: true, Watch: true, FitSentinel: untrained, SentinelSlots: 256,
			StateTTL: 2 * time.Second, MaxSeries: 2 + rng.IntN(2), AtRate: func(hz float64) (*model.Model, monitor.Rate) {
				if hz < 45 {
					return m, monitor.DefaultRate
				}
				return other, monitor.DefaultRate
			},
			Window: window.Config{Lateness: 30 * time.Millisecond, MaxGap: 300 * time.Millisecond, AllowedLateness: 700 * time.Millisecond,
				Hold: time.Duration(rng.IntN(3)) * 40 * time.Millisecond, BackwardAfter: 12}}
		if rng.IntN(2) == 0 {
			cfg.Window.RateHz = 50
		}
		var want map[string][]string
		var fates window.Fates
		for _, every := range []int{1, 50} { // samples between two runs, and between two restores
			out := &lines{}
			e := started(t, cfg, out)
			for i := range in {
				e.Tick(int64(i))
				if err := e.Push("p", in[i:i+1], 0); err != nil {
					t.Fatal(err)
				}
				if i%every != 0 {
					continue
				}
				e.Run()
				if every > 1 && i%(7*every) == 0 {
					if _, err := e.FlushIdle(10, 5); err != nil {
						t.Fatal(err)
					}
					e = again(t, e, cfg, out, bank)
				}
				if f := e.Fates(); f.In() != int64(i+1) {
					t.Fatalf("seed %d: after %d samples the fates %v add up to %d", seed, i+1, f, f.In())
				}
			}
			e.Finish()
			got := map[string][]string{}
			for _, line := range out.records {
				r, err := sink.ParseRecord([]byte(line))
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range r.Values {
					if math.IsInf(v.Raw+v.Clean+v.Lo+v.Hi, 0) || v.Lo > v.Hi {
						t.Fatalf("seed %d: %s", seed, line)
					}
				}
				if r.Rev >= 0 {
					got[r.Series] = append(got[r.Series], line)
				}
			}
			if want == nil {
				want, fates = got, e.Fates()
				continue
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d: %.3000s", seed, d)
			}
			if f := e.Fates(); f != fates || f[window.Pending] != 0 {
				t.Errorf("seed %d: fates %v, want %v", seed, f, fates)
			}
		}
	}
}

func started(t *testing.T, cfg EngineConfig, out Out) *Engine {
	t.Helper()
	e, err := NewEngine(cfg, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// again returns an engine that goes on from what another one would save.
func again(t *testing.T, e *Engine, cfg EngineConfig, out Out, bank *Bank) *Engine {
	t.Helper()
	w := &worker{name: "s", eng: e, snap: &state.Snapshot{}}
	extra := w.appendExtra(nil)
	next := started(t, cfg, out)
	w.eng = next
	if err := w.restoreExtra(extra); err != nil {
		t.Fatal(err)
	}
	next.Tick(e.now)
	var lanes []*lane
	for name, l := range e.lanes {
		r, err := restoreLane(next, "p", name, l.appendState(nil), bank)
		if err != nil {
			t.Fatal(err)
		}
		lanes = append(lanes, r)
	}
	next.adopt("p", lanes)
	return next
}
