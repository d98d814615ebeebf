package drift

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
)

// TestSciPyKS compares exact p-values, ties included.
func TestSciPyKS(t *testing.T) {
	var cases []struct {
		A, B []float64
		D, P float64
	}
	if err := json.Unmarshal(readMaybeGzip(t, sharedtest.Path(t, "golden/drift/expected/ks_2samp.json")), &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		compareWindows(t, strconv.Itoa(i)+": ", "KS", nil, c.A, c.B, []float64{c.D, c.P})
	}
}

// twoWindowKeys maps the keys of the reference file to detectors and their
// parameters.
var twoWindowKeys = []struct {
	key, name string
	params    map[string]string
}{
	{"ks", "KS", nil},
	{"cvm", "CVM", nil},
	{"anderson", "AndersonDarling", nil},
	{"mwu", "MannWhitney", nil},
	{"welch", "Welch", nil},
	{"kuiper", "Kuiper", nil},
	{"mmd", "MMD", nil},
	{"energy", "Energy", nil},
	{"emd", "EMD", nil},
	{"psi", "PSI", map[string]string{"binning": "pooled"}},
	{"js", "JS", nil},
	{"hellinger", "Hellinger", nil},
	{"bhattacharyya", "Bhattacharyya", nil},
}

func runTwoWindow(t *testing.T, path string) {
	t.Run("two windows", func(t *testing.T) {
		var cases []map[string][]float64
		if err := json.Unmarshal(readMaybeGzip(t, path), &cases); err != nil {
			t.Fatal(err)
		}
		if len(cases) == 0 {
			t.Fatal("no cases")
		}
		for i, c := range cases {
			for _, k := range twoWindowKeys {
				if len(c[k.key]) == 0 {
					t.Fatalf("case %d: no %q", i, k.key)
				}
				compareWindows(t, strconv.Itoa(i)+": ", k.name, k.params, c["ref"], c["test"], c[k.key])
			}
		}
	})
}

// compareWindows feeds two samples one after the other and compares the
// statistic or distance, and the p-value.
func compareWindows(t *testing.T, label, name string, params map[string]string, ref, test, want []float64) {
	t.Helper()
	all := map[string]string{"reference_size": strconv.Itoa(len(ref)), "window_size": strconv.Itoa(len(test))}
	maps.Copy(all, params)
	d, err := New(name, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range slices.Concat(ref, test) {
		d.Update(x)
	}
	var got []float64
	d.Vars(func(v string, x float64) {
		if v != "n" {
			got = append(got, x)
		}
	})
	if len(got) != len(want) {
		t.Fatalf("%s%s: %d values, want %d", label, name, len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= max(1e-12, 1e-9*math.Abs(w))) {
			t.Errorf("%s%s: value %d = %.17g, want %.17g", label, name, i, got[i], w)
		}
	}
}
