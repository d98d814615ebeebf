package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// The table of a document lies between these lines.
const (
	beginMark = "<!-- quality:begin -->"
	endMark   = "<!-- quality:end -->"
)

// line is a row with what came of it.
type line struct {
	row     row
	value   string
	verdict string
	detail  string
	below   []string
}

// report collects lines, printing each as it comes.
type report struct {
	lines  []line
	strict bool
	seeds  int // of training
	open   map[string]bool
}

func newReport(o *options) (*report, error) {
	r := &report{strict: o.strict, seeds: o.seeds, open: map[string]bool{}}
	if o.open == "" {
		return r, nil
	}
	b, err := os.ReadFile(o.open)
	if err != nil {
		return nil, fmt.Errorf("-open: %w", err)
	}
	known := map[string]bool{}
	for _, row := range rows() {
		known[row.name] = true
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) > 0 && f[0] != "#" {
			if !known[f[0]] {
				return nil, fmt.Errorf("-open: %s: there is no row %s", o.open, f[0])
			}
			r.open[f[0]] = true
		}
	}
	return r, nil
}

// add measures a row and prints it.
func (r *report) add(row row, l *lab) {
	f, err := row.measure(l)
	x := line{row: row, value: "–", detail: f.detail, below: f.below}
	var na notAvailable
	var nd noData
	switch {
	case errors.As(err, &na):
		x.verdict, x.detail = absent, string(na)
	case errors.As(err, &nd):
		x.verdict, x.detail = empty, string(nd)
	case err != nil:
		x.verdict, x.detail = failed, err.Error()
	default:
		x.value, x.verdict = row.number(f.value), row.judge(f.value)
	}
	if r.open[row.name] {
		switch x.verdict {
		case missed:
			x.verdict = unmet
		case aimMet, mustMet:
			x.detail += "; met: take it off the list of what is open"
		}
	}
	r.lines = append(r.lines, x)
	fmt.Printf("%-34s %12s  must %-10s aim %-10s %-13s %s\n", row.name, x.value, row.must, row.aim, x.verdict, x.detail)
	for _, b := range x.below {
		fmt.Println("  " + b)
	}
}

// verdict is an error that names the rows which missed their must.
func (r *report) verdict() error {
	var bad []string
	for _, x := range r.lines {
		switch x.verdict {
		case missed, failed:
			bad = append(bad, x.row.name)
		case absent, unmet:
			if r.strict {
				bad = append(bad, x.row.name)
			}
		}
	}
	switch {
	case len(r.lines) == 0:
		return errors.New("no row has such a name")
	case len(bad) > 0:
		return fmt.Errorf("%d of %d rows miss their must: %s", len(bad), len(r.lines), strings.Join(bad, ", "))
	}
	return nil
}

// rewrite puts the table between the markers of a document.
func (r *report) rewrite(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(b, []byte(beginMark))
	_, tail, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s: the lines %s and %s are needed", path, beginMark, endMark)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s\n\nTraining seeds: %d.\n\n| figure | measured | must | aim | verdict | how it came out | `-run` |\n|---|---|---|---|---|---|---|\n", head, beginMark, r.seeds)
	for _, x := range r.lines {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | `%s` |\n", x.row.what, x.value, x.row.must, x.row.aim, x.verdict, escape(x.detail), x.row.name)
	}
	for _, x := range r.lines {
		if len(x.below) > 0 {
			fmt.Fprintf(&out, "\nOf `%s`:\n\n```\n%s\n```\n", x.row.name, strings.Join(x.below, "\n"))
		}
	}
	fmt.Fprintf(&out, "\n%s%s", endMark, tail)
	return atomicfile.WriteFile(path, out.Bytes(), 0o644)
}

// escape makes a text fit into a cell of a table.
func escape(s string) string {
	return strings.NewReplacer("|", "/", "\n", " ").Replace(s)
}
