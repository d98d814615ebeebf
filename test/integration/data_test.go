//go:build integration

package integration

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// shared returns the path of a recording, which lies beside the repository or
// where QUELL_SHARED says. Without it the test is skipped, but not in CI.
func shared(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("QUELL_SHARED")
	if dir == "" {
		dir = filepath.Join(root(), "..", "shared")
	}
	path, err := filepath.Abs(filepath.Join(dir, "data", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%s is not there: put the shared data beside the repository or set QUELL_SHARED", path)
	}
	return path
}

// table reads up to limit rows of a gzipped CSV file; 0 means all.
func table(t *testing.T, path string, limit int) (header []string, rows [][]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	if header, err = r.Read(); err != nil {
		t.Fatal(err)
	}
	if limit == 0 {
		if rows, err = r.ReadAll(); err != nil {
			t.Fatal(err)
		}
		return header, rows
	}
	for len(rows) < limit {
		row, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return header, rows
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// shortest is the shortest decimal that reads back as v.
func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

const ecgHz = 360

// ecg is an electrocardiogram with white noise on it. Sample i has the time
// ts[i] in nanoseconds.
type ecg struct {
	ts           []int64
	clean, noisy []float64
}

// readECG returns the first n samples of the recording 100 of the MIT-BIH
// arrhythmia database, with noise at 10 dB.
func readECG(t *testing.T, n int) ecg {
	t.Helper()
	header, rows := table(t, shared(t, "ecg_mitdb/mitdb_100.csv.gz"), n)
	column := slices.Index(header, "mlii_mv")
	e := ecg{ts: make([]int64, n), clean: make([]float64, n), noisy: make([]float64, n)}
	var sum, squares float64
	for i, row := range rows {
		v := number(t, row[column])
		e.clean[i] = v
		sum, squares = sum+v, squares+v*v
	}
	mean := sum / float64(n)
	sigma := math.Sqrt((squares/float64(n) - mean*mean) / 10)
	rnd := rand.New(rand.NewPCG(100, 10))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	for i := range n {
		e.ts[i] = start + int64(math.Round(float64(i)*1e9/ecgHz))
		e.noisy[i] = e.clean[i] + sigma*rnd.NormFloat64()
	}
	return e
}
