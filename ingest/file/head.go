package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/quell-stream/quell/ingest/codec/field"
)

// separator returns what stands between the columns of a header: a comma, or a semicolon
// where there are as many, or a tab where there are more of them. What is quoted doesn't
// count.
func separator(head []byte) byte {
	commas, semicolons, tabs := 0, 0, 0
	quoted := false
	for _, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			commas++
		case c == ';':
			semicolons++
		case c == '\t':
			tabs++
		}
	}
	switch {
	case semicolons > 0 && semicolons >= max(commas, tabs):
		return ';'
	case tabs > commas:
		return '\t'
	}
	return ','
}

// header returns the first line that says something, behind what programs write above the
// names: comments, and Excel's word about the separator.
func (r *Reader) header() ([]byte, int, error) {
	head, line, err := r.firstLine()
	if err != nil {
		return nil, 0, err
	}
	if sep, ok := bytes.CutPrefix(bytes.ToLower(bytes.TrimSpace(head)), []byte("sep=")); ok && len(sep) == 1 {
		if head, line, err = r.firstLine(); err != nil {
			return nil, 0, err
		}
	}
	for bytes.HasPrefix(head, []byte{'#'}) {
		next, at, err := r.firstLine()
		if errors.Is(err, io.EOF) || err == nil && names(head, next) { // the names themselves are behind the #
			if err == nil {
				r.queue = append(r.queue, queued{row: next, line: at})
			}
			return bytes.TrimLeft(head, "# "), line, nil
		}
		if err != nil {
			return nil, 0, err
		}
		head, line = next, at
	}
	return head, line, r.checkText(head, line)
}

// names says whether a comment holds the names of the columns of the row of values behind
// it.
func names(comment, row []byte) bool {
	sep := separator(row)
	fields, _ := split(nil, row, nil, sep)
	heads, _ := split(nil, comment, nil, sep)
	return len(fields) > 1 && len(heads) == len(fields) && slices.ContainsFunc(fields, isValue)
}

// isValue says whether a field holds a number or a date, as names of columns seldom do.
func isValue(b []byte) bool {
	if _, ok := field.Number(field.DecimalPoint(b, nil)); ok {
		return true
	}
	var c clock
	_, date := field.Date(b, nil)
	_, dotted := c.dotted(b)
	return date || dotted
}

// checkText refuses what is neither CSV nor JSON lines, with a word on what it may be.
func (r *Reader) checkText(head []byte, line int) error {
	text := bytes.TrimSpace(head)
	switch {
	case bytes.IndexByte(head, 0) >= 0 || bytes.HasPrefix(head, []byte("PAR1")) || bytes.HasPrefix(head, []byte("\x89PNG")):
		return fmt.Errorf("%s: is not text: export it as CSV or JSON lines", r.name)
	case !utf8.Valid(head):
		return fmt.Errorf("%s:%d: the text is not UTF-8: save it as UTF-8", r.name, line)
	case bytes.HasPrefix(text, []byte{'['}) && (len(text) == 1 || text[1] == '{' || text[1] == ' '):
		return fmt.Errorf("%s:%d: is one JSON array: write an object a line, as jq -c '.[]' does", r.name, line)
	}
	return nil
}
