package train

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/nn"
)

// lostMost is the gain in dB that the quality targets let an int8 model lose.
const lostMost = .1

// TestECGInt8 holds the int8 form of the base model against the float32 one, on
// the beginning of record 100 with white noise at 10 dB. It is calibrated with
// some of the training part.
func TestECGInt8(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("a long recording")
	}
	x := sharedtest.Column(t, "data/ecg_mitdb/mitdb_100.csv.gz", "mlii_mv")[:100000]
	for _, lookahead := range model.BaseVariants() {
		m, err := model.Base(lookahead)
		if err != nil {
			t.Fatal(err)
		}
		q, err := Quantize(m, [][]float64{x[:8192]}, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		results, err := eval.Compare("mlii", x, 10, eval.White, 1, m.Header().Spec.ReceptiveField(), eval.Options{NoFamilies: true}, scored(t, m), scored(t, q))
		if err != nil {
			t.Fatal(err)
		}
		lost := results[0].Gain - results[1].Gain
		t.Logf("look-ahead %d: %.2f dB of gain, %.3f lost with 8 bits; %d bytes instead of %d", lookahead, results[1].Gain, lost, q.Size(), m.Size())
		if !(lost <= lostMost) {
			t.Errorf("look-ahead %d: %.3f dB lost with 8 bits, want at most %g", lookahead, lost, lostMost)
		}
		if 3*q.Size() > m.Size() {
			t.Errorf("look-ahead %d: %d bytes, want a third of %d", lookahead, q.Size(), m.Size())
		}
	}
}

// scored has a model scored as a live stream.
func scored(t *testing.T, m *model.Model) eval.Model {
	return eval.Model{Name: m.Name(), Past: true, Denoise: func(y []float64) (clean, lo, hi []float64) {
		clean, err := Denoise(m, y, nil)
		if err != nil {
			t.Fatal(err)
		}
		return clean, nil, nil
	}}
}

func TestQuantize(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	clean := pulseTrain(6000, 0)
	noisy := addWhite(clean, .3, 1)
	lost := make([]bool, len(noisy))
	for i := range lost {
		lost[i] = i%50 == 7
	}
	q, err := Quantize(m, [][]float64{noisy, noisy}, [][]bool{nil, lost}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Quantize(m, [][]float64{noisy, noisy}, [][]bool{nil, lost}, 1); err != nil || again.Name() != q.Name() {
		t.Errorf("the same input gives %s, then %s (%v)", q.Name(), again.Name(), err)
	}
	test := pulseTrain(4000, 100)
	in := addWhite(test, .3, 2)
	if a, b := gainOf(t, m, test, in), gainOf(t, q, test, in); !(a > 3 && b > a-lostMost) {
		t.Errorf("gains %.2f dB, with 8 bits %.2f", a, b)
	}
	// A series that does not move has nothing to scale by.
	still := make([]float64, 4000)
	if _, err := Quantize(m, [][]float64{still, noisy}, nil, 1); err != nil {
		t.Errorf("beside a series that does not move: %v", err)
	}
	joint, err := nn.New(TCNArch(2, 4, 3, []int{1}, 0).Spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	two, err := model.New(TCNArch(2, 4, 3, []int{1}, 0).header("two"), joint)
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]func() error{
		"too short":     func() error { _, err := Quantize(m, [][]float64{noisy[:900]}, nil, 1); return err },
		"2 channels":    func() error { _, err := Quantize(two, [][]float64{noisy}, nil, 1); return err },
		"an int8 model": func() error { _, err := Quantize(q, [][]float64{noisy}, nil, 1); return err },
		"name the float32": func() error {
			_, _, err := FineTune(t.Context(), q, Windows(q, noisy, nil, 256), FineTuneConfig{})
			return err
		},
		"cannot be fine-tuned": func() error {
			_, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{clean}, From: q, Steps: 1})
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Every range holds nearly all of what the net sees of a new series.
func TestQuantizeRanges(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 8))
	x := make([]float64, 8000)
	for i := range x {
		x[i] = math.Sin(float64(i)/7) + .1*rng.NormFloat64()
	}
	q, err := Quantize(m, [][]float64{x}, nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	in := q.Header().Int8.Inputs
	if len(in) != 13 {
		t.Errorf("%d layers have 8-bit weights, want 13: all but the first", len(in))
	}
	for name, v := range in {
		// What a GELU makes is never below -.17, the sums of the trunk are on both sides.
		if trunk := strings.HasSuffix(name, "layers.0"); trunk && (v.Zero < 16 || v.Zero > 239) {
			t.Errorf("%s: zero is at %d", name, v.Zero)
		} else if !trunk && float64(v.Zero)*float64(v.Scale) > .171+float64(v.Scale) {
			t.Errorf("%s: the range begins at %g", name, -float64(v.Zero)*float64(v.Scale))
		}
	}
}
