// Package capture keeps what came into a pipeline, so that it can be run again:
// every delivery with its stamps and offsets, in the order in which the worker got
// it, every change of ownership, and every switch of a model.
//
// A capture is a directory: a segmented log (internal/seglog), whose checksums
// guard each frame, and beside it the models that were switched to and the state that
// the streams began with. The frames are in docs/formats/capture.md. A Writer is put between a stream's source and its
// worker; a Reader gives, per stream, a source that plays the same deliveries back.
package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/internal/wire"
)

// Version is that of the format.
const Version = 1

// models is the folder of the models that were switched to, and state that of what
// the streams knew at the beginning.
const (
	models = "models"
	state  = "state"
)

// The kinds of frames.
const (
	kindHeader     = 1
	kindAssignment = 2
	kindDelivery   = 3
	kindSwitch     = 4
	kindEnd        = 5
	kindClosed     = 6
)

// Header says what a capture holds.
type Header struct {
	Version int      `json:"version"`
	Release string   `json:"release"` // of the program that made it
	Kernel  string   `json:"kernel"`  // its kernel tier
	Streams []Stream `json:"streams"`
}

// Stream is one stream of a capture.
type Stream struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels"`
	// Messages says that the deliveries hold their messages, to be decoded anew;
	// else they hold their samples.
	Messages bool `json:"messages"`
}

// Switch is a decision that was made durable: the data is that of
// pipeline.AppendSwitch.
type Switch struct {
	Part, Series string
	Data         []byte
}

// ErrNone is wrapped by errors about what is no capture, or no whole one.
var ErrNone = errors.New("not a capture")

// The flags of a delivery.
const (
	flagSkip = 1 << iota
	flagBroker
	flagMessage // topic, key and payload follow
	flagBad     // it could not be decoded, and is not to be anew: reason and detail follow
)

func appendAssignment(dst []byte, stream int, a *ingest.Assignment) []byte {
	dst = wire.U64(wire.U64(dst, uint64(stream)), uint64(len(a.Parts)))
	for _, p := range a.Parts {
		dst = wire.I64(wire.I64(wire.String(dst, p.Name), int64(p.Number)), p.Committed)
	}
	return dst
}

func readAssignment(r *wire.Reader) *ingest.Assignment {
	a := &ingest.Assignment{}
	for range r.Len(24) {
		a.Parts = append(a.Parts, ingest.Partition{Name: r.String(), Number: int32(r.I64()), Committed: r.I64()})
	}
	return a
}

// tooLarge is the reason of a message of which only the beginning is there: decoded
// anew it would be malformed for another one.
const tooLarge = "too_large"

// appendDelivery writes a delivery with its message, or with its samples.
func appendDelivery(dst []byte, stream int, d *ingest.Delivery, messages bool) []byte {
	flags := uint8(0)
	for flag, on := range map[uint8]bool{flagSkip: d.Skip, flagBroker: d.Broker, flagMessage: messages || d.Err != nil, flagBad: d.Err != nil && (!messages || malformed(d.Err).Reason == tooLarge)} {
		if on {
			flags |= flag
		}
	}
	dst = wire.U8(wire.U64(dst, uint64(stream)), flags)
	dst = wire.I64(wire.I64(wire.I64(dst, int64(d.Part)), d.Offset), d.Stored)
	if flags&flagMessage != 0 {
		dst = wire.Bytes(wire.Bytes(wire.String(dst, d.Topic), d.Key), d.Payload)
	}
	if flags&flagBad != 0 {
		m := malformed(d.Err)
		dst = wire.String(wire.String(dst, m.Reason), m.Detail)
	}
	if messages {
		return dst
	}
	dst = wire.U64(dst, uint64(len(d.Samples)))
	for i := range d.Samples {
		s := &d.Samples[i]
		dst = wire.I64(wire.I64(wire.String(dst, s.Series), int64(s.Channel)), s.Time)
		dst = wire.U8(wire.U8(wire.F64(dst, s.Value), uint8(s.Missing)), uint8(s.TimeSource))
	}
	return dst
}

func malformed(err error) *ingest.MalformedError {
	var m *ingest.MalformedError
	if errors.As(err, &m) {
		return m
	}
	return &ingest.MalformedError{Reason: "malformed", Detail: err.Error()}
}

// readDelivery reads a delivery behind its stream; samples is memory for its own.
func readDelivery(r *wire.Reader, samples []ingest.Sample, messages bool) (d ingest.Delivery, _ []ingest.Sample) {
	flags := r.U8()
	bad := flags&flagBad != 0
	if flags >= flagBad<<1 || flags&flagMessage != 0 != (messages || bad) {
		r.Fail(fmt.Errorf("flags %#x, which no version writes", flags))
	}
	d.Skip, d.Broker = flags&flagSkip != 0, flags&flagBroker != 0
	d.Part, d.Offset, d.Stored = r.Int(), r.I64(), r.I64()
	if flags&flagMessage != 0 {
		d.Topic, d.Key, d.Payload = r.String(), r.Bytes(), r.Bytes()
	}
	if bad {
		d.Err = &ingest.MalformedError{Reason: r.String(), Detail: r.String()}
	}
	if messages {
		return d, samples
	}
	samples = samples[:0]
	for range r.Len(34) {
		samples = append(samples, ingest.Sample{Series: r.String(), Channel: r.Int(), Time: r.I64(), Value: r.F64(),
			Missing: ingest.Missing(r.U8()), TimeSource: ingest.TimeSource(r.U8())})
	}
	d.Samples = samples
	return d, samples
}

// open opens the log of an existing capture for reading and reads its header. Damage
// is an error each time: a replay without what is missing would be another one.
func open(dir string) (*seglog.Log, Header, error) {
	var h Header
	log, err := seglog.OpenReadOnly(dir, seglog.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, h, fmt.Errorf("capture: %s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, h, fmt.Errorf("capture: %w", err)
	}
	if damage := log.Report().Damaged; len(damage) > 0 {
		d := damage[0]
		return nil, h, errors.Join(fmt.Errorf("capture: %s is damaged: %s: %s: %w", dir, filepath.Base(d.Segment), d.Reason, ErrNone), log.Close())
	}
	first := log.Reader(0)
	rec, err := first.Next()
	switch {
	case err != nil || rec.Kind != kindHeader:
		err = fmt.Errorf("capture: %s: %w", dir, ErrNone)
	default:
		if err = json.Unmarshal(rec.Payload, &h); err != nil {
			err = fmt.Errorf("capture: %s: %w: %w", dir, err, ErrNone)
		} else if h.Version != Version {
			err = fmt.Errorf("capture: %s has version %d, this program reads %d", dir, h.Version, Version)
		}
	}
	if err = errors.Join(err, first.Close()); err != nil {
		return nil, h, errors.Join(err, log.Close())
	}
	return log, h, nil
}
