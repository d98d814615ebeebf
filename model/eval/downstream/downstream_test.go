package downstream

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/sharedtest"
)

var nan = math.NaN()

// heart makes an ECG of n seconds with beats at known samples: narrow QRS,
// broad T waves of half its height, a wandering baseline, a pause now and then.
func heart(rate float64, n int, noise float64, seed uint64) (x []float64, beats []int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	x = make([]float64, int(rate)*n)
	for t := .4; t < float64(n)-.5; t += .75 + .1*rng.NormFloat64()*.5 {
		if rng.Float64() < .05 {
			t += .5
		}
		beats = append(beats, int(t*rate))
		for i := range x {
			s := float64(i)/rate - t
			if s > -.2 && s < .5 {
				x[i] += math.Exp(-s*s/(2*.01*.01)) + .4*math.Exp(-(s-.25)*(s-.25)/(2*.04*.04))
			}
		}
	}
	for i := range x {
		x[i] += .5*math.Sin(float64(i)/rate) + noise*rng.NormFloat64()
	}
	return x, beats
}

// TestFindBeats finds all of them at each rate, and none in noise alone.
func TestFindBeats(t *testing.T) {
	for _, rate := range []float64{125, 250, 360, 1000} {
		x, want := heart(rate, 60, .02, 3)
		x[100], x[101] = nan, nan
		s := MatchBeats(want, FindBeats(x, rate), rate)
		if s.Missed > 0 || s.False > 0 {
			t.Errorf("at %g Hz of %d beats: %+v", rate, len(want), s)
		}
	}
	x, want := heart(360, 60, .6, 3)
	if s := MatchBeats(want, FindBeats(x, 360), 360); s.Sensitivity() > .98 && s.Predictivity() > .98 {
		t.Errorf("noise as large as the signal costs no beats: %+v", s)
	}
	if got := FindBeats(make([]float64, 1000), 360); len(got) > 0 {
		t.Errorf("%d beats in nothing", len(got))
	}
	if got := FindBeats([]float64{1, 2}, 360); len(got) > 0 {
		t.Errorf("%d beats in two samples", len(got))
	}
}

// TestRealBeats: on the arrhythmia database the method is published with a
// sensitivity of 99.76 % and a predictivity of 99.56 %.
func TestRealBeats(t *testing.T) {
	for _, record := range []string{"100", "103", "122"} {
		x := sharedtest.Column(t, "data/ecg_mitdb/mitdb_"+record+".csv.gz", "mlii_mv")
		f, err := os.Open(sharedtest.Path(t, "data/ecg_mitdb/mitdb_"+record+"_beats.csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := ReadBeats(record, f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		s := MatchBeats(want, FindBeats(x, 360), 360)
		t.Logf("record %s: %d beats, sensitivity %.4f, predictivity %.4f", record, len(want), s.Sensitivity(), s.Predictivity())
		if s.Sensitivity() < .99 || s.Predictivity() < .99 {
			t.Errorf("record %s: %+v", record, s)
		}
	}
}

func TestMatchBeats(t *testing.T) {
	got := MatchBeats([]int{100, 300, 500, 900}, []int{105, 294, 480, 700, 899, 905}, 100)
	if want := (BeatScore{Found: 2, Missed: 2, False: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Sensitivity() != .5 || got.Predictivity() != 2./6 {
		t.Errorf("sensitivity %g, predictivity %g", got.Sensitivity(), got.Predictivity())
	}
	if s := (BeatScore{}); !math.IsNaN(s.Sensitivity()) || !math.IsNaN(s.Predictivity()) {
		t.Error("there are figures of no beats")
	}
}

func TestReadBeats(t *testing.T) {
	got, err := ReadBeats("b.csv", strings.NewReader("n,symbol\n18,+\n370,V\n77,N\n400,~\n500,/\n"))
	if d := cmp.Diff([]int{77, 370, 500}, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for text, want := range map[string]string{
		"":                       "b.csv: no beats; the first column must hold samples, the second symbols such as N or V",
		"n,symbol\n1,+\n":        "b.csv: no beats; the first column must hold samples, the second symbols such as N or V",
		"n,symbol\n1.5,N\n":      `b.csv:2: "1.5" is not the index of a sample`,
		"n,symbol\n-3,N\n":       `b.csv:2: "-3" is not the index of a sample`,
		"n\n3\n":                 "b.csv:2: one field; a beat has two, its sample and its symbol",
		"n,symbol\n1,N\n2,\"N\n": "b.csv: ",
	} {
		if _, err := ReadBeats("b.csv", strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestFaults: a step and a burst stand out, alone and under noise; noise alone
// tells nothing.
func TestFaults(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	label, calm := make([]float64, 4000), make([]float64, 4000)
	for i := range calm {
		calm[i] = rng.NormFloat64()
	}
	burst, step := slices.Clone(calm), slices.Clone(calm)
	for i := 2000; i < 2400; i++ {
		label[i] = 1
		burst[i] *= 3
		step[i] += 3
	}
	for name, x := range map[string][]float64{"burst": burst, "step": step} {
		if got := AUC(FaultScore(x), label); got < .95 {
			t.Errorf("%s: AUC %.3f", name, got)
		}
	}
	if got := AUC(FaultScore(calm), label); math.Abs(got-.5) > .1 {
		t.Errorf("nothing to find: AUC %.3f", got)
	}
	for _, v := range FaultScore(make([]float64, 10)) {
		if v != 0 {
			t.Fatalf("a constant scores %g", v)
		}
	}
}

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		score, label []float64
		want         float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{0, 0, 1, 1}, 1},
		{[]float64{4, 3, 2, 1}, []float64{0, 0, 1, 1}, 0},
		{[]float64{1, 1, 1, 1}, []float64{0, 1, 0, 1}, .5},
		{[]float64{1, 3, 2, 3, nan, 9}, []float64{0, 1, 1, 0, 1, nan}, (1 + .5 + 1 + 0) / 4},
		{[]float64{1, 2}, []float64{0, 0}, nan},
		{nil, nil, nan},
	} {
		if got := AUC(c.score, c.label); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("AUC of %v by %v is %g, want %g", c.score, c.label, got, c.want)
		}
	}
}

func Example() {
	x, beats := heart(250, 10, 0, 1)
	s := MatchBeats(beats, FindBeats(x, 250), 250)
	fmt.Printf("found %d of %d beats, %d false\n", s.Found, len(beats), s.False)
	// Output: found 13 of 13 beats, 0 false
}
