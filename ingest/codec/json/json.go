// Package json decodes JSON payloads: an object with a field per channel, or an
// array of such objects.
//
//	{"ts":1700000000000,"temp_c":21.4,"vib":{"rms":0.12}}
//
// Fields are named by dotted paths: vib.rms is the member rms of the object vib,
// or a member whose name is vib.rms. Ordinary payloads are read by a flat
// scanner that allocates nothing; whatever it doesn't take (escapes in a field
// that is wanted, a field that occurs twice, text that is not JSON) goes through
// encoding/json, which defines the result.
package json

import (
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// maxDepth bounds the nesting of a payload.
const maxDepth = 64

// Decoder decodes JSON messages. It is not safe for concurrent use.
type Decoder struct {
	layout   *field.Layout
	resolver *field.Resolver
	names    field.Names
	find     *Finder
}

// The finder's paths that are no channels.
const (
	targetTime = iota
	targetSeries
	targetChannels // channel i is path targetChannels+i
)

// New returns a decoder for the layout, which must be valid (package codec
// checks it) and must not change any more.
func New(l *field.Layout) *Decoder {
	paths := make([]string, targetChannels, targetChannels+len(l.Channels))
	paths[targetTime], paths[targetSeries] = l.Time, l.Series
	for i := range l.Channels {
		paths = append(paths, l.Channels[i].Field())
	}
	d := &Decoder{layout: l, resolver: field.NewResolver(l), find: NewFinder(paths...)}
	d.find.strict = l.Strict
	return d
}

// Decode implements ingest.Decoder.
func (d *Decoder) Decode(dst []ingest.Sample, m *ingest.Message) ([]ingest.Sample, error) {
	o, err := d.resolver.Resolve(m)
	if err != nil {
		return dst, err
	}
	if !d.find.slowOnly {
		if out, ok := d.fast(dst, m, o); ok {
			return out, nil
		}
	}
	out, err := d.slow(dst, m, o)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// fast decodes a payload with the scanner; false: it has to go through
// encoding/json.
func (d *Decoder) fast(dst []ingest.Sample, m *ingest.Message, o field.Origin) ([]ingest.Sample, bool) {
	s := &d.find.scan
	s.b, s.i = m.Payload, 0
	switch s.space() {
	case '{':
		if dst, ok := d.fastObject(dst, m, o, 1); ok && s.end() {
			return dst, true
		}
	case '[':
		s.i++
		for {
			if s.space() != '{' {
				return dst, false
			}
			var ok bool
			if dst, ok = d.fastObject(dst, m, o, 2); !ok {
				return dst, false
			}
			switch s.space() {
			case ',':
				s.i++
				continue
			case ']':
				s.i++
				return dst, s.end()
			}
			return dst, false
		}
	}
	return dst, false
}

func (d *Decoder) fastObject(dst []ingest.Sample, m *ingest.Message, o field.Origin, depth int) ([]ingest.Sample, bool) {
	if !d.find.fastObject(depth) {
		return dst, false
	}
	dst, err := d.emit(dst, m, o)
	return dst, err == nil
}

// emit appends the samples of the object whose fields are in d.find.found. It is the
// one place where values are judged, whichever way they were found.
func (d *Decoder) emit(dst []ingest.Sample, m *ingest.Message, o field.Origin) ([]ingest.Sample, error) {
	l := d.layout
	at, from, err := d.time(m)
	if err != nil {
		return dst, err
	}
	series := o.Series
	if l.Series != "" {
		if series, err = d.series(); err != nil {
			return dst, err
		}
	}
	first, end := 0, len(l.Channels)
	if o.Channel != field.AllChannels {
		first, end = o.Channel, o.Channel+1
	}
	before := len(dst)
	for i := first; i < end; i++ {
		v := &d.find.found[targetChannels+i]
		if v.Kind == Absent {
			continue
		}
		s := ingest.Sample{Series: series, Channel: i, Time: at, TimeSource: from}
		if s.Value, s.Missing, err = d.value(&l.Channels[i], v); err != nil {
			return dst, err
		}
		dst = append(dst, s)
	}
	if len(dst) == before {
		return dst, errNoChannel
	}
	return dst, nil
}

func (d *Decoder) value(c *field.Channel, v *Leaf) (float64, ingest.Missing, error) {
	switch {
	case v.Kind == Null:
		return 0, ingest.Null, nil
	case v.Kind == Number, v.Kind == Text && !d.layout.Strict:
		if x, why, ok := c.Read(v.Text); ok {
			return x, why, nil
		}
	}
	return 0, 0, notANumber(c, v)
}

func notANumber(c *field.Channel, v *Leaf) error {
	if v.Kind == Text {
		return ingest.Malformed("not_a_number", "field %q of channel %s is the text %.60q", c.Field(), c.Name, v.Text)
	}
	return ingest.Malformed("not_a_number", "field %q of channel %s is %s", c.Field(), c.Name, v.Kind)
}

func (d *Decoder) time(m *ingest.Message) (int64, ingest.TimeSource, error) {
	v := &d.find.found[targetTime]
	switch v.Kind {
	case Absent, Null:
		return field.Arrival(m)
	case Number, Text:
		if ns, ok := field.Stamp(v.Text, d.layout.Unit, nil); ok {
			return ns, ingest.TimePayload, nil
		}
		return 0, 0, ingest.Malformed("time", "field %q is %.60q, which is no time between 1970 and 2262 in the configured unit", d.layout.Time, v.Text)
	}
	return 0, 0, ingest.Malformed("time", "field %q is %s, want a time", d.layout.Time, v.Kind)
}

func (d *Decoder) series() (string, error) {
	v := &d.find.found[targetSeries]
	switch v.Kind {
	case Number, Text:
		return d.names.Get(v.Text)
	case Absent:
		return "", errNoSeries
	}
	return "", ingest.Malformed("series", "field %q is %s, want the series name", d.layout.Series, v.Kind)
}
