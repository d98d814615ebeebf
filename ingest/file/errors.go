package file

import (
	"fmt"
	"io"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// RowError says what is wrong with one row. Reading can go on behind it.
type RowError struct {
	File   string
	Line   int    // counting from 1
	Reason string // a reason of ingest.MalformedError
	Detail string
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Detail) }

// Malformed returns the error as a delivery carries it.
func (e *RowError) Malformed() error {
	return ingest.Malformed(e.Reason, "line %d: %s", e.Line, e.Detail)
}

// emptyError says that a file holds nothing. It is an io.EOF.
type emptyError struct{ file string }

func (e *emptyError) Error() string { return e.file + ": the file is empty" }
func (e *emptyError) Unwrap() error { return io.EOF }

// noColumn is the error for a column that isn't there.
func noColumn(file, want string, have []string) error {
	hint := ""
	if near := field.Nearest(want, have); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return fmt.Errorf("%s: there is no column %q; the file has %s%s", file, want, field.List(have), hint)
}
