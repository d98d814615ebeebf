package drift_test

import (
	"path/filepath"
	"testing"

	"github.com/quell-stream/quell/drift/golden"
	"github.com/quell-stream/quell/internal/sharedtest"
)

func runCases(t *testing.T, cases []golden.Case, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			bad, err := c.Run()
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range bad {
				t.Error(b)
			}
		})
	}
}

func TestRiverParity(t *testing.T) {
	cases, err := golden.Load("testdata/river", "testdata/river")
	runCases(t, cases, err)
}

func TestRiverParityFull(t *testing.T) {
	dir := sharedtest.Path(t, "golden/drift")
	cases, err := golden.Load(filepath.Join(dir, "expected"), filepath.Join(dir, "streams"))
	runCases(t, cases, err)
}

func TestSciPyKS(t *testing.T) {
	cases, err := golden.LoadKS(sharedtest.Path(t, "golden/drift/expected/ks_2samp.json"))
	runCases(t, cases, err)
}
