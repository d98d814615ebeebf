package main

import "github.com/quell-stream/quell/model/eval"

// The recordings of the studies.
var (
	ecg100  = subject{"ecg_mitdb/mitdb_100.csv.gz", "mlii_mv"}
	machine = subject{"nab/machine_temperature_system_failure.csv.gz", "value"}
	others  = ecg("103", "112", "115", "117", "122", "123", "209")

	// Arterial pressure has 7,500 samples a file, so that 4,500 are trained on.
	pressure = []subject{
		{"ucr_anomaly/135_UCR_Anomaly_InternalBleeding16_1200_4187_4199.csv.gz", "value"},
		{"ucr_anomaly/136_UCR_Anomaly_InternalBleeding17_1600_3198_3309.csv.gz", "value"},
	}
	// Slow sensors beside the machine temperature. well_log is left out: its
	// jumps carry noise of their own, so it is no truth.
	slow = []subject{
		{"occupancy/datatraining.csv.gz", "temperature"},
		{"femto/Bearing2_4_temp.csv.gz", "temp_c"},
		{"uci_air_quality/airquality_2004-03_2004-10.csv.gz", "t"},
	}
)

func ecg(records ...string) (all []subject) {
	for _, r := range records {
		all = append(all, subject{"ecg_mitdb/mitdb_" + r + ".csv.gz", "mlii_mv"})
	}
	return all
}

// The nets.
var (
	truthFull = net{from: "truth", ahead: full}
	truth8    = net{from: "truth", ahead: 8}
	base8     = net{from: "base", ahead: 8}
	baseFull  = net{from: "base", ahead: full}
	noisy8    = net{from: "noisy", ahead: 8}
	noisy     = net{from: "noisy", ahead: furthest}
	noisyFull = net{from: "noisy", ahead: full}
	dae       = net{from: "truth", arch: "kind: dae\n"}
	// Spikes as in eval.AddNoise are of 1 to 5 deviations.
	spikes = net{from: "truth", ahead: full, corrupt: "gaussian:snr=10+spike:p=0.01,amp=1..3+spike:p=0.01,amp=3..5"}
)

// once trains with one seed, where several recordings make the median.
func (n net) once() net { n.seeds = 1; return n }

// rows lists the figures in the order of the targets.
func rows() []row {
	return append(whiteRows(), append(sweepRows(), append(colourRows(), baseRows()...)...)...)
}

func whiteRows() []row {
	return []row{
		{"ecg/truth/full", "ECG 100, with truth, full window", "dB", atLeast(10.0), atLeast(10.8), false, gain(ecg100, truthFull, eval.White, false)},
		{"ecg/truth/8", "ECG 100, with truth, look-ahead 8", "dB", atLeast(9.2), atLeast(9.8), true, gain(ecg100, truth8, eval.White, false)},
		{"ecg/zero-shot/full", "ECG 100, base model, full window", "dB", atLeast(8.5), atLeast(9.5), true, gain(ecg100, baseFull, eval.White, false)},
		{"ecg/zero-shot/8", "ECG 100, base model, look-ahead 8", "dB", atLeast(8.4), atLeast(9.2), true, gain(ecg100, base8, eval.White, false)},
		{"ecg/zero-shot/8/margin", "the same, over the best of the five", "dB", atLeast(0), none, true, gain(ecg100, base8, eval.White, true)},
		{"ecg/noisy-only/full", "ECG 100, noisy-only history, full window", "dB", atLeast(9.4), atLeast(10.0), false, gain(ecg100, noisyFull, eval.White, false)},
		{"ecg/noisy-only/8", "ECG 100, noisy-only history, look-ahead 8", "dB", none, none, false, gain(ecg100, noisy8, eval.White, false)},
		{"ecg/dae", "ECG 100, strided dae, with truth", "dB", atLeast(9.0), atLeast(10), false, gain(ecg100, dae, eval.White, false)},
		{"ecg-others/zero-shot/8", "ECG 103…209, base model, look-ahead 8, over the best of the five", "dB", atLeast(1.0), atLeast(2), false, gains(others, base8, eval.White, true)},
		{"ecg-others/zero-shot/full", "ECG 103…209, base model, full window, over the best of the five", "dB", atLeast(1.0), atLeast(2), false, gains(others, baseFull, eval.White, true)},
		{"ecg-others/truth/8", "ECG 103…209, with truth, look-ahead 8, over the best of the five", "dB", atLeast(2.0), atLeast(3), false, gains(others, truth8.once(), eval.White, true)},
		{"pressure/truth/full", "arterial pressure, with truth, full window", "dB", atLeast(11.4), atLeast(12), false, gains(pressure, truthFull.once(), eval.White, false)},
		{"pressure/truth/8", "arterial pressure, with truth, look-ahead 8", "dB", atLeast(10.7), atLeast(11.3), false, gains(pressure, truth8.once(), eval.White, false)},
		{"pressure/zero-shot/8", "arterial pressure, base model, look-ahead 8", "dB", atLeast(8.0), atLeast(9.5), false, gains(pressure, base8, eval.White, false)},
		{"pressure/noisy-only/full", "arterial pressure, noisy-only history, full window", "dB", atLeast(10.3), atLeast(11.2), false, gains(pressure, noisyFull, eval.White, false)},
		{"pressure/noisy-only/8", "arterial pressure, noisy-only history, look-ahead 8", "dB", none, none, false, gains(pressure, noisy8, eval.White, false)},
		{"machine/noisy-only/full", "machine temperature, noisy-only history, full window, over the best of the five", "dB", atLeast(0), atLeast(.5), false, gain(machine, noisyFull, eval.White, true)},
		{"machine/noisy-only/8", "machine temperature, noisy-only history, look-ahead 8, over the best of the five", "dB", none, none, false, gain(machine, noisy8, eval.White, true)},
		{"slow/room/noisy-only", "room temperature, noisy-only history, the furthest look-ahead, over the best of the five", "dB", none, none, false, gain(slow[0], noisy, eval.White, true)},
		{"slow/bearing/noisy-only", "bearing temperature, the same", "dB", none, none, false, gain(slow[1], noisy, eval.White, true)},
		{"slow/air/noisy-only", "air temperature by the hour, the same", "dB", none, none, false, gain(slow[2], noisy, eval.White, true)},
		{"ecg/spikes", "ECG 100, 2 % spikes and white noise, with truth, full window", "dB", atLeast(13.3), atLeast(14), false, gain(ecg100, spikes, eval.Impulse, false)},
		{"ecg/two-leads", "ECG 100, two leads with correlated noise: over one lead", "dB", atLeast(0), atLeast(1), false, twoLeads},
		{"ecg/dead-lead", "ECG 100, dead second lead: over interpolation", "dB", atLeast(0), atLeast(1), false, deadLead},
		{"ecg/electrode-motion", "ECG 118, real electrode motion at 6 dB: PRD by DeepFilter's formula", "%", atMost(35), atMost(30), false, electrodeMotion},
	}
}
