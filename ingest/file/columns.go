package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/codec/json"
)

// openCSV takes a header and settles which columns are read.
func (r *Reader) openCSV(head []byte, line int, o *Options) error {
	// Only now is it known that quotes mean something: a header that runs over
	// several lines isn't one.
	r.lines.quotes, r.lines.sep = true, separator(head)
	fields, _ := split(nil, head, nil, r.lines.sep)
	for _, f := range fields {
		r.columns = append(r.columns, strings.TrimSpace(string(f)))
	}
	if err := r.checkHeader(head, line); err != nil {
		return err
	}
	if err := r.settle(o, true); err != nil {
		return err
	}
	if len(o.Channels) == 0 {
		if err := r.readAhead(sniffRows); err != nil {
			return err
		}
		if err := r.pickNumeric(); err != nil {
			return err
		}
	}
	r.dayAt = slices.Index(r.columns, r.day)
	r.at = []int{slices.Index(r.columns, r.time), slices.Index(r.columns, r.series)}
	if r.time == "" {
		r.at[wantTime] = -1
	}
	if r.series == "" {
		r.at[wantSeries] = -1
	}
	for i := range r.channels {
		f := r.channels[i].Field()
		at := slices.Index(r.columns, f)
		if at < 0 {
			return noColumn(r.name, f, r.columns)
		}
		r.at = append(r.at, at)
	}
	r.leaves = make([]json.Leaf, len(r.at))
	return nil
}

// checkHeader refuses what can't be a header, with a word on what it may be.
func (r *Reader) checkHeader(head []byte, line int) error {
	numbers := 0
	for i, c := range r.columns {
		if c != "" && slices.Contains(r.columns[:i], c) {
			return fmt.Errorf("%s:%d: the column %q occurs twice", r.name, line, c)
		}
		if isValue([]byte(c)) {
			numbers++
		}
	}
	if numbers == len(r.columns) {
		if len(r.columns) > 1 {
			return fmt.Errorf("%s:%d: the first line holds values, but must name the columns", r.name, line)
		}
		r.columns = []string{"value"}
		r.queue = append(r.queue, queued{row: head, line: line})
		return nil
	}
	return nil
}

// openJSON settles which fields of JSON lines are read.
func (r *Reader) openJSON(head []byte, line int, live bool, o *Options) error {
	r.queue = append(r.queue, queued{row: head, line: line})
	ahead := sniffRows
	if live && len(o.Channels) > 0 {
		ahead = 1
	}
	if err := r.readAhead(ahead); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, q := range r.queue {
		if q.err != nil || len(bytes.TrimSpace(q.row)) == 0 {
			continue
		}
		paths, err := json.Paths(q.row)
		if err != nil {
			if len(r.columns) == 0 {
				return fmt.Errorf("%s:%d: %s", r.name, q.line, asMalformed(err).Detail)
			}
			continue // reading says so when it comes to this row
		}
		for _, p := range paths {
			if !seen[p] && len(seen) < maxFields {
				seen[p] = true
				r.columns = append(r.columns, p)
			}
		}
	}
	if err := r.settle(o, false); err != nil {
		return err
	}
	if len(o.Channels) == 0 {
		if err := r.pickNumeric(); err != nil {
			return err
		}
	}
	paths := make([]string, wantChannels, wantChannels+len(r.channels))
	paths[wantTime], paths[wantSeries] = r.time, r.series
	for i := range r.channels {
		f := r.channels[i].Field()
		// A live input may bring a field later.
		if !live && !slices.Contains(r.columns, f) {
			return noColumn(r.name, f, r.columns)
		}
		paths = append(paths, f)
	}
	r.find = json.NewFinder(paths...)
	return nil
}

// maxFields bounds the fields of JSON lines that are told apart.
const maxFields = 4096

// settle finds the columns of time and series.
func (r *Reader) settle(o *Options, csv bool) error {
	if o.Series != "" && !slices.Contains(r.columns, o.Series) {
		return noColumn(r.name, o.Series, r.columns)
	}
	if r.time = o.Time; r.time == "" {
		r.findTime(o)
	}
	if csv {
		if err := r.splitTime(o); err != nil {
			return err
		}
	}
	if r.time != "" && !slices.Contains(r.columns, r.time) {
		return noColumn(r.name, r.time, r.columns)
	}
	return nil
}

// findTime finds the time column by its name.
func (r *Reader) findTime(o *Options) {
	for _, want := range timeColumns {
		for _, c := range r.columns {
			if strings.EqualFold(c, want) && c != o.Series && !slices.ContainsFunc(o.Channels, func(ch field.Channel) bool { return ch.Field() == c }) {
				r.time = c
				return
			}
		}
	}
}

// readAhead fills the queue up to n rows.
func (r *Reader) readAhead(n int) error {
	size := 0
	for len(r.queue) < n && size < sniffBytes {
		row, line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var bad *RowError
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		r.queue = append(r.queue, queued{bytes.Clone(row), line, err})
		size += len(row)
	}
	return nil
}

// pickNumeric makes channels of the columns that hold more numbers than texts in the rows
// read ahead: reading says so when it comes to a text.
func (r *Reader) pickNumeric() error {
	numbers := make([]int, len(r.columns))
	others := make([]int, len(r.columns))
	texts := make([]string, len(r.columns)) // the first of the others, and where
	rows := false
	r.eachQueued(func(i int, b []byte, line int) {
		rows = rows || len(bytes.TrimSpace(b)) > 0
		if _, why, ok := r.read(&field.Channel{}, b); !ok {
			if others[i]++; others[i] == 1 {
				texts[i] = fmt.Sprintf("%q in line %d", clip(b), line)
			}
		} else if why != ingest.Null {
			numbers[i]++
		}
	})
	for i, c := range r.columns {
		switch {
		case c == "" || c == r.time || c == r.day || c == r.series || slices.Contains(labels[:], c) || numbers[i] == 0:
		case numbers[i] > others[i]:
			r.channels = append(r.channels, field.Channel{Name: c})
			if others[i] > 0 {
				r.odd = append(r.odd, fmt.Sprintf("%s (%s)", c, texts[i]))
			}
		default:
			r.mixed = append(r.mixed, fmt.Sprintf("%s (%s)", c, texts[i]))
		}
	}
	if len(r.channels) > 0 {
		return nil
	}
	for _, q := range r.queue {
		if q.err != nil { // a quote that swallows the rest of the file, say
			return q.err
		}
		if fields, _ := split(nil, q.row, nil, r.lines.sep); r.lines.quotes && !rows && len(fields) != len(r.columns) {
			return r.wrongWidth(len(fields), q.line)
		}
	}
	if !rows {
		return fmt.Errorf("%s: no row follows the header", r.name)
	}
	why := ""
	for i, c := range r.columns {
		if texts[i] != "" && c != r.time && c != r.day && c != r.series {
			why = fmt.Sprintf(" (%s: %s)", c, texts[i])
			break
		}
	}
	return fmt.Errorf("%s: none of the columns %s holds numbers%s; name the channels", r.name, field.List(r.columns), why)
}

// wrongWidth is the error for a row that has not the columns of the header.
func (r *Reader) wrongWidth(fields, line int) error {
	return &RowError{r.name, line, "csv", fmt.Sprintf(widthText, fields, len(r.columns))}
}

// widthText says that a row has not the columns of the header.
const widthText = "%d fields, but the header names %d columns"

// eachQueued calls f with every field of every well-formed row in the queue.
func (r *Reader) eachQueued(f func(column int, b []byte, line int)) {
	find := (*json.Finder)(nil)
	if !r.lines.quotes {
		find = json.NewFinder(r.columns...)
	}
	var fields [][]byte
	var scratch []byte
	for _, q := range r.queue {
		if q.err != nil || len(bytes.TrimSpace(q.row)) == 0 {
			continue
		}
		if find == nil {
			if fields, scratch = split(fields[:0], q.row, scratch, r.lines.sep); len(fields) == len(r.columns) {
				for i, b := range fields {
					f(i, b, q.line)
				}
			}
			continue
		}
		leaves, err := find.Find(q.row)
		if err != nil {
			continue // reading says so when it comes to this row
		}
		for i := range leaves {
			switch l := &leaves[i]; l.Kind {
			case json.Number:
				f(i, l.Text, q.line)
			case json.Text, json.Boolean:
				// A number in quotes is read where it is asked for, but doesn't make a
				// column one of numbers: it may be an identifier.
				f(i, []byte("text"), q.line)
			}
		}
	}
}
