package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/ingesttest"
	"github.com/quell-stream/quell/ingest/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleFleet() {
	for _, s := range sim.Fleet(1) {
		fmt.Println(s.Spec().Name, s.Channel(), s.Unit(), s.Spec().RateHz, "Hz")
	}
	// Output:
	// motor-1 vibration mm/s 100 Hz
	// motor-2 vibration mm/s 100 Hz
	// pump-1 pressure bar 100 Hz
	// pump-2 pressure bar 100 Hz
	// tank-1 temperature °C 100 Hz
	// ecg-1 lead mV 100 Hz
	// flow-1 flow l/min 100 Hz
	// power-1 power kW 100 Hz
}

func newSensor(t *testing.T, s sim.Spec) *sim.Sensor {
	t.Helper()
	x, err := sim.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// noisy is a specification with every kind of noise.
func noisy(f sim.Family) sim.Spec {
	return sim.Spec{Name: "x", Family: f, RateHz: 50, Seed: 7,
		Noise: sim.Noise{SNRdB: 8, Coloured: 0.5, Rho: 0.9, Spikes: 0.01, Step: 0.01, Drops: 0.002}}
}

func TestReadingsAreAFunctionOfTheIndex(t *testing.T) {
	for _, f := range sim.Families() {
		a, b := newSensor(t, noisy(f)), newSensor(t, noisy(f))
		for _, s := range []*sim.Sensor{a, b} {
			s.Inject(sim.Injection{Kind: sim.Regime, At: 300, Length: 100})
			s.Inject(sim.Injection{Kind: sim.Stuck, At: 500})
		}
		var forward []sim.Reading
		for i := range int64(600) {
			forward = append(forward, a.At(i))
		}
		for i := int64(599); i >= 0; i -= 7 {
			if d := cmp.Diff(forward[i], b.At(i)); d != "" {
				t.Fatalf("%s: reading %d depends on what was read before (-forward +backward):\n%s", f, i, d)
			}
		}
		other := noisy(f)
		other.Seed = 8
		c := newSensor(t, other)
		if d := cmp.Diff(forward[10], c.At(10)); d == "" {
			t.Errorf("%s: another seed gives the same reading", f)
		}
	}
}

// stats returns mean and standard deviation.
func stats(v []float64) (mean, std float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		std += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(std)
}

// series reads n samples from index from.
func series(s *sim.Sensor, from, n int64) (truth, noise []float64, missing int) {
	for i := from; i < from+n; i++ {
		r := s.At(i)
		truth = append(truth, r.Truth)
		if r.Missing {
			missing++
			continue
		}
		noise = append(noise, r.Measured-r.Truth)
	}
	return truth, noise, missing
}

func TestSignalToNoiseRatio(t *testing.T) {
	for _, f := range sim.Families() {
		s := newSensor(t, sim.Spec{Name: "x", Family: f, RateHz: 100, Seed: 3, Noise: sim.Noise{SNRdB: 8}})
		truth, noise, missing := series(s, 0, 12_000)
		_, ts := stats(truth)
		mean, ns := stats(noise)
		if got := 20 * math.Log10(ts/ns); math.Abs(got-8) > 0.5 {
			t.Errorf("%s: SNR is %.2f dB, want 8", f, got)
		}
		if math.Abs(mean) > 0.05*ns {
			t.Errorf("%s: noise has a mean of %.3f of its deviation", f, mean/ns)
		}
		if missing != 0 {
			t.Errorf("%s: %d readings are missing, want none", f, missing)
		}
		// White: no correlation from sample to sample.
		if r := lag1(noise); math.Abs(r) > 0.05 {
			t.Errorf("%s: white noise has a correlation of %.3f", f, r)
		}
	}
}

func lag1(v []float64) float64 {
	mean, std := stats(v)
	sum := 0.0
	for i := 1; i < len(v); i++ {
		sum += (v[i] - mean) * (v[i-1] - mean)
	}
	return sum / float64(len(v)) / (std * std)
}

func TestNoiseParts(t *testing.T) {
	base := sim.Spec{Name: "x", Family: sim.Tank, RateHz: 50, Seed: 5, Noise: sim.Noise{SNRdB: 10}}
	_, white, _ := series(newSensor(t, base), 0, 20_000)
	_, sigma := stats(white)

	coloured := base
	coloured.Noise.Coloured, coloured.Noise.Rho = 10, 0.9
	_, noise, _ := series(newSensor(t, coloured), 0, 20_000)
	if _, got := stats(noise); math.Abs(got/sigma-math.Sqrt(101)) > 1 {
		t.Errorf("coloured noise is %.2f of the white noise, want %.2f in all", got/sigma, math.Sqrt(101))
	}
	if r := lag1(noise); math.Abs(r-0.9*100/101) > 0.03 {
		t.Errorf("coloured noise has a correlation of %.3f, want 0.89", r)
	}

	spikes := base
	spikes.Noise.Spikes = 0.01
	_, noise, _ = series(newSensor(t, spikes), 0, 20_000)
	hits := 0
	for i := range noise {
		if d := math.Abs(noise[i] - white[i]); d > 5.9*sigma && d < 12.1*sigma {
			hits++
		} else if noise[i] != white[i] {
			t.Fatalf("a spike of %.1f deviations", d/sigma)
		}
	}
	if hits < 150 || hits > 250 {
		t.Errorf("%d spikes, want about 200", hits)
	}

	drops := base
	drops.Noise.Drops = 0.01
	_, _, missing := series(newSensor(t, drops), 0, 20_000)
	if missing < 450 || missing > 750 {
		t.Errorf("%d readings missing, want about 600", missing)
	}

	coarse := base
	coarse.Noise.Step = 0.05
	s := newSensor(t, coarse)
	for i := range int64(500) {
		v := s.At(i).Measured
		if text := fmt.Sprint(v); len(text) > len("100.05") {
			t.Fatalf("reading %d is %s, want two decimals", i, text)
		}
	}
}

func TestFleetIsNoisyEnoughToGain(t *testing.T) {
	seen := make(map[sim.Family]bool)
	for seed := range uint64(5) {
		for _, s := range sim.Fleet(seed) {
			seen[s.Spec().Family] = true
			if n := s.Spec().Noise.SNRdB; n < 5 || n > 12 {
				t.Errorf("%s: SNR of %g dB, want 5 to 12", s.Spec().Name, n)
			}
			truth, noise, missing := series(s, 0, 3000)
			_, ts := stats(truth)
			_, ns := stats(noise)
			if got := 20 * math.Log10(ts/ns); got < 0 || got > 14 {
				t.Errorf("seed %d, %s: SNR over the first minute is %.1f dB", seed, s.Spec().Name, got)
			}
			if missing > 30 {
				t.Errorf("seed %d, %s: %d of 3000 readings missing", seed, s.Spec().Name, missing)
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("%d families, want 6", len(seen))
	}
}

func TestInjections(t *testing.T) {
	const at = 3000
	for _, f := range sim.Families() {
		spec := sim.Spec{Name: "x", Family: f, RateHz: 50, Seed: 11, Noise: sim.Noise{SNRdB: 8}}
		plain := newSensor(t, spec)
		ptruth, pnoise, _ := series(plain, at, 3000)
		pmean, pstd := stats(ptruth)
		_, psigma := stats(pnoise)
		for _, k := range []sim.Kind{sim.NoiseLevel, sim.Regime, sim.Stuck} {
			s := newSensor(t, spec)
			s.Inject(sim.Injection{Kind: k, At: at, Length: 3000})
			for _, i := range []int64{0, at - 1} {
				if s.At(i) != plain.At(i) {
					t.Errorf("%s, %s: reading %d before the change differs", f, k, i)
				}
			}
			if after := s.At(at + 3000); k != sim.Regime && after != plain.At(at+3000) {
				t.Errorf("%s, %s: the change does not end", f, k)
			}
			truth, noise, _ := series(s, at, 3000)
			mean, std := stats(truth)
			_, sigma := stats(noise)
			switch k {
			case sim.NoiseLevel:
				if math.Abs(sigma/psigma-3) > 0.01 || cmp.Diff(ptruth, truth) != "" {
					t.Errorf("%s: noise grew %.2f times, want 3, with the truth unchanged", f, sigma/psigma)
				}
			case sim.Regime:
				if math.Abs(sigma/psigma-1) > 0.01 {
					t.Errorf("%s: a regime changes the noise %.2f times", f, sigma/psigma)
				}
				if std < 1.1*pstd || mean < pmean {
					t.Errorf("%s: regime with mean %.2f and deviation %.2f, before %.2f and %.2f", f, mean, std, pmean, pstd)
				}
			case sim.Stuck:
				if cmp.Diff(ptruth, truth) != "" {
					t.Errorf("%s: a stuck sensor changes the truth", f)
				}
				for i := range int64(3000) {
					if got, want := s.At(at+i).Measured, plain.At(at-1).Measured; got != want {
						t.Fatalf("%s: stuck at %v, then says %v", f, want, got)
					}
				}
			}
		}
	}
}

func TestPayloadHoldsNoTruth(t *testing.T) {
	s := newSensor(t, noisy(sim.Motor))
	const start = int64(1_700_000_000_000_000_000)
	nulls := 0
	for i := range int64(2000) {
		b := s.AppendJSON(nil, i, start+i*20_000_000)
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		r := s.At(i)
		want := map[string]any{"ts": float64(start+i*20_000_000) / 1e6, "value": r.Measured}
		if r.Missing {
			want["value"] = nil
			nulls++
		}
		if d := cmp.Diff(want, m); d != "" {
			t.Fatalf("payload (-want +got):\n%s", d)
		}
	}
	if nulls == 0 {
		t.Error("no reading is missing in 2000")
	}
	if got, want := string(s.AppendJSON(nil, 0, 12_000_034_000)), `{"ts":12000.034,`; !strings.HasPrefix(got, want) {
		t.Errorf("payload is %s, want %s…", got, want)
	}
}

func TestValidate(t *testing.T) {
	nan := math.NaN()
	_, err := sim.New(sim.Spec{Family: 99, Noise: sim.Noise{SNRdB: nan, Coloured: -1, Rho: 1, Spikes: 2, Step: nan, Drops: -1}})
	for _, want := range []string{"needs a name", "there is no family(99)", "rate 0 Hz", "snr_db", "coloured", "rho 1: must be between 0 and 0.95", "spikes", "step", "drops"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	s := newSensor(t, noisy(sim.Motor))
	_, err = sim.NewSource(sim.Config{Start: -1, Speed: nan, Samples: -1, Sensors: []*sim.Sensor{s, s}})
	for _, want := range []string{"start -1", "speed NaN", "samples -1", "two sensors are named x"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	for _, f := range sim.Families() {
		if got, err := sim.ParseFamily(f.String()); err != nil || got != f {
			t.Errorf("ParseFamily(%s) = %v, %v", f, got, err)
		}
	}
	if _, err := sim.ParseFamily("car"); err == nil || !strings.Contains(err.Error(), "one of motor, pump") {
		t.Errorf("got %v", err)
	}
	for _, k := range []sim.Kind{sim.NoiseLevel, sim.Regime, sim.Stuck} {
		if got, err := sim.ParseKind(k.String()); err != nil || got != k {
			t.Errorf("ParseKind(%s) = %v, %v", k, got, err)
		}
	}
	if _, err := sim.ParseKind("fire"); err == nil {
		t.Error("ParseKind(fire): want an error")
	}
}

func TestSourceContract(t *testing.T) {
	for name, c := range map[string]sim.Config{"endless": {Seed: 1}, "finite": {Seed: 1, Samples: 40}, "paced": {Seed: 1, Samples: 40, Speed: 100}} {
		t.Run(name, func(t *testing.T) {
			ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
				return ingesttest.Harness{
					New: func(t *testing.T) ingest.Source {
						s, err := sim.NewSource(c)
						if err != nil {
							t.Fatal(err)
						}
						return s
					},
					Total: int(c.Samples),
				}
			})
		})
	}
}

// start opens a source and answers its assignment.
func start(t *testing.T, c sim.Config, first int64) *sim.Source {
	t.Helper()
	s, err := sim.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Assignment.Resume([]int64{first})
	return s
}

func TestSourceDeliversEverySampleOnceInOrder(t *testing.T) {
	sensors := sim.Fleet(4)
	s := start(t, sim.Config{Sensors: sensors}, -1)
	count := make(map[string]int64)
	last := int64(0)
	for range 2 * 800 { // two seconds of the fleet
		d, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		x := d.Samples[0]
		if x.Time < last || d.Stored != x.Time {
			t.Fatalf("time %d after %d, stored %d", x.Time, last, d.Stored)
		}
		last = x.Time
		for _, sensor := range sensors {
			if sensor.Spec().Name != x.Series {
				continue
			}
			i := count[x.Series]
			r := sensor.At(i)
			if want := sim.DefaultStart + i*1e9/int64(sensor.Spec().RateHz); x.Time != want || x.Value != r.Measured || (x.Missing == ingest.Null) != r.Missing {
				t.Fatalf("%s sample %d is %+v, want %+v at %d", x.Series, i, x, r, want)
			}
			if want := "sim/" + x.Series + "/" + sensor.Channel(); d.Topic != want {
				t.Fatalf("topic %s, want %s", d.Topic, want)
			}
		}
		count[x.Series]++
	}
	if count["motor-1"] != 200 || count["tank-1"] != 200 {
		t.Errorf("samples per series: %v", count)
	}
}

func TestSourceKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sim.Config{Sensors: []*sim.Sensor{newSensor(t, noisy(sim.Motor))}, Speed: 2}, 1000)
		began := time.Now()
		for i := range 51 {
			d, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(1000 + i); d.Offset != want {
				t.Fatalf("offset %d, want %d", d.Offset, want)
			}
		}
		if got, want := time.Since(began), 500*time.Millisecond; got != want {
			t.Errorf("a second of samples at twice real time took %s, want %s", got, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next before the sample is due: %v", err)
		}
		if d, err := s.Next(t.Context()); err != nil || d.Offset != 1051 {
			t.Errorf("offset %d, %v, want 1051", d.Offset, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkAt(b *testing.B) {
	for _, f := range sim.Families() {
		b.Run("family="+f.String(), func(b *testing.B) {
			s, err := sim.New(noisy(f))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			i := int64(0)
			for b.Loop() {
				s.At(i)
				i++
			}
		})
	}
}
