package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/internal/wire"
)

// Reader reads a capture.
type Reader struct {
	dir string
	log *seglog.Log
	h   Header
}

// Open opens the capture in dir, and writes nothing into it. A tail that a crash has
// torn is passed over, which Extent tells; any other damage is an error.
func Open(dir string) (*Reader, error) {
	log, h, err := open(dir)
	if err != nil {
		return nil, err
	}
	return &Reader{dir: dir, log: log, h: h}, nil
}

// Header returns what the capture holds.
func (r *Reader) Header() Header { return r.h }

// Models returns the folder of the models that were switched to.
func (r *Reader) Models() string { return filepath.Join(r.dir, models) }

// State returns the folder of the state that the streams began with; it need not be
// there.
func (r *Reader) State() string { return filepath.Join(r.dir, state) }

// Close closes the capture. Its sources must be closed.
func (r *Reader) Close() error {
	if err := r.log.Close(); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// Stream returns what the capture says of a stream, false if it is not in it.
func (r *Reader) Stream(name string) (Stream, bool) {
	i := slices.IndexFunc(r.h.Streams, func(s Stream) bool { return s.Name == name })
	if i < 0 {
		return Stream{}, false
	}
	return r.h.Streams[i], true
}

// Switches returns the switches of a stream, in order.
func (r *Reader) Switches(stream string) (out []Switch, err error) {
	in := r.frames(stream)
	for {
		kind, body, err := in.next()
		if errors.Is(err, io.EOF) {
			return out, in.Close()
		}
		if err != nil {
			return nil, errors.Join(err, in.Close())
		}
		if kind == kindSwitch {
			out = append(out, Switch{Part: body.String(), Series: body.String(), Data: body.Bytes()})
		}
		if err := body.Err(); err != nil {
			return nil, errors.Join(fmt.Errorf("capture: a switch can't be read: %w", err), in.Close())
		}
	}
}

// frames are those of one stream.
type frames struct {
	*seglog.Reader
	stream uint64
}

func (r *Reader) frames(stream string) frames {
	i := slices.IndexFunc(r.h.Streams, func(s Stream) bool { return s.Name == stream })
	return frames{r.log.Reader(0), uint64(i)}
}

// next returns the kind of the next frame, and what follows its stream.
func (f frames) next() (uint8, *wire.Reader, error) {
	for {
		rec, err := f.Next()
		if err != nil {
			return 0, nil, err
		}
		if rec.Kind == kindHeader {
			continue
		}
		body := wire.NewReader(rec.Payload)
		if stream := body.U64(); body.Err() == nil && stream == f.stream {
			return rec.Kind, body, nil
		}
	}
}

// Source returns a source that plays the deliveries of a stream back, as fast as
// they are taken. dec decodes messages; it may be nil where the stream has none.
//
// Where the input had ended, so does the source, with io.EOF. Where the capture was
// stopped it calls stop and waits for the end of the context, since what was pending
// then is pending now: nothing is to be computed without its look-ahead.
func (r *Reader) Source(stream string, dec ingest.Decoder, stop func()) (ingest.Source, error) {
	s, ok := r.Stream(stream)
	switch {
	case !ok:
		return nil, fmt.Errorf("capture: it has no stream %q", stream)
	case s.Messages && dec == nil:
		return nil, fmt.Errorf("capture: stream %s holds messages, and nothing reads them: its source must be of type mqtt or kafka", stream)
	}
	return &player{frames: r.frames(stream), dec: dec, messages: s.Messages, channels: len(s.Channels), stop: stop}, nil
}

// player is a source that plays deliveries back.
type player struct {
	frames   frames
	dec      ingest.Decoder
	messages bool
	channels int
	stop     func()
	parts    int // of the latest assignment
	samples  []ingest.Sample
	resumed  chan struct{}
	over     bool
}

// Open does nothing.
func (p *player) Open(context.Context) error { return nil }

// Close releases the file.
func (p *player) Close(context.Context) error { return p.frames.Close() }

// Next returns the next delivery. It never waits but for the answer to an assignment,
// so that the reader of a stream gets the same ones together each time.
func (p *player) Next(ctx context.Context) (ingest.Delivery, error) {
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return ingest.Delivery{}, err
	}
	if p.resumed != nil {
		select {
		case <-p.resumed:
			p.resumed = nil
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	for !p.over {
		kind, body, err := p.frames.next()
		switch {
		case errors.Is(err, io.EOF):
			p.over = true
			p.stop()
			continue
		case err != nil:
			return ingest.Delivery{}, fmt.Errorf("capture: %w", err)
		}
		switch kind {
		case kindEnd:
			return ingest.Delivery{}, io.EOF
		case kindAssignment:
			return p.assignment(body)
		case kindDelivery:
			return p.delivery(body)
		}
	}
	<-ctx.Done()
	return ingest.Delivery{}, ctx.Err()
}

func (p *player) assignment(body *wire.Reader) (ingest.Delivery, error) {
	a := readAssignment(body)
	if err := body.Err(); err != nil {
		return ingest.Delivery{}, fmt.Errorf("capture: an assignment can't be read: %w", err)
	}
	answered := make(chan struct{})
	p.parts, p.resumed = len(a.Parts), answered
	a.Resume = func([]int64) { close(answered) }
	return ingest.Delivery{Assignment: a}, nil
}

func (p *player) delivery(body *wire.Reader) (d ingest.Delivery, err error) {
	if d, p.samples = readDelivery(body, p.samples, p.messages); body.Err() != nil {
		return ingest.Delivery{}, fmt.Errorf("capture: a delivery can't be read: %w", body.Err())
	}
	if d.Part < 0 || d.Part >= p.parts {
		return ingest.Delivery{}, fmt.Errorf("capture: a delivery of partition %d, of %d: %w", d.Part, p.parts, ErrNone)
	}
	for i := range d.Samples {
		if c := d.Samples[i].Channel; c < 0 || c >= p.channels {
			return ingest.Delivery{}, fmt.Errorf("capture: a sample of channel %d, of %d: %w", c, p.channels, ErrNone)
		}
	}
	if p.messages && !d.Skip && d.Err == nil {
		p.samples, d.Err = p.dec.Decode(p.samples[:0], &d.Message)
		if d.Samples = p.samples; d.Err != nil {
			d.Samples = nil
		}
	}
	return d, nil
}
