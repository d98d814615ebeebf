package eval

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestNegative(t *testing.T) {
	x := []float64{0, 10, 20, 30}
	for _, c := range []struct {
		y    []float64
		want *Breakpoint
	}{
		{[]float64{3, 2, 1, 0}, nil},
		{[]float64{nan, nan, nan, nan}, nil},
		{[]float64{9, 6, 1, -1}, &Breakpoint{Lowest: 25, Highest: 30, ToEdge: true}},
		{[]float64{-1, 3, 2, 1}, &Breakpoint{Lowest: 0, Highest: 2.5, FromEdge: true}},
		{[]float64{1, -1, -1, 3}, &Breakpoint{Lowest: 5, Highest: 22.5}},
		{[]float64{-1, 1, 1, -1}, &Breakpoint{Lowest: 0, Highest: 30, FromEdge: true, ToEdge: true}},
		{[]float64{-1, 1, -1, 1}, &Breakpoint{Lowest: 0, Highest: 25, FromEdge: true}},
		{[]float64{1, nan, -1, nan}, &Breakpoint{Lowest: 10, Highest: 20, ToEdge: true}},
		{[]float64{math.Inf(1), -1, math.Inf(1), 1}, &Breakpoint{Lowest: 10, Highest: 10}},
	} {
		if d := cmp.Diff(c.want, negative(x, c.y)); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.y, d)
		}
	}
}

// study makes a study of one model from its gains and coverages: [level][seed].
func study(levels []float64, gain, cover [][]float64) *Study {
	s := &Study{Channel: "a", Levels: levels}
	for l := range levels {
		var runs [][]Result
		for k := range gain[l] {
			runs = append(runs, []Result{{Channel: "a", Method: "net", Model: true, Gain: gain[l][k], Coverage: cover[l][k]}})
		}
		s.Runs = append(s.Runs, runs)
	}
	return s
}

// TestSweep goes over levels out of order, one of them twice: the order asked for
// does not matter.
func TestSweep(t *testing.T) {
	s := study([]float64{20, 0, 20, 10},
		[][]float64{{-1.1, -1, -.9}, {9, 9, 9}, {5, 5, 5}, {3, 3, 3}},
		[][]float64{{.9, .9, .9}, {.7, .78, .88}, {.9, .9, .9}, {.9, .9, .9}})
	got := s.Sweeps()
	if len(got) != 1 {
		t.Fatalf("%d sweeps, want 1", len(got))
	}
	w := got[0]
	want := Sweep{Channel: "a", Method: "net", Model: true, SNR: []float64{0, 10, 20}, Gain: []float64{9, 3, -1}, Coverage: []float64{.78, .9, .9},
		GainBelow:     &Breakpoint{Lowest: 17.5, Highest: 20, ToEdge: true, Seeds: 3, Failing: 3, Spread: 10*3/3.9 - 10*3/4.1},
		CoverageBelow: &Breakpoint{Lowest: 0, Highest: 10. / 6, FromEdge: true, Seeds: 3, Failing: 2, Spread: 5 - 10./6},
		Either:        &Breakpoint{Lowest: 0, Highest: 20, FromEdge: true, ToEdge: true, Seeds: 3, Failing: 2, Spread: 5 - 10./6}}
	if d := cmp.Diff(want, w, cmpopts.EquateApprox(0, 1e-9)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got, want := w.Words(), "net: gain below 0 dB from 17.5 dB up (within 0.4 dB on all 3 seeds); coverage below .8 up to 1.7 dB (not stable: on 2 of 3 seeds)"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`[{"channel":"a","method":"net","snr_db":[0,10,20],"gain_db":[9,3,-1],"coverage":[`,
		`"gain_below_0":{"lowest_db":17.5,"highest_db":20,"from_edge":false,"to_edge":true,"seeds":3,"seeds_failing":3,"spread_db":0.3`,
		`"stable":true},"coverage_below_0_8":{`, `"stable":false},"breakpoint":{"lowest_db":0,"highest_db":20,`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s\nlacks %s", text, part)
		}
	}
}

func TestSweepWithoutBreakpoint(t *testing.T) {
	s := study([]float64{0, 10}, [][]float64{{9}, {3}}, [][]float64{{nan}, {nan}})
	w := s.Sweeps()[0]
	if w.GainBelow != nil || w.CoverageBelow != nil || w.Either != nil {
		t.Errorf("%+v", w)
	}
	if got, want := w.Words(), "net: no gain below 0 dB from 0 to 10 dB"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if text, err := json.Marshal(w); err != nil || !strings.HasSuffix(string(text), `"coverage":[null,null],"gain_below_0":null,"coverage_below_0_8":null,"breakpoint":null}`) {
		t.Errorf("%s, %v", text, err)
	}
	s = study([]float64{0, 30}, [][]float64{{1}, {-1}}, [][]float64{{.9}, {.9}})
	if stable, ok := s.Sweeps()[0].GainBelow.Stable(); stable || ok {
		t.Errorf("one seed is stable: %v, %v", stable, ok)
	}
	if s.Levels = []float64{10, 10}; s.Sweeps() != nil {
		t.Error("one level makes a sweep")
	}
	if s.Levels = []float64{nan, nan}; s.Sweeps() != nil {
		t.Error("a recording that was noisy makes a sweep")
	}
}

// TestSweepMeasured: a filter that smooths too much gains where there is noise and
// loses where there is none; the breakpoint is where its own error equals the
// noise, on every seed.
func TestSweepMeasured(t *testing.T) {
	x := waves(20_000)
	smooth := Model{Name: "smooth", Denoise: func(y []float64) (c, lo, hi []float64) {
		c = make([]float64, len(y))
		for i := range c {
			a, b := max(i-10, 0), min(i+11, len(y))
			for _, v := range y[a:b] {
				c[i] += v / float64(b-a)
			}
		}
		return c, nil, nil
	}}
	s := &Study{Channel: "a", Levels: []float64{0, 10, 20, 30}}
	for _, l := range s.Levels {
		var runs [][]Result
		for seed := range uint64(3) {
			r, err := Compare("a", x, l, White, seed, 0, Options{NoFamilies: true}, smooth)
			if err != nil {
				t.Fatal(err)
			}
			runs = append(runs, r)
		}
		s.Runs = append(s.Runs, runs)
	}
	b := s.Sweeps()[0].GainBelow
	if b == nil || !b.ToEdge || b.FromEdge {
		t.Fatalf("breakpoint %+v", b)
	}
	trial, err := NewTrial("a", x, x, 0) // without noise: the bias alone
	if err != nil {
		t.Fatal(err)
	}
	c, _, _ := smooth.Denoise(trial.Parts.Test.Of(x))
	bias := SNR(trial.SignalVar, trial.Parts.Test.Of(x), c)
	if stable, ok := b.Stable(); !stable || !ok || math.Abs(b.Lowest-bias) > 1.5 {
		t.Errorf("breaks down at %.1f dB, spread %.2f; its own error is at %.1f dB", b.Lowest, b.Spread, bias)
	}
}
