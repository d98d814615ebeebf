package main

import (
	"fmt"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/model/eval"
)

const (
	shortest = 6000  // samples of a recording that counts
	longest  = 30000 // samples that it is cut to
)

// recording is a channel that is long enough and moves.
type recording struct {
	Kind, File, Column string
	Rate               float64 // Hz; 0: not known
	Clean              []float64
}

func (r *recording) name() string {
	return strings.TrimSuffix(path.Base(r.File), ".csv.gz") + ":" + r.Column
}

// kinds names the kind of a channel by patterns of its file and its column; the
// first that fits counts. No kind: it is left out, for the reason given.
var kinds = []struct{ file, column, kind, why string }{
	{"*", "n", "", "an index"},
	{"*/*_beats.csv.gz", "*", "", "labels"},
	{"*", "anomaly*", "", "a label"},
	{"*", "changepoint", "", "a label"},
	{"*", "snapshot", "", "an index"},
	{"*", "segment", "", "an index"},
	{"elec2/*", "class", "", "a label"},
	{"elec2/*", "period", "", "a time"},
	{"occupancy/*", "occupancy", "", "a label"},
	{"broad/*", "movement", "", "a label"},
	{"femto/*_temp.csv.gz", "file", "", "an index"},
	{"femto/*_temp.csv.gz", "??", "", "a time"},
	{"femto/*_temp.csv.gz", "frac", "", "a time"},
	{"wsn_ulb_library/*", "*", "", "nodes take turns in the rows; no node has enough"},
	{"ecg_nstdb/nst118*", "e*", "", "a noisy form of another column"},
	{"ecg_nstdb/nst118*", "noise_on", "", "a label"},

	{"ecg_nstdb/nst118*", "*", "ecg", ""},
	{"ecg_nstdb/*", "*", "electrode noise", ""},
	{"ecg_mitdb/*", "*", "ecg", ""},
	{"broad/*", "imu_acc*", "acceleration", ""},
	{"broad/*", "imu_gyr*", "turning rate", ""},
	{"broad/*", "imu_mag*", "magnetic field", ""},
	{"broad/*", "opt_*", "pose", ""},
	{"femto/*_temp.csv.gz", "*", "bearing temperature", ""},
	{"femto/*", "*", "vibration", ""},
	{"cwru/*", "*", "vibration", ""},
	{"skab/*", "*", "pump", ""},
	{"nab/machine*", "*", "machine temperature", ""},
	{"occupancy/*", "*", "room", ""},
	{"qmul_air/*", "*", "air", ""},
	{"ucr_anomaly/*", "*", "arterial pressure", ""},
	{"elec2/*", "*", "electricity", ""},
}

// kindOf returns the kind of a channel, that of a folder that is not listed
// being its name.
func kindOf(file, column string) (kind, why string) {
	for _, k := range kinds {
		a, _ := path.Match(k.file, file)
		b, _ := path.Match(k.column, column)
		if (a || k.file == "*") && b {
			return k.kind, k.why
		}
	}
	return path.Dir(file), ""
}

// recordings returns all channels that the sweep is over: in the subset the
// first of each kind.
func (l *lab) recordings() ([]recording, error) {
	l.once.Do(func() { l.found, l.fault = l.discover() })
	return l.found, l.fault
}

func (l *lab) discover() ([]recording, error) {
	rates, err := l.rates()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(l.data, "*", "*.csv.gz"))
	if err != nil {
		return nil, err
	}
	var all []recording
	seen := map[string]bool{}
	for _, p := range paths {
		file := filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(p)), filepath.Base(p)))
		t, err := csvtable.Read(p)
		if err != nil {
			return nil, err
		}
		for i, column := range t.Names {
			x := t.Cols[i]
			if len(x) < shortest {
				continue
			}
			x = x[:min(len(x), longest)]
			kind, why := kindOf(file, column)
			if kind != "" && !moves(x) {
				kind, why = "", "it does not move in a half of its training part, or has gaps only"
			}
			if kind == "" {
				if l.verbose {
					fmt.Printf("  %s %s is left out: %s\n", file, column, why)
				}
				continue
			}
			if l.quick && seen[kind] {
				continue
			}
			seen[kind] = true
			all = append(all, recording{kind, file, column, rates[file], slices.Clone(x)})
		}
	}
	if len(all) == 0 {
		return nil, noData("no recording is long enough")
	}
	slices.SortStableFunc(all, func(a, b recording) int { return strings.Compare(a.Kind, b.Kind) })
	return all, nil
}

// moves says whether both halves of the training part move, and the rest too.
func moves(x []float64) bool {
	n := len(x) * 6 / 10
	for _, part := range [][]float64{x[:n/2], x[n/2 : n], x[settled:]} {
		if _, v := eval.Variance(part); !(v > 0) {
			return false
		}
	}
	return true
}

// rates reads the sampling rates of the manifest; what is no number or no
// fraction is not known.
func (l *lab) rates() (map[string]float64, error) {
	t, err := csvtable.Read(filepath.Join(l.data, "MANIFEST.csv"), "file", "fs_hz")
	if err != nil {
		return nil, err
	}
	rates := map[string]float64{}
	for i, file := range t.Text[0] {
		over, under, fraction := strings.Cut(t.Text[1][i], "/")
		a, err := strconv.ParseFloat(over, 64)
		b := 1.0
		if fraction && err == nil {
			b, err = strconv.ParseFloat(under, 64)
		}
		if err == nil && a > 0 && b > 0 && !math.IsInf(a/b, 0) {
			rates[file] = a / b
		}
	}
	return rates, nil
}
