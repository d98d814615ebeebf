// Package sharedtest gives tests the recordings and reference outputs that lie
// beside the repository, in ../shared or where QUELL_SHARED says. Without them a
// test is skipped, but not in CI.
package sharedtest

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// Path returns the path of a file or folder of the shared data, given with
// slashes: data/ecg_mitdb/mitdb_100.csv.gz. Tests run in their package's folder,
// so that the repository's root is the nearest folder above with a go.mod.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("QUELL_SHARED")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	switch _, err := os.Stat(path); {
	case err == nil:
	case errors.Is(err, os.ErrNotExist) && os.Getenv("CI") != "true":
		t.Skipf("%s is not there: put the shared data beside the repository or set QUELL_SHARED", path)
	default:
		t.Fatal(err)
	}
	return path
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("there is no go.mod above the test's folder")
		}
		dir = up
	}
}

// Rows reads a gzipped CSV file of the shared data, its header first.
func Rows(t testing.TB, name string) [][]string {
	t.Helper()
	f, err := os.Open(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := read(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return rows
}

func read(r io.Reader) ([][]string, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return csv.NewReader(z).ReadAll()
}

// Column reads one column of a gzipped CSV file of the shared data; an empty
// field is NaN.
func Column(t testing.TB, name, column string) []float64 {
	t.Helper()
	rows := Rows(t, name)
	k := slices.Index(rows[0], column)
	if k < 0 {
		t.Fatalf("%s has no column %s", name, column)
	}
	x := make([]float64, len(rows)-1)
	for i, row := range rows[1:] {
		x[i] = math.NaN()
		if row[k] == "" {
			continue
		}
		var err error
		if x[i], err = strconv.ParseFloat(row[k], 64); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return x
}
