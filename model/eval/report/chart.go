package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// The drawing in its own units; the page scales it.
const (
	chartWidth  = 720
	chartHeight = 270
	marginLeft  = 62
	marginRight = 20
	marginTop   = 10
	marginBelow = 42
)

// line is one series of a chart. Its class gives it colour and dashes, the same
// on all charts.
type line struct {
	name, class string
	x, y        []float64
	marks       bool // dots on the points
}

// band is the area between two series over the x of a line.
type band struct {
	name, class string
	x, lo, hi   []float64
}

// rule is a straight line across the chart at an x or a y, with a remark.
type rule struct {
	at       float64
	vertical bool
	text     string
}

// chart is a picture with axes.
type chart struct {
	title          string // accessible name and heading
	note           string // a sentence below the heading
	xLabel, yLabel string
	bands          []band
	lines          []line
	rules          []rule
	yFrom, yTo     *float64 // nil: what the data take
	height         int      // 0: chartHeight
	table          table
}

// table holds the figures of a chart, for those who can't see it.
type table struct {
	head []string
	rows [][]string
}

// figure is a chart as the template takes it.
type figure struct {
	Title, Note string
	Keys        []key
	SVG         template.HTML
	Head        []string
	Rows        [][]string
}

// key is an entry of the legend: it can be switched off.
type key struct{ Name, Class string }

func (c *chart) figure() figure {
	f := figure{Title: c.title, Note: c.note, SVG: template.HTML(c.svg()), Head: c.table.head, Rows: c.table.rows}
	for _, b := range c.bands {
		f.Keys = append(f.Keys, key{b.name, b.class})
	}
	for _, l := range c.lines {
		if l.name != "" {
			f.Keys = append(f.Keys, key{l.name, l.class})
		}
	}
	return f
}

// scale maps values of an axis to units of the drawing.
type scale struct{ lo, hi, from, to float64 }

func (s scale) at(v float64) float64 { return s.from + (v-s.lo)/(s.hi-s.lo)*(s.to-s.from) }

// reach widens lo…hi to take in the finite values of x.
func reach(lo, hi *float64, x []float64) {
	for _, v := range x {
		if v-v == 0 {
			*lo, *hi = math.Min(*lo, v), math.Max(*hi, v)
		}
	}
}

// scales returns the axes.
func (c *chart) scales(height float64) (x, y scale) {
	x = scale{math.Inf(1), math.Inf(-1), marginLeft, chartWidth - marginRight}
	y = scale{math.Inf(1), math.Inf(-1), height - marginBelow, marginTop}
	for _, l := range c.lines {
		reach(&x.lo, &x.hi, l.x)
		reach(&y.lo, &y.hi, l.y)
	}
	for _, b := range c.bands {
		reach(&y.lo, &y.hi, b.lo)
		reach(&y.lo, &y.hi, b.hi)
	}
	pad := .04 * (y.hi - y.lo)
	y.lo, y.hi = y.lo-pad, y.hi+pad
	if c.yFrom != nil {
		y.lo = *c.yFrom
	}
	if c.yTo != nil {
		y.hi = *c.yTo
	}
	return solid(x), solid(y)
}

// solid returns s with a range that can be divided by.
func solid(s scale) scale {
	if !(s.hi-s.lo < math.Inf(1)) {
		s.lo, s.hi = 0, 1
	}
	if least := 1e-9 * math.Max(math.Abs(s.lo), math.Abs(s.hi)); !(s.hi-s.lo > least) {
		d := math.Max(least, .5)
		s.lo, s.hi = s.lo-d, s.hi+d
	}
	return s
}

func (c *chart) svg() string {
	height := c.height
	if height == 0 {
		height = chartHeight
	}
	x, y := c.scales(float64(height))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, height, html.EscapeString(c.title+". "+c.note))
	c.axes(&b, x, y)
	for _, d := range c.bands {
		d.draw(&b, x, y)
	}
	for _, l := range c.lines {
		l.draw(&b, x, y)
	}
	for _, r := range c.rules {
		r.draw(&b, x, y)
	}
	b.WriteString("</svg>")
	return b.String()
}

// axes draws grid, ticks and labels.
func (c *chart) axes(b *strings.Builder, x, y scale) {
	for _, v := range ticks(y.lo, y.hi, 5) {
		fmt.Fprintf(b, `<path class="grid" d="M%s %sH%s"/><text class="y" x="%s" y="%s">%s</text>`,
			unit(x.from), unit(y.at(v)), unit(x.to), unit(x.from-7), unit(y.at(v)+4), tick(v))
	}
	for _, v := range ticks(x.lo, x.hi, 8) {
		fmt.Fprintf(b, `<path class="tick" d="M%s %sv5"/><text class="x" x="%s" y="%s">%s</text>`,
			unit(x.at(v)), unit(y.from), unit(x.at(v)), unit(y.from+18), tick(v))
	}
	fmt.Fprintf(b, `<path class="axis" d="M%s %sH%s"/>`, unit(x.from), unit(y.from), unit(x.to))
	fmt.Fprintf(b, `<text class="x" x="%s" y="%s">%s</text>`, unit((x.from+x.to)/2), unit(y.from+36), html.EscapeString(c.xLabel))
	fmt.Fprintf(b, `<text class="x" transform="translate(13 %s)rotate(-90)">%s</text>`, unit((y.from+y.to)/2), html.EscapeString(c.yLabel))
}

func (l *line) draw(b *strings.Builder, x, y scale) {
	fmt.Fprintf(b, `<path class="line %s" d="`, l.class)
	trace(b, l.x, l.y, x, y)
	b.WriteString(`"/>`)
	if !l.marks {
		return
	}
	for i, v := range l.y {
		if v-v == 0 {
			fmt.Fprintf(b, `<circle class="dot %s" cx="%s" cy="%s" r="3"/>`, l.class, unit(x.at(l.x[i])), unit(inside(y, v)))
		}
	}
}

// trace writes a path through the points, with a gap where one is missing.
func trace(b *strings.Builder, xs, ys []float64, x, y scale) {
	pen := byte('M')
	for i, v := range ys {
		if v-v != 0 {
			pen = 'M'
			continue
		}
		b.WriteByte(pen)
		b.WriteString(unit(x.at(xs[i])) + " " + unit(inside(y, v)))
		pen = 'L'
	}
}

// inside returns where v is drawn, within the frame.
func inside(y scale, v float64) float64 { return y.at(math.Min(math.Max(v, y.lo), y.hi)) }

func (d *band) draw(b *strings.Builder, x, y scale) {
	fmt.Fprintf(b, `<path class="band %s" d="`, d.class)
	for from := 0; from < len(d.x); {
		to := from
		for to < len(d.x) && d.lo[to]-d.lo[to] == 0 && d.hi[to]-d.hi[to] == 0 {
			to++
		}
		pen := byte('M')
		for i := from; i < to; i++ {
			b.WriteByte(pen)
			b.WriteString(unit(x.at(d.x[i])) + " " + unit(inside(y, d.hi[i])))
			pen = 'L'
		}
		for i := to - 1; i >= from; i-- {
			b.WriteString("L" + unit(x.at(d.x[i])) + " " + unit(inside(y, d.lo[i])))
		}
		if to > from {
			b.WriteByte('Z')
		}
		from = to + 1
	}
	b.WriteString(`"/>`)
}

func (r *rule) draw(b *strings.Builder, x, y scale) {
	if r.vertical {
		at := x.at(r.at)
		anchor, shift := "start", 5.0
		if at > (x.from+x.to)/2 {
			anchor, shift = "end", -5
		}
		fmt.Fprintf(b, `<path class="rule" d="M%s %sV%s"/><text class="remark" text-anchor="%s" x="%s" y="%s">%s</text>`,
			unit(at), unit(y.from), unit(y.to), anchor, unit(at+shift), unit(y.to+12), html.EscapeString(r.text))
		return
	}
	if r.at < y.lo || r.at > y.hi {
		return
	}
	fmt.Fprintf(b, `<path class="rule" d="M%s %sH%s"/><text class="remark" x="%s" y="%s">%s</text>`,
		unit(x.from), unit(y.at(r.at)), unit(x.to), unit(x.from+6), unit(y.at(r.at)-5), html.EscapeString(r.text))
}

// unit writes a length of the drawing with one decimal at most.
func unit(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// ticks returns about n round values within lo…hi.
func ticks(lo, hi float64, n int) (out []float64) {
	raw := (hi - lo) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{2, 2.5, 2} { // 2, 5, 10 times
		if step < raw {
			step *= m
		}
	}
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+1e-9*step && len(out) < 3*n; k++ {
		out = append(out, k*step)
	}
	return out
}

// tick writes the value of a tick.
func tick(v float64) string {
	if math.Abs(v) < 1e-12 {
		v = 0
	}
	return minus(strconv.FormatFloat(v, 'g', 6, 64))
}
