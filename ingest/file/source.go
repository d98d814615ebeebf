package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// Config describes a Source. Without Channels the stream's channels are what the
// file has (see Options.Channels).
type Config struct {
	Path string // "-" is standard input
	Options
	// DefaultSeries is the series of all rows where there is no series column.
	// Default: the file's name without its extensions, or stdin.
	DefaultSeries string
	// Stdin replaces standard input, for tests. Default: os.Stdin.
	Stdin io.Reader
}

// Validate checks the configuration; the file is looked at by Open only.
func (c *Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("file: a path is needed"))
	}
	if c.DefaultSeries != "" {
		if err := field.CheckSeries(c.DefaultSeries); err != nil {
			errs = append(errs, fmt.Errorf("file: default series: %w", err))
		}
	}
	return errors.Join(append(errs, c.Options.Validate())...)
}

// partition is the name of a file's only partition.
const partition = "file"

// arenaBytes is how much memory payloads are copied into at a time: a payload
// must live until its ack, and one allocation per row would cost more than the
// row.
const arenaBytes = 32 << 10

// Source delivers the rows of a recording in order. Its only partition is named
// "file", and offsets are row numbers from 0; a reader that resumes has rows
// skipped. A row that can't be read is delivered with the error and the stream
// goes on; the payload of a delivery is the row as it stands in the file. Rows
// have no stored stamp.
//
// A file remembers nothing: acks have no effect. Its partition has a mark, the path and a
// checksum of the first 64 KiB, by which a reader that resumes learns that it is another
// file; live input has none.
type Source struct {
	cfg    Config
	series string
	reader *Reader
	mark   []byte // of the file; live input has none

	assigned bool
	resumed  chan struct{} // closed by Resume, after first is set
	first    int64
	end      error // what Next says for ever: io.EOF, or a final error

	pump *pump // live input only
	// Scratch of deliver, which the pump calls where there is one.
	samples []ingest.Sample
	arena   []byte
}

var _ ingest.Source = (*Source)(nil)

// errClosed is what Next says after Close.
var errClosed = errors.New("file: the source is closed")

// NewSource returns a source that reads a file.
func NewSource(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: c, series: c.DefaultSeries, resumed: make(chan struct{})}
	if s.series == "" {
		s.series = SeriesOf(c.Path)
	}
	return s, nil
}

// SeriesOf returns the series of a file's rows where nothing else names one: the
// file's name without folder and extensions, or stdin.
func SeriesOf(path string) string {
	if path == Stdin {
		return "stdin"
	}
	base := strings.TrimSuffix(filepath.Base(path), ".gz")
	if name := strings.TrimSuffix(base, filepath.Ext(base)); field.CheckSeries(name) == nil {
		return name
	}
	return partition
}

// Open opens the file and reads its head. A file that does not exist, is empty
// or lacks a column is an error: waiting would not help. A live input (standard
// input, a named pipe) is opened in the background, and Next says so if that
// fails.
func (s *Source) Open(context.Context) error {
	live := s.cfg.Path == Stdin
	if !live {
		st, err := os.Stat(s.cfg.Path)
		if err != nil {
			return fmt.Errorf("file: %w", err)
		}
		live = !st.Mode().IsRegular() && !st.IsDir()
	}
	if live {
		stdin := s.cfg.Stdin
		if s.cfg.Path != Stdin {
			stdin = nil
		} else if stdin == nil {
			stdin = os.Stdin
		}
		s.pump = newPump(stdin, func() (*Reader, error) { return s.openReader(stdin) }, func(r *Reader) (ingest.Delivery, error) {
			d, err := s.deliver(r)
			d.Samples = slices.Clone(d.Samples)
			return d, err
		})
		return nil
	}
	r, err := s.openReader(nil)
	if err != nil {
		return err
	}
	m, err := markOf(s.cfg.Path, markBytes)
	if err != nil {
		return errors.Join(fmt.Errorf("file: %w", err), r.Close())
	}
	s.reader, s.mark = r, m.append(nil)
	return nil
}

// openReader opens the input, stdin if there is one.
func (s *Source) openReader(stdin io.Reader) (r *Reader, err error) {
	if stdin != nil {
		r, err = newReader("stdin", stdin, nil, true, s.cfg.Options)
	} else {
		r, err = Open(s.cfg.Path, s.cfg.Options)
	}
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return r, nil
}

// Channels returns the names of the channels that samples refer to: those
// configured, else those found by Open; nil for a live input that was not
// configured.
func (s *Source) Channels() []string {
	if s.reader != nil {
		return s.reader.Channels()
	}
	r := Reader{channels: s.cfg.Channels}
	return r.Channels()
}

// Next implements ingest.Source.
func (s *Source) Next(ctx context.Context) (ingest.Delivery, error) {
	if s.end != nil {
		return ingest.Delivery{}, s.end
	}
	if s.reader == nil && s.pump == nil {
		s.end = errClosed // or never opened
		return ingest.Delivery{}, s.end
	}
	if !s.assigned {
		s.assigned = true
		return ingest.Delivery{Assignment: s.assignment()}, nil
	}
	select {
	case <-s.resumed:
	default:
		select {
		case <-s.resumed:
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	for {
		d, err := s.read(ctx)
		if err != nil {
			return ingest.Delivery{}, err
		}
		if d.Offset >= s.first {
			return d, nil
		}
		// Skipping a long file must not outlast its context; a context that was
		// only a poll's would find the same place again next time.
		if d.Offset%4096 == 0 && ctx.Err() != nil {
			return ingest.Delivery{}, ctx.Err()
		}
	}
}

func (s *Source) assignment() *ingest.Assignment {
	var once sync.Once
	path := s.cfg.Path
	return &ingest.Assignment{
		Parts: []ingest.Partition{{Name: partition, Committed: -1, Mark: s.mark, Same: func(kept []byte) bool { return is(path, kept) }}},
		Resume: func(first []int64) {
			once.Do(func() {
				s.first = first[0]
				close(s.resumed)
			})
		},
	}
}

// read returns the next row as a delivery.
func (s *Source) read(ctx context.Context) (d ingest.Delivery, err error) {
	if s.pump == nil {
		d, err = s.deliver(s.reader)
	} else if d, err = s.pump.next(ctx); err != nil && err == ctx.Err() {
		return ingest.Delivery{}, err
	}
	if err != nil {
		s.end = err
	}
	return d, err
}

// deliver makes a delivery of the reader's next row.
func (s *Source) deliver(r *Reader) (ingest.Delivery, error) {
	row, err := r.Read()
	var bad *RowError
	if err != nil && !errors.As(err, &bad) {
		if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("file: %w", err)
		}
		return ingest.Delivery{}, err
	}
	if row == nil {
		row = &r.row // a bad row still has its index and text
	}
	d := ingest.Delivery{
		Message:  ingest.Message{Topic: s.cfg.Path, Payload: s.keep(row.Raw)},
		Position: ingest.Position{Offset: row.Index},
	}
	d.Ack.Position = d.Position
	if bad != nil {
		d.Err = bad.Malformed()
		return d, nil
	}
	d.Samples = s.decode(r, row)
	if len(d.Samples) == 0 {
		d.Err = ingest.Malformed("field_missing", "line %d: none of the fields %s is there", row.Line, field.List(r.Channels()))
	}
	return d, nil
}

// decode makes the samples of a row.
func (s *Source) decode(r *Reader, row *Row) []ingest.Sample {
	s.samples = s.samples[:0]
	series, from := row.Series, ingest.TimePayload
	if series == "" {
		series = s.series
	}
	if r.time == "" {
		from = ingest.TimeArrival
	}
	for i, c := range row.Cells {
		if !c.Absent {
			s.samples = append(s.samples, ingest.Sample{Series: series, Channel: i, Time: row.Time, Value: c.Value, Missing: c.Missing, TimeSource: from})
		}
	}
	return s.samples
}

// keep copies b to where it may stay.
func (s *Source) keep(b []byte) []byte {
	if len(b) > arenaBytes/8 {
		return append([]byte(nil), b...)
	}
	if len(s.arena)+len(b) > cap(s.arena) {
		s.arena = make([]byte, 0, arenaBytes)
	}
	at := len(s.arena)
	s.arena = append(s.arena, b...)
	return s.arena[at:len(s.arena):len(s.arena)]
}

// Close closes the file. Of a live input it waits for the read that is under
// way until ctx ends: standard input can't always be interrupted.
func (s *Source) Close(ctx context.Context) error {
	s.end = errClosed
	var err error
	switch {
	case s.pump != nil:
		err = s.pump.close(ctx)
	case s.reader != nil:
		err = s.reader.Close()
	}
	s.pump, s.reader = nil, nil
	if err != nil {
		return fmt.Errorf("file: close: %w", err)
	}
	return nil
}
