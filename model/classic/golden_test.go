package classic

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

type golden struct {
	Versions map[string]string
	Signals  []struct {
		Clean, Noisy []float64
		Filters      []struct {
			Filter string
			Want   []float64
			Edge   int // samples at either end that the library defines otherwise
		}
		Wiener []struct {
			Noise     float64
			Lookahead int
			Taps      int
			Want      []float64
		}
	}
}

func loadGolden(t testing.TB) *golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(golden)
	if err := json.Unmarshal(b, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGolden compares every filter with SciPy, PyWavelets, statsmodels and plain
// NumPy (testdata/golden.py names the versions and what differs by definition).
func TestGolden(t *testing.T) {
	g := loadGolden(t)
	if len(g.Signals) == 0 {
		t.Fatal("testdata/golden.json holds no signals")
	}
	for i, s := range g.Signals {
		if len(s.Filters) < 33 || len(s.Wiener) < 2 {
			t.Fatalf("signal %d: %d filters and %d Wiener filters, golden.json is not whole", i, len(s.Filters), len(s.Wiener))
		}
		for _, c := range s.Filters {
			p, err := ParseFilter(c.Filter)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float64, len(s.Noisy))
			Apply(got, s.Noisy, p)
			near(t, i, c.Filter, got[c.Edge:len(got)-c.Edge], c.Want[c.Edge:len(c.Want)-c.Edge], 1e-9)
		}
		for _, c := range s.Wiener {
			p := LearnWiener(s.Clean, c.Noise, Params{Window: c.Taps, Lookahead: c.Lookahead})
			got := make([]float64, len(s.Noisy))
			Apply(got, s.Noisy, p)
			near(t, i, p.String(), got, c.Want, 1e-8)
		}
	}
}

func near(t *testing.T, signal int, name string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("signal %d, %s: %d values, want %d", signal, name, len(got), len(want))
	}
	for k := range got {
		if !(math.Abs(got[k]-want[k]) <= tol*max(1, math.Abs(want[k]))) {
			t.Errorf("signal %d, %s: value %d is %.12g, want %.12g", signal, name, k, got[k], want[k])
			return
		}
	}
}
