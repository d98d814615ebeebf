package eval

import (
	"math"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/classic"
)

// row makes a candidate from its gains by seed.
func row(name string, ahead int, gains ...float64) candidate {
	r := Result{Method: name, Setting: name + ":w=5", Model: strings.HasPrefix(name, "net"), Ahead: ahead, Coverage: nan, SNRIn: 10}
	if r.Model {
		r.Coverage = .9
	}
	r.Gain = middle(append([]float64(nil), gains...))
	return candidate{r, gains}
}

// TestVerdict holds the rules: who is in, what is a tie, who wins it, and how it
// is said.
func TestVerdict(t *testing.T) {
	full := classic.Full
	for _, c := range []struct {
		name string
		rows []candidate
		use  string
		text string
	}{
		{"a model that is better", []candidate{row("net", 8, 8.7, 8.8, 8.6), row("kalman", 8, 5.1, 5.2, 5), row("wavelet", full, 7.5, 7.6, 7.4)}, "net",
			"Use net: 8.7 dB gained against 5.1 of the best classical filter that looks no further ahead (kalman); 8 samples, 0.08 s, late. Of the filters that may look further ahead the best gains 7.5 dB (wavelet)."},
		{"a filter that is better", []candidate{row("net", 8, 4), row("median", 2, 6)}, "median",
			"Use the median filter here (median:w=5): 6.0 dB gained against 4.0 of net; 2 samples, 0.02 s, late."},
		{"a tie by the floor", []candidate{row("net", 8, 6.19, 6.19), row("median", 2, 6, 6)}, "median",
			"Use the median filter here (median:w=5): 6.0 dB gained; net with 6.2 dB is no better beyond chance, and not as simple; 2 samples, 0.02 s, late."},
		{"just no tie", []candidate{row("net", 0, 6.21, 6.21), row("median", 2, 6, 6)}, "net",
			"Use net: 6.2 dB gained against 6.0 of the best classical filter that looks no further ahead (median); it is not late at all."},
		{"a tie by the seeds", []candidate{row("net", 8, 6.3, 7.2, 6.8), row("median", 2, 6.2, 6.2, 6.3)}, "median",
			"Use the median filter here (median:w=5): 6.2 dB gained; net with 6.8 dB is no better beyond chance, and not as simple; 2 samples, 0.02 s, late."},
		{"seeds that move all methods alike are no scatter", []candidate{row("net", 8, 6.3, 9.3, 3.3), row("median", 2, 5.9, 8.9, 2.9)}, "net",
			"Use net: 6.3 dB gained against 5.9 of the best classical filter that looks no further ahead (median); 8 samples, 0.08 s, late."},
		{"of tied filters the simplest", []candidate{row("kalman", 1, 6), row("moving_average", 8, 5.9)}, "moving_average",
			"Use the moving average filter here (moving_average:w=5): 5.9 dB gained; 8 samples, 0.08 s, late."},
		{"of equally simple ones the earliest", []candidate{row("net2", 8, 6), row("net1", 2, 5.9)}, "net1",
			"Use net1: 5.9 dB gained; 2 samples, 0.02 s, late."},
		{"the whole recording is another matter", []candidate{row("net", 8, 5), row("median", 2, 3), row("wavelet", full, 9)}, "net",
			"Use net: 5.0 dB gained against 3.0 of the best classical filter that looks no further ahead (median); 8 samples, 0.08 s, late. Where it may be later, wavelet gains 9.0 dB (it needs the whole recording)."},
		{"a model that looks too far", []candidate{row("net", 8, 5), row("net32", 32, 9)}, "net",
			"Use net: 5.0 dB gained; 8 samples, 0.08 s, late. Where it may be later, net32 gains 9.0 dB (32 samples, 0.32 s, late)."},
		{"none", []candidate{row("net", 8, -1), row("median", 2, .2)}, Raw,
			"No method helps: the noise is too much like the signal; the best, median, gains 0.2 dB."},
		{"none but with the whole recording", []candidate{row("net", 8, -1), row("wavelet", full, 3)}, Raw,
			"No method helps that is at most 8 samples late: the noise is too much like the signal; the best, net, gains -1.0 dB. Where it may be later, wavelet gains 3.0 dB (it needs the whole recording)."},
		{"nothing that could be scored", []candidate{row("net", 8, nan)}, Raw, "No method helps: the noise is too much like the signal."},
	} {
		v := judge(c.rows, 8)
		v.Channel, v.SNR = "a", 10
		if v.Use.Method != c.use {
			t.Errorf("%s: use %s, want %s", c.name, v.Use.Method, c.use)
		}
		if got := Advise([]Verdict{v}, 100)[0].Text; got != c.text {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.text)
		}
	}
}

// TestAdvise puts levels in a row that have the same verdict into one sentence.
func TestAdvise(t *testing.T) {
	s := &Study{Channel: "temp", Levels: []float64{0, 10, 20, 30}, Limit: 8}
	for _, g := range [][2]float64{{9, 6}, {7, 5}, {3, 3.1}, {-2, 0}} {
		in := s.Levels[len(s.Runs)]
		net := Result{Method: "net", Model: true, Ahead: 8, Gain: g[0], Coverage: .9 - .01*in, SNRIn: in}
		s.Runs = append(s.Runs, [][]Result{{net, {Method: "median", Setting: "median:w=5", Ahead: 1, Gain: g[1] - 1, Coverage: nan, SNRIn: in}}})
		s.Equal = append(s.Equal, [][]Result{{{Method: "median", Setting: "median:w=7,l=8", Ahead: 1, Gain: g[1], Coverage: nan, SNRIn: in}}})
	}
	var got []string
	for _, a := range Advise(s.Verdicts(), 0) {
		got = append(got, a.Where()+": "+a.Text)
	}
	want := []string{
		"temp at 0 to 10 dB: Use net: 9.0 to 7.0 dB gained against 6.0 to 5.0 of the best classical filter that looks no further ahead (median); 8 samples late. Don't rely on its interval: it covers 80 % of the truth where it claims 90.",
		"temp at 20 dB: Use the median filter here (median:w=7,l=8): 3.1 dB gained; net with 3.0 dB is no better beyond chance, and not as simple; 1 sample late.",
		"temp at 30 dB: No method helps: the noise is below what these methods can remove; the best, median, gains 0.0 dB.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.Levels = []float64{math.NaN()}
	s.Runs, s.Equal = s.Runs[:1], nil
	if a := Advise(s.Verdicts(), 0); len(a) != 1 || a[0].Where() != "temp" {
		t.Errorf("noisy as it came: %+v", a)
	}
}

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		ahead int
		rate  float64
		want  string
	}{
		{0, 10, "it is not late at all"},
		{classic.Full, 10, "it needs the whole recording"},
		{1, 0, "1 sample late"},
		{8, 0, "8 samples late"},
		{1, 1, "1 sample, 1 s, late"},
		{8, 360, "8 samples, 0.0222 s, late"},
		{100, 1, "100 samples, 100 s, late"},
		{8, 1. / 300, "8 samples, 40 min, late"},
		{8, 1. / 3600, "8 samples, 8 h, late"},
		{8, 1. / 86400, "8 samples, 8 d, late"},
	} {
		if got := delay(c.ahead, c.rate); got != c.want {
			t.Errorf("%d samples at %g Hz: %s, want %s", c.ahead, c.rate, got, c.want)
		}
	}
}
