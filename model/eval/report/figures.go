package report

import (
	"math"

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
