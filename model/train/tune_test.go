package train

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
)

// sinusoids is a sum of k sinusoids whose phases and amplitudes wander, little
// within a window: one of it has 2·k degrees of freedom.
func sinusoids(n, k int) []float64 {
	rng := draw(8, k, 0)
	x := make([]float64, n)
	for i := range k {
		w := 2 * math.Pi * (.11 + .17*float64(i))
		a, b := rng.NormFloat64(), rng.NormFloat64()
		for t := range x {
			a, b = .9995*a+.0316*rng.NormFloat64(), .9995*b+.0316*rng.NormFloat64()
			x[t] += a*math.Cos(w*float64(t)) + b*math.Sin(w*float64(t))
		}
	}
	return x
}

// The search finds how many numbers a window is made of. With two taps at strides
// of two each window of 8 samples is coded by itself.
func TestTuneFindsThePlantedDimension(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("16 trainings")
	}
	corrupt, err := noise.ParseSpec("gaussian:snr=3")
	if err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= 2; k++ {
		var tried []Trial
		m, best, err := Tune(t.Context(), TuneConfig{
			SupervisedConfig: SupervisedConfig{Clean: [][]float64{sinusoids(40000, k)}, Corrupt: corrupt, Steps: 1800, Batch: 4, Window: 128, Seed: 1},
			Space:            Space{Kind: model.DAE, Taps: []int{2}, Widths: [][]int{{16, 32, 64}}, Latent: []int{1, 2, 3, 4, 5, 6}, Rate: [2]float64{5e-3, 5e-3}},
			Tried:            func(tr Trial) { tried = append(tried, tr) },
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range tried {
			t.Logf("round %d: a code of %d, validation loss %.4f", tr.Round, tr.Latent, tr.Validation)
		}
		if len(tried) != 6+2 {
			t.Errorf("%d trials, want six and the better two again", len(tried))
		}
		if best.Latent != 2*k || m.Net().NumParams() != best.Weights {
			t.Errorf("%d sinusoids: found a code of %d, want %d", k, best.Latent, 2*k)
		}
	}
}

// A search is seeded, tries a choice once before it comes again with another rate,
// and gives later rounds more steps.
func TestTuneIsSeeded(t *testing.T) {
	cfg := TuneConfig{SupervisedConfig: SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0)}, Steps: 9, Batch: 2, Window: 64, Seed: 4},
		Space: Space{Channels: []int{2, 4}, Taps: []int{3}, Depths: []int{1, 2}, Lookahead: 2}, Trials: 5}
	var runs [2][]Trial
	var names [2]string
	for i := range runs {
		cfg.Tried = func(tr Trial) { runs[i] = append(runs[i], tr) }
		m, best, err := Tune(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		names[i] = m.Name()
		if last := runs[i][5:]; !slices.ContainsFunc(last, func(tr Trial) bool { return reflect.DeepEqual(tr, best) }) {
			t.Errorf("the best, %+v, is not of the last round", best)
		}
	}
	if !reflect.DeepEqual(runs[0], runs[1]) || names[0] != names[1] {
		t.Errorf("two searches of one seed differ: %v, %v", names, runs)
	}
	if len(runs[0]) != 5+2 {
		t.Fatalf("%d trials, want 5 and 2", len(runs[0]))
	}
	for i, tr := range runs[0] {
		want := Trial{Number: tr.Number, Round: 1, Steps: 3}
		if i >= 5 {
			want.Round, want.Steps = 2, 9
		}
		if tr.Round != want.Round || tr.Steps != want.Steps || !(tr.Rate >= 1e-3 && tr.Rate <= 1e-2) || tr.Weights == 0 {
			t.Errorf("trial %+v", tr)
		}
		for _, other := range runs[0][:min(i, 4)] {
			if i < 4 && other.Channels == tr.Channels && len(other.Dilations) == len(tr.Dilations) {
				t.Errorf("%+v came twice among the first four", tr.Choice)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Tune(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRank(t *testing.T) {
	nan := math.NaN()
	trials := []Trial{{Number: 1, Validation: nan}, {Number: 2, Validation: 1.02, Weights: 5}, {Number: 3, Validation: 1, Weights: 9}, {Number: 4, Validation: 2, Weights: 1}, {Number: 5, Validation: 1.2}}
	rank(trials)
	var got []int
	for _, tr := range trials {
		got = append(got, tr.Number)
	}
	if want := []int{2, 3, 5, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("ranked %v, want %v", got, want)
	}
}

func TestRounds(t *testing.T) {
	for trials, want := range map[int][]int{1: {1}, 3: {3}, 4: {4, 2}, 9: {9, 3}, 10: {10, 4, 2}, 27: {27, 9, 3}} {
		choices, steps := (&TuneConfig{Trials: trials, SupervisedConfig: SupervisedConfig{Steps: 900}}).Rounds()
		if !slices.Equal(choices, want) || steps[len(steps)-1] != 900 || len(steps) != len(choices) {
			t.Errorf("%d trials: rounds of %v with %v steps, want %v", trials, choices, steps, want)
		}
	}
}

func TestTuneRefuses(t *testing.T) {
	x := SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0)}}
	for want, s := range map[string]Space{
		"kind must be":     {Kind: "rnn"},
		"must be positive": {Taps: []int{0}},
		"looks back":       {Depths: []int{13}},
		"want a range":     {Rate: [2]float64{1e-2, 1e-3}},
	} {
		if _, _, err := Tune(t.Context(), TuneConfig{SupervisedConfig: x, Space: s}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
