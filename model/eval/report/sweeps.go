package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/eval"
)

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
