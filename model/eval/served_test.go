package eval

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestServed: shares are of the test part, means over the seeds, and such a row is
// told but not chosen.
func TestServed(t *testing.T) {
	x := make([]float64, 1000)
	for i := range x {
		x[i] = float64(i % 50)
	}
	guarded := Model{Name: "served", Past: true, Ahead: 8, Together: func(y [][]float64) []Estimate {
		n := len(y[0])
		e := Estimate{Clean: slices.Clone(x), Trace: &Trace{Methods: make([]string, n), Reasons: make([]string, n)}}
		for i := range n {
			e.Trace.Methods[i], e.Trace.Reasons[i] = "early", "before the test part"
			if i >= 800 {
				e.Trace.Methods[i], e.Trace.Reasons[i] = "net", "it is better"
			}
			if i >= 960 {
				e.Trace.Methods[i] = "median"
			}
		}
		return []Estimate{e}
	}}
	trial, err := NoisyTrial("a", x, 10, White, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := trial.Compare(Options{NoFamilies: true}, Model{Name: "net", Ahead: 8, Denoise: func(y []float64) (c, lo, hi []float64) { return y, nil, nil }}, guarded)
	if r[0].Served != nil || r[1].Served.By() != "net 80 %, median 20 %" || r[1].Served.Why() != "it is better" {
		t.Fatalf("%+v, %+v", r[0].Served, r[1].Served)
	}
	s := Study{Channel: "a", Levels: []float64{10}, Limit: 8, Runs: [][][]Result{{r}}}
	if v := s.Verdicts()[0]; v.Use.Method == "served" || v.Rival != nil && v.Rival.Method == "served" {
		t.Errorf("chosen: %s", v.Use.Method)
	}
	other := slices.Clone(r)
	other[1].Served = &Served{[]Share{{"kalman", 1}}, []Share{{"it is better", .5}, {"nothing is", .5}}}
	m := Median(r, other)[1].Served
	if m.By() != "kalman 50 %, net 40 %, median 10 %" || m.Why() != "75 %: it is better; 25 %: nothing is" {
		t.Errorf("%s; %s", m.By(), m.Why())
	}
	var b bytes.Buffer
	if err := WriteServed(&b, r); err != nil || !strings.HasPrefix(b.String(), "a, ") || !strings.HasSuffix(b.String(), " dB in, served by net 80 %, median 20 %: it is better\n") || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%q, %v", b.String(), err)
	}
	text, err := json.Marshal(r[1])
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(text, &back); err != nil || back.Served.By() != r[1].Served.By() {
		t.Errorf("%s: %v", text, err)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 1: "100 %", .934: "93 %", .0005: "below 0.1 %", .004: "0.4 %", .9996: "above 99.9 %", .997: "99.7 %"} {
		if got := percent(share); got != want {
			t.Errorf("%g: %s, want %s", share, got, want)
		}
	}
}
