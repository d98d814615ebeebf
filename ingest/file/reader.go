package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/codec/json"
)

// Cell is one channel's value in a row.
type Cell struct {
	Value   float64 // finite; 0 where Missing is not Present
	Missing ingest.Missing
	Absent  bool // a JSON line has no such field; Missing is then Null
}

// Row is one row of a recording. Its memory belongs to the reader and is valid
// until the next Read.
type Row struct {
	Index    int64  // counting from 0, rows with errors included
	Line     int    // counting from 1
	Raw      []byte // the row as it stands in the file, without line end
	TimeText []byte // the time as it stands in the file; nil without a time column
	DayText  []byte // the date, where it has a column beside TimeText; else nil
	Time     int64  // Unix ns
	Series   string // "" without a series column
	Cells    []Cell // by channel
}

// Reader goes through a recording row by row. Memory is constant: the rows that
// decide the columns, and one row. It is not safe for concurrent use.
type Reader struct {
	name     string
	lines    *lines
	closer   io.Closer
	columns  []string
	time     string
	day      string // the column of the date, "" where time has it too
	order    order  // of dates with slashes
	stamp    []byte // of day and time
	series   string
	channels []field.Channel
	mixed    []string     // columns left out
	odd      []string     // channels
	find     *json.Finder // JSON lines only
	at       []int        // CSV only: the columns of time, series and channels; -1: none
	dayAt    int          // CSV only: the column of day
	queue    []queued     // rows read ahead
	clock    clock
	names    field.Names
	index    int64
	blanks   int // empty lines of a one-column file that count if another row follows
	row      Row
	fields   [][]byte
	scratch  []byte
	number   [64]byte    // of a number with a decimal comma
	leaves   []json.Leaf // CSV: the wanted fields in the finder's terms
}

// queued is a row that was read before its turn.
type queued struct {
	row  []byte
	line int
	err  error
}

// The places of time and series among the wanted fields; channels follow.
const (
	wantTime = iota
	wantSeries
	wantChannels
)

// Open opens the recording at path, "-" being standard input.
func Open(path string, o Options) (*Reader, error) {
	if path == Stdin {
		return newReader("stdin", os.Stdin, nil, true, o)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = fmt.Errorf("%s: is a folder; name a CSV or JSON lines file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := newReader(path, f, f, !st.Mode().IsRegular(), o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// NewReader reads a recording from src; name stands for it in errors. Close
// doesn't close src.
func NewReader(name string, src io.Reader, o Options) (*Reader, error) {
	return newReader(name, src, nil, false, o)
}

// newReader reads the head of a recording. Of a live one it reads no further
// than it must, since the next row may be a long time coming.
func newReader(name string, src io.Reader, closer io.Closer, live bool, o Options) (*Reader, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	l, err := newLines(name, src)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, lines: l, closer: closer, series: o.Series, channels: slices.Clone(o.Channels)}
	if r.clock, err = newClock(&o); err != nil {
		return nil, err
	}
	head, line, err := r.header()
	if err != nil {
		return nil, err
	}
	if o.Format == JSONL || o.Format == "" && bytes.HasPrefix(bytes.TrimSpace(head), []byte{'{'}) {
		err = r.openJSON(head, line, live, &o)
	} else {
		err = r.openCSV(head, line, &o)
	}
	if err != nil {
		return nil, err
	}
	r.row.Cells = make([]Cell, len(r.channels))
	return r, nil
}

// firstLine returns the first line that isn't empty.
func (r *Reader) firstLine() ([]byte, int, error) {
	for {
		b, line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return nil, 0, &emptyError{r.name}
		}
		if err != nil {
			return nil, 0, err
		}
		if len(bytes.TrimSpace(b)) > 0 {
			return bytes.Clone(b), line, nil
		}
	}
}

// Columns returns the columns of the file: the header of CSV, the fields seen in
// the first rows of JSON lines.
func (r *Reader) Columns() []string { return r.columns }

// Mixed returns which columns that were not named hold texts beside numbers in the rows that
// decide it, each with the first text and its line, in words: those with fewer texts than
// numbers, which are channels all the same, and those that were left out.
func (r *Reader) Mixed() (channels, left []string) { return r.odd, r.mixed }

// Channels returns the names of the channels, in the order of Row.Cells.
func (r *Reader) Channels() []string {
	out := make([]string, len(r.channels))
	for i := range r.channels {
		out[i] = r.channels[i].Name
	}
	return out
}

// Texts returns the fields of the row that was read last as they stand, by column; nil
// for JSON lines. Their memory belongs to the reader.
func (r *Reader) Texts() [][]byte {
	if r.find != nil {
		return nil
	}
	return r.fields
}

// TimeColumn returns the name of the time column, as Options.Time takes it (two with a
// comma between), "" where the row index makes the time.
func (r *Reader) TimeColumn() string { return strings.Join(r.TimeColumns(), ",") }

// Close releases the file.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	c := r.closer
	r.closer = nil
	return c.Close()
}

// Read returns the next row, io.EOF at the end. With a RowError the row is
// behind, and reading may go on with the next one; every other error is final.
func (r *Reader) Read() (*Row, error) {
	row, line, err := r.next()
	if err != nil {
		var bad *RowError
		if errors.As(err, &bad) {
			r.row.Index, r.row.Line, r.row.Raw = r.index, bad.Line, nil
			r.index++
		}
		return nil, err
	}
	r.row.Index, r.row.Line, r.row.Raw = r.index, line, row
	r.index++
	if err := r.parse(row); err != nil {
		return nil, &RowError{r.name, line, err.Reason, err.Detail}
	}
	return &r.row, nil
}

// next returns the next row that isn't blank.
func (r *Reader) next() ([]byte, int, error) {
	for {
		if len(r.queue) > 0 {
			q := &r.queue[0]
			// In a file of one column an empty line is a missing value, unless the
			// file ends with it.
			if r.blanks > 0 {
				r.blanks--
				return nil, q.line - 1 - r.blanks, nil
			}
			row, line, err := q.row, q.line, q.err
			if r.queue = r.queue[1:]; len(r.queue) == 0 {
				r.queue = nil
			}
			if err != nil || !r.blankRow(row) {
				return row, line, err
			}
			r.blank()
			continue
		}
		row, line, err := r.lines.next()
		if err == nil && r.blankRow(row) {
			r.blank()
			continue
		}
		if r.blanks > 0 && !errors.Is(err, io.EOF) {
			r.queue = append(r.queue, queued{bytes.Clone(row), line, err})
			continue
		}
		return row, line, err
	}
}

// blankRow says whether a row is empty. One of nothing but separators is where its time
// stands in the file: without, it is a row of missing values.
func (r *Reader) blankRow(row []byte) bool {
	return len(bytes.TrimSpace(row)) == 0 || r.find == nil && r.time != "" && len(r.columns) > 1 && r.hollow(row)
}

func (r *Reader) blank() {
	if r.find == nil && len(r.columns) == 1 {
		r.blanks++
	}
}

// parse fills r.row from a row's text.
func (r *Reader) parse(row []byte) *ingest.MalformedError {
	found, err := r.wanted(row)
	if err != nil {
		return err
	}
	r.row.Series = ""
	if r.series != "" {
		s, err := r.names.Get(found[wantSeries].Text)
		if err != nil {
			return inColumn(r.series, err)
		}
		r.row.Series = s
	}
	if err := r.parseTime(found); err != nil {
		return err
	}
	for i := range r.channels {
		c := &r.row.Cells[i]
		v := &found[wantChannels+i]
		*c = Cell{}
		switch v.Kind {
		case json.Absent:
			c.Absent, c.Missing = true, ingest.Null
		case json.Null:
			c.Missing = ingest.Null
		case json.Number, json.Text:
			var ok bool
			if c.Value, c.Missing, ok = r.read(&r.channels[i], v.Text); !ok {
				return malformed("not_a_number", "column %s: %q is not a number%s", r.channels[i].Field(), clip(v.Text), thousands(v.Text))
			}
		default:
			return malformed("not_a_number", "column %s: %s is not a number", r.channels[i].Field(), v.Kind)
		}
	}
	return nil
}

// parseTime fills in the time of a row.
func (r *Reader) parseTime(found []json.Leaf) *ingest.MalformedError {
	r.row.TimeText, r.row.DayText = nil, nil
	if r.time == "" {
		r.row.Time = r.clock.atIndex(r.row.Index)
		return nil
	}
	text, ok := found[wantTime].Text, false
	r.row.TimeText = text
	if r.day != "" {
		r.row.DayText = r.fields[r.dayAt]
		stamp, whole := r.joined(r.row.DayText, text)
		if r.row.Time, ok = field.Date(stamp, r.clock.zone); !ok || !whole {
			return malformed("time", "columns %s and %s: %q and %q are no date and time of day between 1970 and 2262, such as 2026-11-27 and 08:30:00", r.day, r.time, clip(r.row.DayText), clip(text))
		}
		return nil
	}
	if r.row.Time, ok = r.clock.read(r.decimal(text)); !ok {
		return malformed("time", "column %s: %q is no time between 1970 and 2262, such as 2026-11-27T08:30:00Z or seconds since 1970", r.time, clip(text))
	}
	return nil
}

// thousands is a hint where a number may have commas between its thousands, "" where not.
func thousands(b []byte) string {
	whole, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("."))
	groups := bytes.Split(whole, []byte(","))
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return ""
		}
	}
	plain := bytes.ReplaceAll(b, []byte(","), nil)
	if _, ok := field.Number(plain); !ok || len(groups) < 2 || len(groups[0]) > 4 {
		return ""
	}
	return "; if its commas are between thousands write " + clip(plain)
}

// read reads a reading. In CSV words stand for missing values too.
func (r *Reader) read(c *field.Channel, b []byte) (v float64, why ingest.Missing, ok bool) {
	if v, why, ok = c.Read(r.decimal(b)); !ok && r.find == nil && field.Gap(b) {
		return 0, ingest.Null, true
	}
	return v, why, ok
}

// decimal returns a number with a decimal point, where the file may have commas. Between
// tabs a comma may also be one of thousands, so that it stays what it is.
func (r *Reader) decimal(b []byte) []byte {
	if r.find != nil || r.lines.sep != ';' {
		return b
	}
	return field.DecimalPoint(b, r.number[:])
}

// wanted returns the row's fields in the order time, series, channels.
func (r *Reader) wanted(row []byte) ([]json.Leaf, *ingest.MalformedError) {
	if r.find != nil {
		found, err := r.find.Find(row)
		if err != nil {
			return nil, asMalformed(err)
		}
		return found, nil
	}
	r.fields, r.scratch = split(r.fields[:0], row, r.scratch, r.lines.sep)
	if len(r.fields) != len(r.columns) {
		return nil, malformed("csv", widthText, len(r.fields), len(r.columns))
	}
	for i, at := range r.at {
		if at >= 0 {
			r.leaves[i] = json.Leaf{Kind: json.Text, Text: r.fields[at]}
		}
	}
	return r.leaves, nil
}

func malformed(reason, format string, args ...any) *ingest.MalformedError {
	return &ingest.MalformedError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// asMalformed returns what is in the errors of codecs: nothing else.
func asMalformed(err error) *ingest.MalformedError {
	var bad *ingest.MalformedError
	if errors.As(err, &bad) {
		return bad
	}
	return &ingest.MalformedError{Reason: "json", Detail: err.Error()}
}

func inColumn(column string, err error) *ingest.MalformedError {
	bad := asMalformed(err)
	return malformed(bad.Reason, "column %s: %s", column, bad.Detail)
}

// clip bounds a value quoted in an error.
func clip(b []byte) string {
	if len(b) > 60 {
		return strings.ToValidUTF8(string(b[:60]), "") + "…"
	}
	return string(b)
}
