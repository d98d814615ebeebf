package file

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// bom is what some programs put in front of UTF-8.
var bom = []byte{0xef, 0xbb, 0xbf}

// lines cuts a stream into rows: lines, or several where a line break stands
// within quotes.
type lines struct {
	name   string
	r      *bufio.Reader
	sep    byte // between the columns
	quotes bool // line breaks within quotes do not end a row
	line   int  // lines read
	buf    []byte
}

// newLines undoes compression and skips a byte order mark.
func newLines(name string, src io.Reader) (*lines, error) {
	r := bufio.NewReaderSize(src, 64<<10)
	if head, err := r.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%s: not a valid gzip file: %w", name, err)
		}
		r = bufio.NewReaderSize(z, 64<<10)
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	head, err := r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(name, err)
	}
	switch {
	case bytes.Equal(head, bom):
		if _, err := r.Discard(len(bom)); err != nil {
			return nil, readError(name, err)
		}
	case len(head) >= 2 && (head[0] == 0xff && head[1] == 0xfe || head[0] == 0xfe && head[1] == 0xff):
		return nil, fmt.Errorf("%s: the text is UTF-16; save it as UTF-8", name)
	}
	return &lines{name: name, r: r, sep: ','}, nil
}

func readError(name string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the compressed file is cut off", name)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("%s: the compressed file is damaged: %w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// next returns the next row without its line end, and the line at which it
// starts. It is valid until the next call. A RowError says that the row was
// skipped; io.EOF that there is none.
func (l *lines) next() (row []byte, line int, err error) {
	row, err = l.one()
	line = l.line
	if err != nil || !l.quotes {
		return row, line, err
	}
	state := quoteState(row, outside, l.sep)
	if state != inside {
		return row, line, nil
	}
	all := append([]byte(nil), row...)
	for state == inside {
		more, err := l.one()
		if errors.Is(err, io.EOF) {
			return nil, line, &RowError{l.name, line, "csv", "a quote is opened and never closed"}
		}
		if err != nil {
			return nil, line, err
		}
		state = quoteState(more, inside, l.sep)
		if all = append(append(all, '\n'), more...); len(all) > maxRow {
			return nil, line, &RowError{l.name, line, "too_large", fmt.Sprintf("the row is longer than %d bytes; a quote may be opened and never closed", maxRow)}
		}
	}
	return all, line, nil
}

// one returns one line.
func (l *lines) one() ([]byte, error) {
	b, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.buf = append(l.buf[:0], b...)
		for errors.Is(err, bufio.ErrBufferFull) {
			b, err = l.r.ReadSlice('\n')
			if len(l.buf) <= maxRow { // beyond it the rest is only skipped
				l.buf = append(l.buf, b...)
			}
		}
		b = l.buf
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(l.name, err)
	}
	if len(b) == 0 {
		return nil, io.EOF
	}
	l.line++
	b = bytes.TrimSuffix(b, []byte{'\n'})
	b = bytes.TrimSuffix(b, []byte{'\r'})
	if len(b) > maxRow {
		return nil, &RowError{l.name, l.line, "too_large", fmt.Sprintf("the row is longer than %d bytes", maxRow)}
	}
	return b, nil
}

// Where a place in a CSV row is, with regard to quotes.
const (
	outside = iota // at the start of a field
	bare           // in a field without quotes, where a quote stands for itself
	inside         // between quotes
	closed         // behind a quote that closes the field, unless another follows
)

// quoteState follows a line's quotes and returns the state at its end.
func quoteState(b []byte, state int, sep byte) int {
	if state == outside && bytes.IndexByte(b, '"') < 0 {
		return outside
	}
	for _, c := range b {
		switch {
		case c == '"' && (state == outside || state == closed):
			state = inside
		case c == '"' && state == inside:
			state = closed
		case state == inside:
		case c == sep:
			state = outside
		default:
			state = bare
		}
	}
	return state
}

// split cuts a CSV row into fields, appended to dst. Fields with quotes are
// unquoted into scratch, which is returned for the next call.
func split(dst [][]byte, row, scratch []byte, sep byte) (fields [][]byte, used []byte) {
	if bytes.IndexByte(row, '"') < 0 {
		for {
			i := bytes.IndexByte(row, sep)
			if i < 0 {
				return append(dst, row), scratch
			}
			dst = append(dst, row[:i])
			row = row[i+1:]
		}
	}
	// Unquoting only ever shortens: with this capacity scratch stays in place and
	// the fields in it valid.
	scratch = append(scratch[:0], row...)[:0]
	state, start := outside, 0
	flush := func() {
		dst = append(dst, scratch[start:len(scratch):len(scratch)])
		start = len(scratch)
	}
	for _, c := range row {
		switch {
		case c == '"' && state == outside:
			state = inside
		case c == '"' && state == inside:
			state = closed
		case c == '"' && state == closed: // a doubled quote
			state = inside
			scratch = append(scratch, c)
		case c == sep && state != inside:
			flush()
			state = outside
		default:
			if state != inside {
				state = bare
			}
			scratch = append(scratch, c)
		}
	}
	flush()
	return dst, scratch
}
