package eval

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
	"github.com/quell-stream/quell/model/classic"
)

// TestECGBaselines holds the tuned classical filters against the figures that
// the quality targets were measured from: record 100, white noise at 10 dB.
func TestECGBaselines(t *testing.T) {
	x := sharedtest.Column(t, "data/ecg_mitdb/mitdb_100.csv.gz", "mlii_mv")
	want := map[string]float64{
		classic.MovingAverageName: 4.4,
		classic.SavitzkyGolayName: 5.1,
		classic.MedianName:        4.3,
		classic.KalmanName:        5.1,
		classic.WaveletName:       7.3,
	}
	families := classic.Families()
	if raceBuild { // arithmetic is ten times slower: the named five, and only the wavelets that can win
		families = slices.DeleteFunc(families, func(f classic.Family) bool { return want[f.Name] == 0 })
		for i, f := range families {
			families[i].Grid = slices.DeleteFunc(f.Grid, func(p classic.Params) bool {
				return f.Name == classic.WaveletName && (p.Rule != classic.SURE || p.Levels < 6)
			})
		}
	}
	results, err := Compare("mlii_mv", x, 10, White, 1, 0, Options{Families: families})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := WriteTable(&table, results); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	seen := 0
	for _, r := range results {
		if w, ok := want[r.Method]; ok {
			seen++
			if math.Abs(r.Gain-w) > .3 {
				t.Errorf("%s gains %.2f dB, want %.1f ± .3", r.Method, r.Gain, w)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d of the %d families are in the table", seen, len(want))
	}
}
