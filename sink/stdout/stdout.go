// Package stdout writes records and events as JSON lines to an io.Writer, such
// as standard output.
package stdout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/quell-stream/quell/sink"
)

// Sink writes JSON lines to a writer. It is not safe for concurrent use.
type Sink struct {
	w      io.Writer
	buf    []byte
	torn   []byte // rest of a line of which the writer took a part
	closed bool
}

// New returns a sink that writes to w. Closing the sink leaves w open.
func New(w io.Writer) *Sink { return &Sink{w: w} }

// Open does nothing.
func (s *Sink) Open(context.Context) error { return nil }

// Write writes one line per item with a single call of the writer. It returns
// once the writer took all of it; whether that is durable is up to the writer.
// A reader that went away (a closed pipe) is permanent.
func (s *Sink) Write(ctx context.Context, items []sink.Item) error {
	if s.closed {
		return fmt.Errorf("stdout: write: %w", fs.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stdout: write: %w", err)
	}
	// A line that an earlier, failed Write left half written is ended first, so
	// that what follows starts on a line of its own.
	s.buf = append(s.buf[:0], s.torn...)
	for i := range items {
		s.buf = append(s.buf, items[i].JSON...)
		s.buf = append(s.buf, '\n')
	}
	if len(s.buf) == 0 {
		return nil
	}
	n, err := s.w.Write(s.buf)
	if err == nil && n < len(s.buf) {
		err = io.ErrShortWrite
	}
	if n = max(n, 0); n < len(s.torn) {
		s.torn = s.torn[n:]
	} else {
		s.torn = append(s.torn[:0], tail(s.buf, n)...)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, fs.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("stdout: write: the reader went away: %w: %w", err, sink.ErrAll)
	}
	return fmt.Errorf("stdout: write: %w", err)
}

// tail returns what is missing of the line in which the first n bytes of b end,
// nothing if they end with a whole line.
func tail(b []byte, n int) []byte {
	if n == 0 || b[n-1] == '\n' {
		return nil
	}
	for i := n; i < len(b); i++ {
		if b[i] == '\n' {
			return b[n : i+1]
		}
	}
	return b[n:]
}

// Close ends the sink. It may be called more than once.
func (s *Sink) Close(context.Context) error {
	s.closed = true
	return nil
}
