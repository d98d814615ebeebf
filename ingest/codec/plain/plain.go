// Package plain decodes payloads that are nothing but a number: 21.4.
//
// The channel comes from the topic ({channel}), or is the stream's only one. The
// payload null is a missing value.
package plain

import (
	"bytes"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// Decoder decodes plain numbers. It is not safe for concurrent use.
type Decoder struct {
	layout   *field.Layout
	resolver *field.Resolver
}

// New returns a decoder for the layout, which must be valid (package codec
// checks it) and must not change any more.
func New(l *field.Layout) *Decoder {
	return &Decoder{layout: l, resolver: field.NewResolver(l)}
}

// Decode implements ingest.Decoder.
func (d *Decoder) Decode(dst []ingest.Sample, m *ingest.Message) ([]ingest.Sample, error) {
	o, err := d.resolver.Resolve(m)
	if err != nil {
		return dst, err
	}
	s := ingest.Sample{Series: o.Series, Channel: max(o.Channel, 0)}
	if s.Time, s.TimeSource, err = field.Arrival(m); err != nil {
		return dst, err
	}
	switch b := bytes.TrimSpace(m.Payload); {
	case len(b) == 0:
		return dst, ingest.Malformed("not_a_number", "the payload is empty, want a number")
	case string(b) == "null":
		s.Missing = ingest.Null
	default:
		var ok bool
		if s.Value, s.Missing, ok = d.layout.Channels[s.Channel].Read(b); !ok {
			return dst, ingest.Malformed("not_a_number", "the payload is the text %.60q, want a number", b)
		}
	}
	return append(dst, s), nil
}
