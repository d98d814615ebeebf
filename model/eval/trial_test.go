package eval

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quell-stream/quell/model/classic"
)

func waves(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 20 + math.Sin(float64(i)/25) + .5*math.Sin(float64(i)/7)
	}
	return x
}

// TestCompare puts an oracle and an identity beside the filters, on a recording
// with gaps.
func TestCompare(t *testing.T) {
	x := waves(3000)
	for i := 2500; i < 2510; i++ {
		x[i] = nan
	}
	clock := time.Unix(0, 0)
	var given []float64
	oracle := Model{Name: "oracle", Setting: "cheats", Denoise: func(y []float64) (c, lo, hi []float64) {
		given = y
		clock = clock.Add(1200 * time.Microsecond)
		c = slices.Clone(x[2400:])
		for i := range c {
			lo, hi = append(lo, c[i]-1), append(hi, c[i]+1)
		}
		c[3] += .1
		return c, lo, hi
	}}
	identity := Model{Name: "identity", Denoise: func(y []float64) (c, lo, hi []float64) {
		c = slices.Clone(y)
		c[0] = nan // no estimate: the reading counts
		return c, nil, nil
	}}
	trial, err := NoisyTrial("a", x, 10, White, 7, 20)
	if err != nil {
		t.Fatal(err)
	}
	results := trial.Compare(Options{Now: func() time.Time { return clock }}, oracle, identity)
	if !slices.Equal(given[:5], trial.Noisy[2400:2405]) || len(given) != 600 {
		t.Error("the model was not given the test part")
	}
	var names []string
	for _, r := range results {
		names = append(names, r.Method)
	}
	want := []string{"oracle", "identity", "moving_average", "savitzky_golay", "median", "kalman", "wavelet", "ema", "hampel", "wiener", "butterworth", "haar"}
	if d := cmp.Diff(want, names); d != "" {
		t.Fatalf("methods (-want +got):\n%s", d)
	}
	o, id := results[0], results[1]
	if !same(o.MAD, .1) || o.Coverage != 1 || !same(o.Width, 2) || o.Lag != 0 || !same(o.USPerSample, 2) || o.Setting != "cheats" {
		t.Errorf("oracle: %+v", o)
	}
	if id.Gain != 0 || !math.IsNaN(id.Coverage) || id.USPerSample != 0 || math.Abs(id.SNRIn-10) > .5 {
		t.Errorf("identity: %+v", id)
	}
	for _, r := range results[2:] {
		least := 5.0
		if r.Method == classic.EMAName || r.Method == classic.HampelName {
			least = 0
		}
		if !(r.Gain > least) || !same(r.SNROut, r.SNRIn+r.Gain) || r.Setting == "" {
			t.Errorf("%s gains %.2f dB: %+v", r.Method, r.Gain, r)
		}
	}
	// Half of the estimates perfect, half left out: no more than 3 dB.
	half := slices.Clone(x[2400:])
	for i := range half {
		if i%2 == 0 {
			half[i] = nan
		}
	}
	if r := trial.Score("half", half, nil, nil); !(r.Gain > 2 && r.Gain < 4) {
		t.Errorf("leaving out half of the estimates gains %.2f dB, want about 3", r.Gain)
	}
	if only := trial.Compare(Options{NoFamilies: true}, identity); len(only) != 1 || !math.IsNaN(only[0].USPerSample) {
		t.Errorf("without families: %+v", only)
	}
}

func TestTrialErrors(t *testing.T) {
	flat := make([]float64, 100)
	gap := waves(100)
	for i := 60; i < 100; i++ {
		gap[i] = nan
	}
	for _, c := range []struct {
		clean, noisy []float64
		field        int
		want         string
	}{
		{waves(10), waves(9), 0, "eval: channel a: the truth has 10 samples, the noisy recording 9"},
		{waves(100), waves(100), 20, "channel a: eval: a recording of 100 samples is too short to be split for a receptive field of 20, at least 110 samples are needed"},
		{flat, flat, 0, "eval: channel a: the truth does not move in its first 60 samples, so there is no signal-to-noise ratio"},
		{gap, waves(100), 0, "eval: channel a: none of the samples 60 to 79 has both a truth and a reading"},
	} {
		if _, err := NewTrial("a", c.clean, c.noisy, c.field); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
	if _, err := Compare("a", flat, 10, White, 1, 0, Options{}); err == nil {
		t.Error("a flat truth can be compared")
	}
}

func TestResultJSON(t *testing.T) {
	r := Result{Channel: "temp", Method: "net", SNRIn: 10, SNROut: math.Inf(1), Gain: 4.5, RMSE: .1, MAD: .2, PRD: 3,
		Cos: 1, Coverage: nan, Width: nan, Lag: -1, USPerSample: nan,
		SSD: 5, RRMSET: .5, RRMSES: .25, CC: .75, CRPS: nan, CoverageBlocks: nan, LSD: 2, Ahead: 8, Reliability: noReliability()}
	full := r
	full.Ahead, full.Reliability = classic.Full, [NumNominal]float64{nan, nan, .875, nan}
	got, err := json.Marshal(map[string]any{"results": []Result{r}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"results":[{"channel":"temp","method":"net","snr_in_db":10,"snr_out_db":null,"gain_db":4.5,"rmse":0.1,"mad":0.2,` +
		`"prd":3,"cos":1,"coverage":null,"width":null,"lag_samples":-1,"us_per_sample":null,` +
		`"ssd":5,"rrmse_t":0.5,"rrmse_s":0.25,"cc":0.75,"crps":null,"coverage_blocks":null,"lsd_db":2,"lookahead_samples":8,"reliability":null}]}`
	if string(got) != want {
		t.Errorf("JSON is\n%s\nwant\n%s", got, want)
	}
	var back struct{ Results []Result }
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	r.SNROut = nan // an infinity comes back as null
	if d := cmp.Diff([]Result{r}, back.Results, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	if got, err = json.Marshal(full); err != nil || !strings.HasSuffix(string(got), `"lookahead_samples":null,"reliability":[{"nominal":0.9,"coverage":0.875}]}`) {
		t.Errorf("JSON is %s, %v", got, err)
	}
	full.SNROut = nan
	if err := json.Unmarshal(got, &r); err != nil || !cmp.Equal(full, r, cmpopts.EquateNaNs()) {
		t.Errorf("read back %+v, %v", r, err)
	}
}

func TestWriteTable(t *testing.T) {
	base := Result{Channel: "temp", Method: "net", SNRIn: 10, SNROut: 14, Gain: 4, RMSE: .123456, MAD: 12, PRD: 3.04, Cos: .99,
		Coverage: .9, Width: .5, Lag: 0, USPerSample: nan}
	other := base
	other.Method, other.Coverage, other.Width, other.Setting, other.Gain, other.Lag = "median", nan, nan, "median:w=5", -.001, nan
	low := other
	low.SNRIn, low.SNROut = 0, math.Inf(1)
	var b bytes.Buffer
	if err := WriteTable(&b, []Result{base, low, other}); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`temp, 10.0 dB in`,
		`method  gain dB  out dB   rmse  mad  prd %     cos  coverage  width  lag  setting`,
		`net        4.00   14.00  0.123   12    3.0  0.9900     0.900    0.5    0`,
		`median     0.00   14.00  0.123   12    3.0  0.9900         -      -    -  median:w=5`,
		``,
		`temp, 0.0 dB in`,
		`method  gain dB  out dB   rmse  mad  prd %     cos  coverage  width  lag  setting`,
		`median     0.00    +Inf  0.123   12    3.0  0.9900         -      -    -  median:w=5`,
		``}, "\n")
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
}

func TestMedian(t *testing.T) {
	run := func(gain, lag float64) []Result {
		return []Result{{Channel: "a", Method: "net", Gain: gain, Lag: lag, Coverage: nan}}
	}
	got := Median(run(3, nan), run(1, nan), run(2, 4))
	if d := cmp.Diff(run(2, 4), got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("median of three (-want +got):\n%s", d)
	}
	if got := Median(run(1, 0), run(4, 0)); got[0].Gain != 2.5 {
		t.Errorf("median of 1 and 4 is %g", got[0].Gain)
	}
}

// A model that wants the past gets all that came before the test part, and is
// scored on the test part only.
func TestPast(t *testing.T) {
	trial, err := NoisyTrial("a", waves(3000), 10, White, 7, 20)
	if err != nil {
		t.Fatal(err)
	}
	live := Model{Name: "live", Past: true, Denoise: func(y []float64) (c, lo, hi []float64) {
		if !slices.Equal(y, trial.Noisy) {
			t.Errorf("got %d readings; want the whole recording", len(y))
		}
		c = slices.Clone(trial.Clean)
		for i := range trial.Parts.Test.From {
			c[i] = 1e6 // not scored
		}
		for i := range c {
			lo, hi = append(lo, trial.Clean[i]-1), append(hi, trial.Clean[i]+1)
		}
		return c, lo, hi
	}}
	r := trial.Compare(Options{NoFamilies: true}, live)[0]
	if r.RMSE != 0 || r.Coverage != 1 || math.Abs(r.Width-2) > 1e-12 {
		t.Errorf("a perfect estimate got rmse %g, coverage %g, width %g", r.RMSE, r.Coverage, r.Width)
	}
}

// A model of several channels gets all of them, and each estimate is scored on
// its own channel; filters take them one by one.
func TestTogether(t *testing.T) {
	var trials []*Trial
	for i, name := range []string{"a", "b"} {
		trial, err := NoisyTrial(name, waves(3000), 10, White, uint64(i), 20)
		if err != nil {
			t.Fatal(err)
		}
		trials = append(trials, trial)
	}
	both := Model{Name: "both", Past: true, Together: func(y [][]float64) []Estimate {
		if len(y) != 2 || !slices.Equal(y[0], trials[0].Noisy) || !slices.Equal(y[1], trials[1].Noisy) {
			t.Error("the model was not given both channels")
		}
		return []Estimate{{Clean: trials[0].Clean}, {Clean: y[1]}}
	}}
	visited := 0
	r := CompareAll(trials, Options{Families: classic.Families()[:1], Visit: func(tr *Trial, r Result, e Estimate) {
		visited++
		if tr.Channel != r.Channel || len(e.Clean) != tr.Parts.Test.Len() || r.Model != (r.Method == "both") {
			t.Errorf("visited %s with %d samples, for %+v", tr.Channel, len(e.Clean), r)
		}
	}}, both)
	if visited != 4 || len(r) != 2 || len(r[0]) != 2 {
		t.Fatalf("%d visits, results %+v", visited, r)
	}
	if r[0][0].RMSE != 0 || r[1][0].Gain != 0 || r[1][0].Channel != "b" || r[1][1].Method != classic.MovingAverageName {
		t.Errorf("%+v", r)
	}
	other, err := NoisyTrial("c", waves(2000), 10, White, 1, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("channels of different lengths are compared")
		}
	}()
	CompareAll([]*Trial{trials[0], other}, Options{NoFamilies: true}, both)
}
