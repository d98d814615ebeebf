package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/train"
)

// TestEstimates: what is scored is what the package train gives for the whole
// recording, gaps and the first slots included, for each channel by itself and
// at each coverage.
func TestEstimates(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	y := make([][]float64, 2)
	for i := range y {
		for k := range 3000 {
			y[i] = append(y[i], 5+math.Sin(float64(k)/20)+.3*rng.NormFloat64())
		}
	}
	for k := 700; k < 760; k++ {
		y[1][k] = math.NaN()
	}
	got, err := estimates(m, y, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range y {
		x, _ := filled(y[i])
		for c, coverage := range eval.Nominal() {
			clean, lo, hi, err := train.DenoiseInterval(m, x, lostOf(y[i]), coverage)
			if err != nil {
				t.Fatal(err)
			}
			e := got[i]
			for k := range clean {
				for _, p := range [][2]float64{{e.Clean[k], clean[k]}, {e.Bounds[c].Lo[k], lo[k]}, {e.Bounds[c].Hi[k], hi[k]}} {
					if math.IsNaN(p[0]) && (math.IsNaN(p[1]) || k < 16) { // before the scale is known
						continue
					}
					if !(math.Abs(p[0]-p[1]) <= 1e-6) {
						t.Fatalf("channel %d, slot %d, %g %%: %v, want %v", i, k, 100*coverage, p[0], p[1])
					}
				}
			}
		}
	}
}

// TestServed: the row of what is served is what quell denoise gives, value by value,
// with its interval and its method.
func TestServed(t *testing.T) {
	in, path := recording(t, 6000), tinyModel(t, 0, 3)
	m, err := loadModel(path, anyLookahead)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := readTable(streams{}, in, "t", []string{"v"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := estimates(m, rec.cols, true)
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := quell(t, "denoise", in, "--channels", "v", "--model", path)
	if code != 0 {
		t.Fatal(errs)
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	e, b := got[0], got[0].Bounds[eval.Ninety]
	count := map[string]int{}
	for i, r := range rows[1:] {
		count[r[5]]++
		for k, v := range []float64{e.Clean[i], b.Lo[i], b.Hi[i]} {
			if want := number(r[1+k]); v != want && !(math.Abs(v-want) <= 1e-12*math.Abs(want)) && !(math.IsNaN(v) && math.IsNaN(want)) {
				t.Fatalf("row %d, %s: %v, want %v", i, rows[0][1+k], v, want)
			}
		}
		if e.Trace.Methods[i] != r[5] {
			t.Fatalf("row %d is by %s, want %s", i, e.Trace.Methods[i], r[5])
		}
	}
	if count["net"] < 256 || len(rows)-1-count["net"]-count["raw"] < 2000 {
		t.Errorf("rows by method: %v", count)
	}
}

// heartFiles writes an ECG of 60 s at 100 Hz with a bulge near its end, and
// where its beats are.
func heartFiles(t *testing.T) (rec, found string) {
	rec, found = filepath.Join(t.TempDir(), "heart.csv"), filepath.Join(t.TempDir(), "beats.csv")
	rng := rand.New(rand.NewPCG(3, 3))
	var text, marks strings.Builder
	text.WriteString("v,fault\n")
	marks.WriteString("n,symbol\n3,+\n")
	for i := range 6000 {
		s := math.Mod(float64(i), 80) - 40
		fault := 0
		v := math.Exp(-s*s/8) + .02*rng.NormFloat64()
		if i >= 5500 && i < 5700 {
			fault, v = 1, v+3-3*math.Cos(2*math.Pi*float64(i-5500)/200)
		}
		fmt.Fprintf(&text, "%.4f,%d\n", v, fault)
		if s == 0 {
			fmt.Fprintf(&marks, "%d,N\n", i)
		}
	}
	for path, b := range map[string]*strings.Builder{rec: &text, found: &marks} {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return rec, found
}

// TestEvalFound: heartbeats and faults are found in the truth; noise costs some,
// and denoising brings them back.
func TestEvalFound(t *testing.T) {
	rec, beats := heartFiles(t)
	var out bytes.Buffer
	o := &evalOptions{channels: []string{"v"}, snr: []float64{-3}, noise: "white", seeds: 1, seed: 1, lookahead: 8, asJSON: true,
		beats: beats, labels: "fault", rate: 100, rateGiven: true}
	if err := runEval(t.Context(), streams{out: &out}, rec, o); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Downstream struct {
			Beats []struct {
				Method       string
				Sensitivity  float64
				Predictivity float64 `json:"positive_predictivity"`
			}
			Faults []struct {
				Method string
				AUC    float64
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	auc := map[string]float64{}
	for _, f := range got.Downstream.Faults {
		auc[f.Method[:3]] = f.AUC
	}
	if !(auc["tru"] > .9) || !(auc["raw"] > .5) || !(auc["bas"] > auc["raw"]) {
		t.Errorf("AUC of faults: %v", auc)
	}
	both := map[string]float64{}
	for _, b := range got.Downstream.Beats {
		both[b.Method[:3]] = b.Sensitivity * b.Predictivity
	}
	if !(both["tru"] > .98) || !(both["raw"] < both["tru"]) || !(both["bas"] > both["raw"]) {
		t.Errorf("beats, sensitivity times predictivity: %v", both)
	}

	out.Reset()
	o.asJSON = false
	if err := runEval(t.Context(), streams{out: &out}, rec, o); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "v, found again in the test part\nsignal") || !strings.Contains(text, "\ntruth ") {
		t.Error(text)
	}
}

// TestChannelNoise: equal channels get different noise, the first the one that it
// has by itself.
func TestChannelNoise(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 5000)
	for i := range x {
		x[i] = math.Sin(float64(i) / 20)
	}
	e := evaluation{evalOptions: &evalOptions{seed: 1}, kind: eval.White, models: []*model.Model{m}, subjects: []subject{{"a", x, nil}, {"b", x, nil}}}
	both, err := e.trials(10, 0)
	if err != nil {
		t.Fatal(err)
	}
	e.subjects = e.subjects[:1]
	alone, err := e.trials(10, 0)
	if err != nil {
		t.Fatal(err)
	}
	var a, b []float64
	for i := range x {
		if both[0].Noisy[i] != alone[0].Noisy[i] {
			t.Fatal("the noise of a channel depends on what comes after it")
		}
		a, b = append(a, both[0].Noisy[i]-x[i]), append(b, both[1].Noisy[i]-x[i])
	}
	if cc := eval.CC(a, b); math.Abs(cc) > .05 {
		t.Errorf("the noise of two channels correlates by %.3f", cc)
	}
}
