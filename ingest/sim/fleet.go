package sim

import "math"

// Fleet returns the default set: eight sensors of all six families at 100 Hz, with white noise of 5 to 12 dB, occasional spikes and gaps, the
// resolution of a fair converter, and coloured noise on one of them. Names,
// families and rates are always the same; signals and noise follow the seed.
func Fleet(seed uint64) []*Sensor {
	h := newHash(seed, streamFleet)
	var out []*Sensor
	for i, m := range [...]struct {
		name   string
		family Family
		rate   int
		step   float64
		noise  Noise
	}{
		{"motor-1", Motor, 100, 0.001, Noise{}},
		{"motor-2", Motor, 100, 0.005, Noise{Spikes: 0.002}},
		{"pump-1", Pump, 100, 0.01, Noise{Drops: 0.0005}},
		{"pump-2", Pump, 100, 0.01, Noise{Coloured: 0.5, Rho: 0.6}},
		{"tank-1", Tank, 100, 0.05, Noise{Spikes: 0.001}},
		{"ecg-1", ECG, 100, 0.005, Noise{}},
		{"flow-1", Flow, 100, 0.1, Noise{Spikes: 0.001, Drops: 0.0005}},
		{"power-1", Power, 100, 0.01, Noise{Drops: 0.0005}},
	} {
		m.noise.SNRdB = math.Round(10*(5+7*h.uniform(streamFleet, int64(i)))) / 10
		m.noise.Step = m.step
		s, err := New(Spec{Name: m.name, Family: m.family, RateHz: m.rate, Seed: uint64(newHash(seed, uint64(i))), Noise: m.noise})
		if err != nil {
			panic("sim: fleet: " + err.Error()) // a mistake in the table above
		}
		out = append(out, s)
	}
	return out
}
