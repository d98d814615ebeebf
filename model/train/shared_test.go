package train

import (
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
)

// zeroShotGates are the gains in dB that the quality targets ask of the base
// models, by look-ahead. They name none for 0.
var zeroShotGates = map[int]float64{8: 8.4, 32: 8.4, 126: 8.5}

// zeroShotMargin is by how many dB a base model must beat every classical filter
// of its own look-ahead, though those were tuned with the truth.
const zeroShotMargin = 1

// TestECGZeroShot holds the shipped base models, streaming behind the running
// scaler, against the gain that the quality targets ask for on record 100 with
// white noise at 10 dB, on which nothing was trained, and against the filters.
func TestECGZeroShot(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("a long recording")
	}
	x := sharedtest.Column(t, "data/ecg_mitdb/mitdb_100.csv.gz", "mlii_mv")
	for _, lookahead := range model.BaseVariants() {
		m, err := model.Base(lookahead)
		if err != nil {
			t.Fatal(err)
		}
		base := eval.Model{Name: m.Name(), Past: true, Denoise: func(y []float64) (clean, lo, hi []float64) {
			clean, err := Denoise(m, y, nil)
			if err != nil {
				t.Fatal(err)
			}
			return clean, nil, nil
		}}
		results, err := eval.Compare("mlii", x, 10, eval.White, 1, m.Header().Spec.ReceptiveField(), eval.Options{Families: classic.FamiliesAt(lookahead)}, base)
		if err != nil {
			t.Fatal(err)
		}
		gain := results[0].Gain
		t.Logf("%s, look-ahead %d: %.2f dB", m.Name(), lookahead, gain)
		if least := zeroShotGates[lookahead]; !(gain >= least) {
			t.Errorf("%s, look-ahead %d: gain %.2f dB, want at least %.2f", m.Name(), lookahead, gain, least)
		}
		for _, r := range results[1:] {
			if !(gain >= r.Gain+zeroShotMargin) {
				t.Errorf("%s, look-ahead %d: gain %.2f dB, %s has %.2f", m.Name(), lookahead, gain, r.Method, r.Gain)
			}
		}
	}
}
