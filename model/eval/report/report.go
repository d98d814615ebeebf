// Package report writes what quell eval measured as one HTML page: verdicts in
// words, pictures of the signal, spectra, the sweep over noise levels, the
// calibration of the intervals, all figures, and how they were made.
//
// The page needs nothing else: no script, no request, no font. Its pictures are
// inline SVG with a table of their figures beside them. It is at most 2 MB: long
// recordings are drawn as the range of each pixel's samples, and of a recording
// with very many channels the last ones are left out, which the page says.
package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"strings"

	"github.com/quell-stream/quell/model/eval"
)

// Report is what a page is about.
type Report struct {
	Source   string   // the recording
	RateHz   float64  // 0: unknown, times are in samples
	Noise    string   // kind of noise that was added; "": none was
	Protocol []string // sentences: what was measured and how
	Models   []Model
	Channels []Channel
}

// Model is one of the models that were scored.
type Model struct{ Name, Card string }

// Channel is what was measured of one channel.
type Channel struct {
	Name    string
	Advice  []eval.Advice
	Results []eval.Result // of all levels, level by level
	Equal   []eval.Result // filters at equal look-ahead; may be nil
	Sweeps  []eval.Sweep  // nil: there was one level
	Tasks   []Task        // nil: there were none
	Picture *Picture      // nil: there is none
}

// Task is a downstream figure, before and after.
type Task struct {
	Name    string // a heading
	Columns []string
	Rows    []TaskRow
}

// TaskRow is one signal's figures.
type TaskRow struct {
	Signal string
	Values []float64
}

// Add appends figures to the row of a signal, which it makes if there is none.
func (t *Task) Add(signal string, values ...float64) {
	for i := range t.Rows {
		if t.Rows[i].Signal == signal {
			t.Rows[i].Values = append(t.Rows[i].Values, values...)
			return
		}
	}
	t.Rows = append(t.Rows, TaskRow{signal, values})
}

// Picture is a noisy test part and what a method made of it. The signals have
// the length of the test part.
type Picture struct {
	Level      float64 // noise asked for, in dB; NaN: it was noisy as it came
	First      int     // sample of the recording that the test part begins with
	Truth, Raw []float64
	Method     string
	Estimate   eval.Estimate
	Filter     string // a method to compare with; "": none
	Filtered   []float64
}

// limit is the size of a page at most, in bytes; room is what is kept for what
// comes after the channels.
const (
	limit = 2_000_000
	room  = 150_000
)

//go:embed page.tmpl style.css
var files embed.FS

var page = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
	"fixed": fixed, "short": short, "ahead": ahead, "level": level,
}).ParseFS(files, "page.tmpl"))

// Write writes the page. It keeps nothing of r.
func Write(w io.Writer, r *Report) error {
	style, err := files.ReadFile("style.css")
	if err != nil {
		return err
	}
	v := view{Report: r, Style: template.CSS(style)}
	used := len(style)
	for i := range r.Channels {
		n, err := v.add(&r.Channels[i], limit-room-used)
		if err != nil {
			return err
		}
		used += n
	}
	var b bytes.Buffer
	if err := page.Execute(&b, &v); err != nil {
		return err
	}
	_, err = b.WriteTo(w)
	return err
}

// view is a Report as the template takes it.
type view struct {
	*Report
	Style    template.CSS
	Verdicts []verdict
	Sections []template.HTML
	Left     int // channels without a section
}

type verdict struct{ Where, Text string }

// add adds a channel: all of it, or as much as goes into some bytes. It returns
// how many it takes.
func (v *view) add(c *Channel, most int) (used int, err error) {
	for i := range c.Advice {
		a := verdict{typeset(c.Advice[i].Where()), typeset(c.Advice[i].Text)}
		if used += len(a.Where) + len(a.Text) + 100; used > most {
			v.Left++
			return 0, nil
		}
		v.Verdicts = append(v.Verdicts, a)
	}
	full, err := v.section(c, true)
	if err != nil {
		return 0, err
	}
	if used+len(full) > most {
		if full, err = v.section(c, false); err != nil {
			return 0, err
		}
	}
	if used+len(full) > most {
		v.Left++
		return used, nil
	}
	v.Sections = append(v.Sections, full)
	return used + len(full), nil
}

// section is a channel as the template takes it.
type section struct {
	*Channel
	Plain  bool // without pictures, for want of room
	Served []eval.Result
	Stage  []figure
	Levels []block
	Equal  []block
}

// block is the table of one noise level.
type block struct {
	SNR     float64
	Results []eval.Result
}

func (v *view) section(c *Channel, pictures bool) (template.HTML, error) {
	s := section{Channel: c, Plain: !pictures, Levels: blocks(c.Results), Equal: blocks(c.Equal)}
	for _, r := range c.Results {
		if r.Served != nil {
			s.Served = append(s.Served, r)
		}
	}
	if pictures {
		s.Stage = figures(c, v.RateHz)
	}
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "channel", &s); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}

// blocks cuts rows where the methods begin anew.
func blocks(rows []eval.Result) (out []block) {
	for i, r := range rows {
		if i == 0 || r.Method == rows[0].Method && r.SNRIn != rows[i-1].SNRIn {
			out = append(out, block{SNR: r.SNRIn})
		}
		b := &out[len(out)-1]
		b.Results = append(b.Results, r)
	}
	return out
}

// fixed formats a figure with so many decimals, a dash where there is none.
func fixed(decimals int, v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	s := fmt.Sprintf("%.*f", decimals, v)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return minus(s)
}

// short formats a figure with three significant digits.
func short(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return minus(exponent.Replace(fmt.Sprintf("%.3g", v)))
}

var exponent = strings.NewReplacer("e+0", "e", "e+", "e", "e-0", "e−", "e-", "e−")

// minus puts a minus sign in the place of a hyphen.
func minus(s string) string {
	if len(s) > 0 && s[0] == '-' {
		return "−" + s[1:]
	}
	return s
}

var negative = regexp.MustCompile(`( )-(\d)`)

// typeset puts minus signs before the negative figures of a sentence.
func typeset(s string) string { return negative.ReplaceAllString(s, "$1−$2") }

func ahead(n int) string {
	if n < 0 {
		return "all"
	}
	return fmt.Sprint(n)
}

func level(v float64) string { return minus(fmt.Sprintf("%g", v)) }
