package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quell-stream/quell/model/eval"
)

var nan = math.NaN()

// channel makes a channel with all that a page can hold, of n test samples.
func channel(t testing.TB, name string, n int) Channel {
	x := make([]float64, 5*n)
	for i := range x {
		x[i] = math.Sin(float64(i)/30) + .3*math.Sin(float64(i)/7)
	}
	s := eval.Study{Channel: name, Levels: []float64{0, 10, 30}, Limit: 8}
	c := Channel{Name: name}
	half := eval.Model{Name: "net@abc123", Ahead: 8, Setting: "look-ahead 8", Together: func(y [][]float64) []eval.Estimate {
		e := eval.Estimate{Clean: make([]float64, len(y[0]))}
		for i, v := range y[0] {
			e.Clean[i] = .5*v + .5*x[4*n+i] + .02
		}
		for k, z := range []float64{.1, .2, .3, .4} {
			for _, v := range e.Clean {
				e.Bounds[k].Lo, e.Bounds[k].Hi = append(e.Bounds[k].Lo, v-z), append(e.Bounds[k].Hi, v+z)
			}
		}
		return []eval.Estimate{e}
	}}
	for _, l := range s.Levels {
		trial, err := eval.NoisyTrial(name, x, l, eval.White, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := trial.Compare(eval.Options{NoFamilies: true, Visit: func(tr *eval.Trial, _ eval.Result, e eval.Estimate) {
			c.Picture = &Picture{Level: l, First: 4 * n, Truth: tr.Parts.Test.Of(tr.Clean), Raw: tr.Parts.Test.Of(tr.Noisy),
				Method: half.Name, Estimate: e, Filter: "median", Filtered: tr.Parts.Test.Of(tr.Noisy)}
		}}, half)
		for _, m := range []string{"median", "kalman"} {
			other := r[0]
			other.Method, other.Model, other.Gain, other.Coverage, other.Setting = m, false, r[0].Gain-1, nan, m+":w=5"
			other.Reliability = [eval.NumNominal]float64{nan, nan, nan, nan}
			r = append(r, other)
		}
		s.Runs = append(s.Runs, [][]eval.Result{r})
	}
	c.Advice, c.Results, c.Sweeps = eval.Advise(s.Verdicts(), 100), s.Results(), s.Sweeps()
	task := Task{Name: "Heartbeats found again", Columns: []string{"sensitivity at -10 dB", "at 0 dB"}}
	for _, v := range []float64{.123, nan} {
		task.Add("truth", v)
		task.Add("raw", v)
	}
	c.Tasks = []Task{task}
	return c
}

func written(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if b.Len() > limit {
		t.Errorf("the page has %d bytes, at most %d are allowed", b.Len(), limit)
	}
	return b.String()
}

// wellFormed reads the page as XML but for what HTML allows beyond it.
func wellFormed(t testing.TB, text string) {
	t.Helper()
	for _, tag := range []string{"meta", "input"} {
		text = regexp.MustCompile("<("+tag+"[^>]*)>").ReplaceAllString(text, "<$1/>")
	}
	text = strings.NewReplacer("<!doctype html>", "", "checked value", `checked="" value`).Replace(text)
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPage(t *testing.T) {
	c := channel(t, `a<b>"&`, 2000)
	r := Report{Source: "ecg & <co>.csv", RateHz: 100, Noise: "White", Protocol: []string{"A sentence."},
		Models: []Model{{"net@abc123", "# A card\n\n<script>alert(1)</script>"}}, Channels: []Channel{c}}
	text := written(t, &r)
	wellFormed(t, text)
	for _, want := range []string{"ecg &amp; &lt;co&gt;.csv", "a&lt;b&gt;", "A usual stretch", "The worst stretch", "Residuals", "Spectra", "Gain by noise level",
		"Coverage by noise level", "Calibration", "All methods", "<td>0.123</td><td>–</td>", "Heartbeats found again", "A sentence.", "&lt;script&gt;", "time, s", "frequency, Hz",
		"prefers-color-scheme:dark", "@media print", "stroke-dasharray", "Use net@abc123"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<script", "src=", "href=", "url(", "http:", "https:", "NaN", "Inf", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if use, first := strings.Index(text, `id="use"`), strings.Index(text, "<svg"); use < 0 || use > first {
		t.Error("the verdict does not come first")
	}
	figures := strings.Count(text, "<figure>")
	if tables := strings.Count(text, "The figures of this chart"); figures < 7 || tables != figures || strings.Count(text, `role="img" aria-label="`) != figures {
		t.Errorf("%d pictures, %d tables of them", figures, tables)
	}
	if again := written(t, &r); again != text {
		t.Error("the same report gives another page")
	}
}

// TestSparePage: a recording that was noisy as it came, of a method without an
// interval, shorter than any window, with gaps.
func TestSparePage(t *testing.T) {
	p := &Picture{Level: nan, Truth: []float64{1, nan, 3, 4}, Raw: []float64{1.5, 2, nan, 4}, Method: "median",
		Estimate: eval.Estimate{Clean: []float64{1, 2, 3, nan}}}
	r := Report{Source: "x.csv", Channels: []Channel{{Name: "a", Picture: p, Results: []eval.Result{{Method: "median", SNRIn: nan, Reliability: [4]float64{nan, nan, nan, nan}}}},
		{Name: "b"}, {Name: "flat", Picture: &Picture{Truth: make([]float64, 50), Raw: make([]float64, 50), Estimate: eval.Estimate{Clean: make([]float64, 50)}}}}}
	text := written(t, &r)
	wellFormed(t, text)
	for _, bad := range []string{"NaN", "Inf", "Calibration"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(text, "sample</text>") {
		t.Error("the axis of time is not in samples")
	}
}

// TestSize: long recordings and many channels stay within the limit, and what
// was left out is told.
func TestSize(t *testing.T) {
	r := Report{Source: "long.csv", RateHz: 360}
	long := channel(t, "a", 100_000)
	for i := range 400 {
		c := long
		c.Name = fmt.Sprint("channel-", i)
		r.Channels = append(r.Channels, c)
	}
	if text := written(t, &Report{Source: "one", Channels: r.Channels[:1]}); len(text) > 400_000 {
		t.Errorf("one channel takes %d bytes", len(text))
	}
	text := written(t, &r)
	wellFormed(t, text)
	if !strings.Contains(text, "pictures are left out to keep the page small") || !strings.Contains(text, "more channels are left out here") {
		t.Error("the page does not say what it leaves out")
	}
}

// TestEnvelope: no peak is lost, and the order is kept.
func TestEnvelope(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 10_000)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	x[5000], x[7777] = 50, -60
	for i := 2000; i < 2100; i++ {
		x[i] = nan
	}
	at, y := envelope(x, 100)
	if len(at) > 200 || len(at) != len(y) {
		t.Fatalf("%d points and %d values for 100 columns", len(at), len(y))
	}
	peaks, gap := 0, false
	for k, i := range at {
		if k > 0 && at[k-1] >= i {
			t.Fatalf("point %d is sample %d, after %d", k, i, at[k-1])
		}
		if y[k] == 50 || y[k] == -60 {
			peaks++
		}
		gap = gap || math.IsNaN(y[k]) && i == 2000
	}
	if peaks != 2 || !gap {
		t.Errorf("%d of 2 peaks, gap %v", peaks, gap)
	}
	if at, y := envelope(x[:200], 100); len(at) != 200 || y[7] != x[7] {
		t.Error("a short signal is thinned")
	}
}

func TestStretches(t *testing.T) {
	truth, clean := make([]float64, 5000), make([]float64, 5000)
	for i := range clean {
		clean[i] = .1 * float64(i/500)
	}
	truth[4900] = nan
	typical, worst, n, ok := stretches(truth, clean)
	if !ok || n != 500 || worst != 4500 || typical < 2000 || typical > 2500 {
		t.Errorf("typical %d, worst %d, length %d, %v", typical, worst, n, ok)
	}
	if _, _, _, ok := stretches([]float64{nan}, []float64{1}); ok {
		t.Error("there is a stretch of nothing")
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		n      int
		want   []float64
	}{
		{0, 10, 5, []float64{0, 2, 4, 6, 8, 10}},
		{-.6, 1.1, 4, []float64{-.5, 0, .5, 1}},
		{740.1, 741.5, 8, []float64{740.2, 740.4, 740.6, 740.8, 741, 741.2, 741.4}},
		{1e6, 1e6 + 5, 5, []float64{1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4, 1e6 + 5}},
	} {
		if d := cmp.Diff(c.want, ticks(c.lo, c.hi, c.n), cmpopts.EquateApprox(1e-12, 1e-12)); d != "" {
			t.Errorf("ticks of %g to %g (-want +got):\n%s", c.lo, c.hi, d)
		}
	}
}

func Example() {
	r := Report{Source: "pump.csv", Protocol: []string{"Nothing was measured."}}
	var b bytes.Buffer
	if err := Write(&b, &r); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Contains(b.String(), "<title>Denoising of pump.csv</title>"))
	// Output: true
}

func TestFigures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{fixed(1, -.04), "0.0"}, {fixed(1, -1.26), "−1.3"}, {fixed(2, nan), "–"}, {short(2.284e6), "2.28e6"}, {short(-3.2e-7), "−3.2e−7"}, {short(nan), "–"},
		{ahead(-1), "all"}, {ahead(8), "8"}, {level(-10), "−10"}, {tick(-1e-17), "0"},
		{typeset("a-1 at -10 dB, -1"), "a-1 at −10 dB, −1"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		first, n int
		rate     float64
		label    string
		at       float64 // of sample 10
	}{
		{100, 50, 0, "sample", 110},
		{1e6, 500, 360, "time, s", 1000010. / 360},
		{6000, 1300, 1, "time, min", 6010. / 60},
		{0, 4000, .01, "time, h", 1000. / 3600},
		{20000, 5000, 1. / 300, "time, days", 20010. * 300 / 86400},
	} {
		got := newClock(c.first, c.n, c.rate)
		if got.label != c.label || math.Abs(got.at(10)-c.at) > 1e-9 {
			t.Errorf("%+v: %s, sample 10 at %g", c, got.label, got.at(10))
		}
	}
}
