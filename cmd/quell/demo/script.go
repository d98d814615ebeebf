package demo

import (
	"math/rand/v2"

	"github.com/quell-stream/quell/ingest/sim"
)

// injection is a change that the demo makes to one of its sensors.
type injection struct {
	sensor int
	kind   sim.Kind
	at     int64 // index of the first sample affected
}

// candidates are the sensors that a kind of change may be injected into: those
// that a minute of live data and a short history are enough to tell it on. A
// tank that moves between set points once in a while takes longer, and the noise of
// pump-2 is coloured, on which nothing is fine-tuned.
var candidates = map[sim.Kind][]string{
	sim.NoiseLevel: {"motor-1", "motor-2", "pump-1", "ecg-1"},
	sim.Regime:     {"pump-1", "pump-2", "ecg-1", "motor-1"},
	sim.Stuck:      {"motor-1", "motor-2", "pump-1", "pump-2", "tank-1", "ecg-1", "flow-1", "power-1"},
}

// factor is the size of each kind of change: a process doubles its speed and its
// stroke.
var factor = map[sim.Kind]float64{sim.NoiseLevel: 1, sim.Regime: 2, sim.Stuck: 1}

// after says when each kind is injected, in seconds of live data. Fine-tunes run one at a
// time, and each waits for ten seconds of the new data: the noise changes first, so that
// the challenger that has most to gain is trained, judged and serves within the minute.
var after = []struct {
	kind     sim.Kind
	from, to float64
}{
	{sim.NoiseLevel, 1, 3},
	{sim.Regime, 5, 8},
	{sim.Stuck, 8, 18},
}

// script draws the injections of a run: one of each kind, on different sensors.
func script(fleet []*sim.Sensor, seed uint64) []injection {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	used := map[int]bool{}
	var out []injection
	for _, a := range after {
		var free []int
		for i, s := range fleet {
			for _, name := range candidates[a.kind] {
				if s.Spec().Name == name && !used[i] {
					free = append(free, i)
				}
			}
		}
		i := free[rng.IntN(len(free))]
		used[i] = true
		second := float64(historySeconds) + a.from + (a.to-a.from)*rng.Float64()
		out = append(out, injection{i, a.kind, int64(second * float64(fleet[i].Spec().RateHz))})
	}
	return out
}
