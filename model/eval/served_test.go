package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/classic"
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

// TestPercentsAddUp: shares of one whole are written as percents of one whole.
func TestPercentsAddUp(t *testing.T) {
	for _, c := range []struct {
		shares []float64
		want   string
	}{
		{[]float64{.705, .295}, "[71 % 29 %]"},
		{[]float64{1. / 3, 1. / 3, 1. / 3}, "[34 % 33 % 33 %]"},
		{[]float64{.8, .2}, "[80 % 20 %]"},
		{[]float64{.9995, .0005}, "[above 99.9 % below 0.1 %]"},
		{[]float64{1}, "[100 %]"},
	} {
		var all []Share
		for _, s := range c.shares {
			all = append(all, Share{"a", s})
		}
		if got := fmt.Sprint(percents(all)); got != c.want {
			t.Errorf("%v: %s, want %s", c.shares, got, c.want)
		}
	}
}

// TestLossIsTold: where what is served is worse than nothing, its line says so.
func TestLossIsTold(t *testing.T) {
	served := &Served{[]Share{{"kalman", 1}}, []Share{{"it is better", 1}}}
	var b bytes.Buffer
	if err := WriteServed(&b, []Result{{Channel: "a", Method: "served", SNRIn: 10, Gain: -1.72, Served: served}, {Channel: "b", Method: "served", SNRIn: 10, Gain: .4, Served: served}}); err != nil {
		t.Fatal(err)
	}
	if want := "a, 10.0 dB in, served by kalman 100 %: it is better; 1.7 dB worse than the readings as they are\nb, 10.0 dB in, served by kalman 100 %: it is better\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// TestWienerAdvice: the advice says what it is against before what it is.
func TestWienerAdvice(t *testing.T) {
	v := Verdict{Channel: "a", SNR: 10, Use: Result{Method: classic.WienerName, Setting: "wiener:taps=21,l=8", Gain: 2, Ahead: 8}, Rival: &Result{Method: "base", Gain: -1.6}}
	text := advise([]Verdict{v}, 1).Text
	if want := "2.0 dB gained against -1.6 of base; its coefficients are learnt from the recording"; !strings.Contains(text, want) {
		t.Errorf("got %q, want %q in it", text, want)
	}
}
