// Package golden compares the detectors with what River and Frouros gave for the
// same values: the cases are files of streams, parameters, drifts and states.
package golden

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/drift"
)

// Case is one detector with its parameters on one stream, and what came of it.
type Case struct {
	Name  string // detector/stream and parameters
	check func() ([]string, error)
}

// Run feeds a fresh detector and returns what differs, one sentence each: drifts
// and whole numbers must be equal, others within 1e-9 of their size or 1e-12. An
// error says that the case can't be run.
func (c *Case) Run() (differences []string, err error) {
	if differences, err = c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return differences, nil
}

// Load reads the cases of every detector that drift.New knows and others have, from the folder
// with what is expected and that with the streams; both may be gzipped. A
// detector without cases is an error.
func Load(expected, streams string) ([]Case, error) {
	var cases []Case
	for _, name := range drift.Names() {
		if windowed, err := isTwoWindow(name); err != nil {
			return nil, err
		} else if windowed || name == own {
			continue // those share a file, and to this one there is nothing to compare
		}
		list, err := loadSequential(name, expected, streams)
		if err != nil {
			return nil, err
		}
		cases = append(cases, list...)
	}
	list, err := loadWindows(filepath.Join(expected, "batch_frouros.json"))
	return append(cases, list...), err
}

// own is the detector that nobody else has.
const own = "LocalLevel"

func isTwoWindow(name string) (bool, error) {
	d, err := drift.New(name, nil)
	if err != nil {
		return false, err
	}
	_, ok := d.(*drift.TwoWindow)
	return ok, nil
}

func loadSequential(detector, expected, streams string) ([]Case, error) {
	// Frouros's files bear its name.
	b, err := read(filepath.Join(expected, detector+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		b, err = read(filepath.Join(expected, detector+"_frouros.json"))
	}
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %w", detector, err)
	}
	var file struct {
		Cases []*sequential `json:"cases"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("golden: %s: %w", detector, err)
	}
	if len(file.Cases) == 0 {
		return nil, fmt.Errorf("golden: %s: there are no cases", detector)
	}
	list := make([]Case, len(file.Cases))
	for i, s := range file.Cases {
		s.detector, s.path = detector, filepath.Join(streams, s.Stream+".csv")
		params, err := json.Marshal(s.Params)
		if err != nil {
			return nil, fmt.Errorf("golden: %s: %w", detector, err)
		}
		list[i] = Case{Name: detector + "/" + s.Stream + string(params), check: s.check}
	}
	return list, nil
}

// testKeys maps the keys of the file of two-sample tests to detectors and their
// parameters.
var testKeys = []struct {
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

func loadWindows(path string) ([]Case, error) {
	b, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	var file []map[string][]float64
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("golden: %s: %w", path, err)
	}
	var list []Case
	for i, c := range file {
		for _, k := range testKeys {
			name := fmt.Sprintf("%s/windows %d", k.name, i)
			if len(c[k.key]) == 0 {
				return nil, fmt.Errorf("golden: %s: case %d has no %q", path, i, k.key)
			}
			list = append(list, Case{name, func() ([]string, error) { return windows(k.name, k.params, c["ref"], c["test"], c[k.key]) }})
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("golden: %s: there are no cases", path)
	}
	return list, nil
}

// LoadKS reads SciPy's exact Kolmogorov–Smirnov p-values, ties included.
func LoadKS(path string) ([]Case, error) {
	b, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	var file []struct {
		A, B []float64
		D, P float64
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("golden: %s: %w", path, err)
	}
	list := make([]Case, len(file))
	for i, c := range file {
		list[i] = Case{fmt.Sprintf("KS/exact %d", i), func() ([]string, error) { return windows("KS", nil, c.A, c.B, []float64{c.D, c.P}) }}
	}
	return list, nil
}

// windows feeds two samples one after the other and compares the statistic or
// distance, and the p-value.
func windows(name string, params map[string]string, ref, test, want []float64) ([]string, error) {
	all := map[string]string{"reference_size": strconv.Itoa(len(ref)), "window_size": strconv.Itoa(len(test))}
	maps.Copy(all, params)
	d, err := drift.New(name, all)
	if err != nil {
		return nil, err
	}
	for _, xs := range [][]float64{ref, test} {
		for _, x := range xs {
			d.Update(x)
		}
	}
	var got []float64
	d.Vars(func(v string, x float64) {
		if v != "n" {
			got = append(got, x)
		}
	})
	if len(got) != len(want) {
		return nil, fmt.Errorf("%d values, want %d", len(got), len(want))
	}
	var bad []string
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tolerance(w)) {
			bad = append(bad, fmt.Sprintf("value %d = %.17g, want %.17g", i, got[i], w))
		}
	}
	return bad, nil
}

// tolerance is how far a value may be from what is wanted.
func tolerance(want float64) float64 { return max(1e-12, 1e-9*math.Abs(want)) }

// read reads a file, or the gzipped one of the same name.
func read(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	z, zerr := os.ReadFile(path + ".gz")
	if zerr != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// readStream reads one number per line.
func readStream(path string) ([]float64, error) {
	b, err := read(path)
	if err != nil {
		return nil, err
	}
	var xs []float64
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		x, err := strconv.ParseFloat(strings.TrimSpace(s.Text()), 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		xs = append(xs, x)
	}
	return xs, nil
}
