package eval

import (
	"bufio"
	"compress/gzip"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/classic"
)

// recording reads one column of a recording in the shared data folder, which
// lies beside the repository or where QUELL_SHARED says. Without it the test is
// skipped, but not in CI.
func recording(t *testing.T, path, column string) []float64 {
	t.Helper()
	root := os.Getenv("QUELL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path = filepath.Join(root, filepath.FromSlash(path))
	f, err := os.Open(path)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("%s is not there: put the shared data beside the repository or set QUELL_SHARED", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	if !lines.Scan() {
		t.Fatalf("%s is empty", path)
	}
	k := slices.Index(strings.Split(lines.Text(), ","), column)
	if k < 0 {
		t.Fatalf("%s has no column %s", path, column)
	}
	var x []float64
	for lines.Scan() {
		cell := lines.Text()
		for range k {
			_, cell, _ = strings.Cut(cell, ",")
		}
		cell, _, _ = strings.Cut(cell, ",")
		v := math.NaN()
		if cell != "" {
			if v, err = strconv.ParseFloat(cell, 64); err != nil {
				t.Fatal(err)
			}
		}
		x = append(x, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestECGBaselines holds the tuned classical filters against the figures that
// the quality targets were measured from: record 100, white noise at 10 dB.
func TestECGBaselines(t *testing.T) {
	x := recording(t, "data/ecg_mitdb/mitdb_100.csv.gz", "mlii_mv")
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
