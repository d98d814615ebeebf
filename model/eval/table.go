package eval

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteTable writes the results for people: a block per channel and noise
// level in the order of their first row, a line per method, aligned columns.
// What was not measured is a dash. A column that is empty in all rows is left
// out.
func WriteTable(w io.Writer, results []Result) error {
	out := bufio.NewWriter(w)
	type block struct {
		channel string
		snr     string
	}
	var order []block
	rows := map[block][]Result{}
	for _, r := range results {
		b := block{r.Channel, fixed(r.SNRIn, 1)}
		if rows[b] == nil {
			order = append(order, b)
		}
		rows[b] = append(rows[b], r)
	}
	columns := columnsOf(results)
	for i, b := range order {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s, %s dB in\n", b.channel, b.snr)
		writeBlock(out, columns, rows[b])
	}
	return out.Flush() // the first error of all the writes above
}

type column struct {
	head string
	cell func(Result) string
	left bool
}

func columnsOf(results []Result) []column {
	all := []column{
		{"method", func(r Result) string { return r.Method }, true},
		{"gain dB", func(r Result) string { return fixed(r.Gain, 2) }, false},
		{"out dB", func(r Result) string { return fixed(r.SNROut, 2) }, false},
		{"rmse", func(r Result) string { return short(r.RMSE) }, false},
		{"mad", func(r Result) string { return short(r.MAD) }, false},
		{"prd %", func(r Result) string { return fixed(r.PRD, 1) }, false},
		{"cos", func(r Result) string { return fixed(r.Cos, 4) }, false},
		{"coverage", func(r Result) string { return fixed(r.Coverage, 3) }, false},
		{"width", func(r Result) string { return short(r.Width) }, false},
		{"lag", func(r Result) string { return fixed(r.Lag, 0) }, false},
		{"µs/sample", func(r Result) string { return short(r.USPerSample) }, false},
		{"setting", func(r Result) string { return r.Setting }, true},
	}
	return slices.DeleteFunc(all, func(c column) bool {
		return !slices.ContainsFunc(results, func(r Result) bool { s := c.cell(r); return s != "" && s != "-" })
	})
}

func writeBlock(out *bufio.Writer, columns []column, rows []Result) {
	width := make([]int, len(columns))
	for i, c := range columns {
		width[i] = utf8.RuneCountInString(c.head)
		for _, r := range rows {
			width[i] = max(width[i], utf8.RuneCountInString(c.cell(r)))
		}
	}
	line := func(cell func(c column) string) {
		var b strings.Builder
		for i, c := range columns {
			s := cell(c)
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i > 0 {
				b.WriteString("  ")
			}
			if c.left {
				b.WriteString(s + pad)
			} else {
				b.WriteString(pad + s)
			}
		}
		out.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	}
	line(func(c column) string { return c.head })
	for _, r := range rows {
		line(func(c column) string { return c.cell(r) })
	}
}

// fixed formats v with the given number of decimals, a dash where it is NaN.
func fixed(v float64, decimals int) string {
	if math.IsNaN(v) {
		return "-"
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return s
}

// short formats v with three significant digits.
func short(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
