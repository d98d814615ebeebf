package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/eval"
)

// columns is how many columns of a chart a long signal is drawn on.
const columns = 600

// tableRows is how many points of a picture its table gives at most.
const tableRows = 25

// figures returns the pictures of a channel.
func figures(c *Channel, rateHz float64) (out []figure) {
	p := c.Picture
	if p != nil {
		if typical, worst, n, ok := stretches(p.Truth, p.Estimate.Clean); ok {
			out = append(out, p.overlay(c.Name, rateHz, typical, n, "A usual stretch", "Of all stretches the one whose error is nearest the median."))
			if worst != typical {
				out = append(out, p.overlay(c.Name, rateHz, worst, n, "The worst stretch", "Of all stretches the one with the largest error."))
			}
		}
		out = append(out, p.residuals(newClock(p.First, len(p.Truth), rateHz)))
		if f, ok := p.spectra(rateHz); ok {
			out = append(out, f)
		}
	}
	if len(c.Sweeps) > 0 {
		out = append(out, sweepGain(c.Sweeps))
		if f, ok := sweepCoverage(c.Sweeps); ok {
			out = append(out, f)
		}
	}
	if f, ok := calibration(c.Results); ok {
		out = append(out, f)
	}
	return out
}

// clock turns samples of the test part into times of the recording.
type clock struct {
	first   int
	perUnit float64 // samples
	label   string
}

// newClock counts in the unit that suits a picture of n samples; in samples
// where the rate is 0.
func newClock(first, n int, rateHz float64) clock {
	if !(rateHz > 0) {
		return clock{first, 1, "sample"}
	}
	span := float64(n) / rateHz
	for _, u := range []struct {
		name          string
		seconds, from float64
	}{{"days", 86400, 10}, {"h", 3600, 10}, {"min", 60, 20}} {
		if span > u.from*u.seconds {
			return clock{first, rateHz * u.seconds, "time, " + u.name}
		}
	}
	return clock{first, rateHz, "time, s"}
}

func (c clock) at(i int) float64 { return float64(c.first+i) / c.perUnit }

func (c clock) all(at []int) []float64 {
	out := make([]float64, len(at))
	for i, k := range at {
		out[i] = c.at(k)
	}
	return out
}

// overlay draws a stretch: readings, estimate with its interval, truth.
func (p *Picture) overlay(channel string, rateHz float64, from, n int, title, note string) figure {
	t, to := newClock(p.First, n, rateHz), from+n
	x := make([]float64, n)
	for i := range x {
		x[i] = t.at(from + i)
	}
	c := chart{title: title, note: note, xLabel: t.label, yLabel: channel}
	if b := p.Estimate.Bounds[eval.Ninety]; b.Lo != nil {
		c.bands = []band{{"90 % interval", "interval", x, b.Lo[from:to], b.Hi[from:to]}}
	}
	c.lines = []line{{name: "raw", class: "raw", x: x, y: p.Raw[from:to]}}
	if p.Filter != "" {
		c.lines = append(c.lines, line{name: p.Filter, class: "filter", x: x, y: p.Filtered[from:to]})
	}
	c.lines = append(c.lines,
		line{name: p.Method, class: "clean", x: x, y: p.Estimate.Clean[from:to]},
		line{name: "truth", class: "truth", x: x, y: p.Truth[from:to]})
	c.tabulate(n)
	return c.figure()
}

// tabulate fills the table with every so many points of the lines, which share
// their x, and of the bands.
func (c *chart) tabulate(n int) {
	c.table.head = []string{c.xLabel}
	for _, l := range c.lines {
		c.table.head = append(c.table.head, l.name)
	}
	for _, b := range c.bands {
		c.table.head = append(c.table.head, b.name+", from", "to")
	}
	for i := 0; i < n; i += (n + tableRows - 1) / tableRows {
		row := []string{tick(c.lines[0].x[i])}
		for _, l := range c.lines {
			row = append(row, short(l.y[i]))
		}
		for _, b := range c.bands {
			row = append(row, short(b.lo[i]), short(b.hi[i]))
		}
		c.table.rows = append(c.table.rows, row)
	}
}

// residuals draws what is wrong with the readings and with the estimate over
// the whole test part.
func (p *Picture) residuals(t clock) figure {
	c := chart{title: "Residuals", note: "What is wrong before and after, over the whole test part.", xLabel: t.label, yLabel: "error"}
	before, after := difference(p.Raw, p.Truth), difference(p.Estimate.Clean, p.Truth)
	for _, l := range []struct {
		name, class string
		y           []float64
	}{{"raw − truth", "raw", before}, {p.Method + " − truth", "clean", after}} {
		at, y := envelope(l.y, columns)
		c.lines = append(c.lines, line{name: l.name, class: l.class, x: t.all(at), y: y})
	}
	n := len(before)
	c.table.head = []string{"from " + c.xLabel, "RMS of raw − truth", "RMS of " + p.Method + " − truth"}
	const parts = 10
	for k := range parts {
		if from, to := k*n/parts, (k+1)*n/parts; to > from {
			c.table.rows = append(c.table.rows, []string{tick(t.at(from)), short(rms(before[from:to])), short(rms(after[from:to]))})
		}
	}
	return c.figure()
}

func difference(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i, v := range a {
		d[i] = v - b[i]
	}
	return d
}

func rms(x []float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range x {
		if v-v == 0 {
			sum += v * v
			n++
		}
	}
	return math.Sqrt(sum / n)
}

// spectra draws Welch's spectra; ok is false where there are none.
func (p *Picture) spectra(rateHz float64) (figure, bool) {
	c := chart{title: "Spectra", note: "Power by frequency (Welch, Hann windows that overlap by half). Where the residual lies below the truth something is left of it.",
		xLabel: "frequency, cycles per sample", yLabel: "dB"}
	rate := 1.0
	if rateHz > 0 {
		rate, c.xLabel = rateHz, "frequency, Hz"
	}
	n := 0
	for _, l := range []struct {
		name, class string
		y           []float64
	}{{"raw", "raw", p.Raw}, {p.Method, "clean", p.Estimate.Clean}, {"residual", "filter", difference(p.Estimate.Clean, p.Truth)}, {"truth", "truth", p.Truth}} {
		psd := eval.Welch(l.y)
		if psd == nil {
			return figure{}, false
		}
		x := make([]float64, len(psd))
		for k, v := range psd {
			x[k] = rate * float64(k) / float64(2*(len(psd)-1))
			psd[k] = 10 * math.Log10(v)
			if psd[k] < -200 {
				psd[k] = math.NaN() // nothing there
			}
		}
		n = len(psd)
		c.lines = append(c.lines, line{name: l.name, class: l.class, x: x, y: psd})
	}
	c.tabulate(n)
	return c.figure(), true
}

// sweepGain draws the gain of every method from level to level.
func sweepGain(sweeps []eval.Sweep) figure {
	c := chart{title: "Gain by noise level", note: "Below 0 dB a method adds more error than it removes.",
		xLabel: "signal-to-noise ratio of the input, dB", yLabel: "gain, dB"}
	c.sweep(sweeps, func(w *eval.Sweep) ([]float64, *eval.Breakpoint) { return w.Gain, w.GainBelow })
	c.rules = append(c.rules, rule{at: 0})
	return c.figure()
}

// sweepCoverage draws the coverage of the methods that have intervals.
func sweepCoverage(sweeps []eval.Sweep) (figure, bool) {
	sweeps = slices.DeleteFunc(slices.Clone(sweeps), func(w eval.Sweep) bool {
		return !slices.ContainsFunc(w.Coverage, func(v float64) bool { return v-v == 0 })
	})
	if len(sweeps) == 0 {
		return figure{}, false
	}
	one, half := 1.0, .5
	c := chart{title: "Coverage by noise level", note: "Share of the truth within the interval that claims 90 %.",
		xLabel: "signal-to-noise ratio of the input, dB", yLabel: "coverage", yFrom: &half, yTo: &one, height: 220}
	for _, w := range sweeps {
		for _, v := range w.Coverage {
			half = math.Min(half, math.Floor(10*v)/10)
		}
	}
	c.sweep(sweeps, func(w *eval.Sweep) ([]float64, *eval.Breakpoint) { return w.Coverage, w.CoverageBelow })
	c.rules = append(c.rules, rule{at: .9, text: "claimed"}, rule{at: .8, text: "breaks down below"})
	return c.figure(), true
}

// sweep adds a line per method: models and the best filter stand out, the other
// filters stay in the background. Breakpoints of models are marked.
func (c *chart) sweep(sweeps []eval.Sweep, of func(*eval.Sweep) ([]float64, *eval.Breakpoint)) {
	best := -1
	for i := range sweeps {
		if y, _ := of(&sweeps[i]); !sweeps[i].Model && (best < 0 || mean(y) > mean(first(of(&sweeps[best])))) {
			best = i
		}
	}
	models := 0
	var back, front []line
	for i := range sweeps {
		w := &sweeps[i]
		y, broken := of(w)
		l := line{name: w.Method, class: "other", x: w.SNR, y: y}
		switch {
		case w.Model:
			l.class, l.marks = modelClass(models), true
			models++
			front = append(front, l)
			c.breaks(w.Method, broken)
		case i == best:
			l.class, l.marks = "filter", true
			front = append(front, l)
		default:
			back = append(back, l)
		}
	}
	c.lines = append(back, front...)
	c.table.head = []string{"method"}
	for _, v := range sweeps[0].SNR {
		c.table.head = append(c.table.head, level(v)+" dB")
	}
	for i := range sweeps {
		y, _ := of(&sweeps[i])
		row := []string{sweeps[i].Method}
		for _, v := range y {
			row = append(row, fixed(2, v))
		}
		c.table.rows = append(c.table.rows, row)
	}
	for i := range c.lines { // one entry for all in the background
		if l := &c.lines[i]; l.class == "other" {
			l.name = ""
			if i == 0 {
				l.name = "other filters"
			}
		}
	}
}

func first(y []float64, _ *eval.Breakpoint) []float64 { return y }

// breaks marks where a method begins or ceases to fail.
func (c *chart) breaks(method string, b *eval.Breakpoint) {
	if b == nil {
		return
	}
	if !b.FromEdge {
		c.rules = append(c.rules, rule{at: b.Lowest, vertical: true, text: fmt.Sprintf("%s fails from %s dB", method, fixed(1, b.Lowest))})
	}
	if !b.ToEdge {
		c.rules = append(c.rules, rule{at: b.Highest, vertical: true, text: fmt.Sprintf("%s fails up to %s dB", method, fixed(1, b.Highest))})
	}
}

// modelClass is the look of the i-th model.
func modelClass(i int) string { return []string{"clean", "second", "third"}[min(i, 2)] }

// calibration draws claimed against observed coverage of the models' intervals,
// the median over all levels; ok is false where no method has any.
func calibration(results []eval.Result) (figure, bool) {
	nominal := eval.Nominal()
	observed := map[string][][]float64{}
	var order []string
	for _, r := range results {
		if r.Reliability[eval.Ninety]-r.Reliability[eval.Ninety] != 0 {
			continue
		}
		if observed[r.Method] == nil {
			order = append(order, r.Method)
		}
		observed[r.Method] = append(observed[r.Method], r.Reliability[:])
	}
	if len(order) == 0 {
		return figure{}, false
	}
	lo, hi := .4, 1.0
	c := chart{title: "Calibration", note: "How often intervals cover the truth against how often they claim to; on the diagonal they keep their word. Median over the noise levels.",
		xLabel: "claimed", yLabel: "observed", yFrom: &lo, yTo: &hi}
	c.lines = []line{{name: "as claimed", class: "truth", x: []float64{.45, 1}, y: []float64{.45, 1}}}
	c.table.head = []string{"method"}
	for _, n := range nominal {
		c.table.head = append(c.table.head, fmt.Sprintf("claims %g %%", 100*n))
	}
	for i, m := range order {
		l := line{name: m, class: modelClass(i), x: nominal[:], marks: true}
		row := []string{m}
		for k := range nominal {
			var v []float64
			for _, o := range observed[m] {
				v = append(v, o[k])
			}
			l.y = append(l.y, middle(v))
			lo = math.Min(lo, math.Floor(10*l.y[k])/10)
			row = append(row, fixed(1, 100*l.y[k])+" %")
		}
		c.lines = append(c.lines, l)
		c.table.rows = append(c.table.rows, row)
	}
	return c.figure(), true
}

func mean(y []float64) float64 {
	m, _ := eval.Variance(y)
	return m
}

// middle returns the median of the values that are not NaN.
func middle(x []float64) float64 {
	s := slices.DeleteFunc(slices.Clone(x), math.IsNaN)
	if len(s) == 0 {
		return math.NaN()
	}
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
