// Package csv decodes payloads of comma-separated lines without a header; the
// configuration names the columns. Each line is one reading of every channel.
//
//	1700000000000,21.4,0.12
//
// A byte order mark, lines that end with CRLF and quoted fields are taken as spreadsheets
// write them; with semicolons between the columns numbers may have a decimal comma, and
// the words that files have for missing values stand for such unless the layout is strict.
package csv

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// Decoder decodes CSV lines. It is not safe for concurrent use.
type Decoder struct {
	layout   *field.Layout
	resolver *field.Resolver
	names    field.Names
	time     int   // column, -1: not in the payload
	series   int   // column, -1: not in the payload
	channels []int // column by channel
	fields   [][]byte
	number   [64]byte // with a decimal comma
}

// New returns a decoder for the layout, which must be valid (package codec
// checks it) and must not change any more.
func New(l *field.Layout) *Decoder {
	column := make(map[string]int, len(l.Columns)+1)
	for i, name := range l.Columns {
		column[name] = i
	}
	column[""] = -1 // not configured
	d := &Decoder{layout: l, resolver: field.NewResolver(l), time: column[l.Time], series: column[l.Series]}
	for i := range l.Channels {
		d.channels = append(d.channels, column[l.Channels[i].Field()])
	}
	return d
}

// bom is what some programs put in front of UTF-8.
var bom = []byte("\ufeff")

// Decode implements ingest.Decoder.
func (d *Decoder) Decode(dst []ingest.Sample, m *ingest.Message) ([]ingest.Sample, error) {
	o, err := d.resolver.Resolve(m)
	if err != nil {
		return dst, err
	}
	var out []ingest.Sample
	text := bytes.TrimPrefix(m.Payload, bom)
	if bytes.IndexByte(text, '"') >= 0 {
		out, err = d.quoted(dst, text, m, o)
	} else {
		out, err = d.plain(dst, text, m, o)
	}
	if err != nil {
		return dst, err
	}
	if len(out) == len(dst) {
		return dst, ingest.Malformed("csv", "the payload is empty")
	}
	return out, nil
}

// plain reads lines without quotes.
func (d *Decoder) plain(dst []ingest.Sample, text []byte, m *ingest.Message, o field.Origin) ([]ingest.Sample, error) {
	var line []byte
	sep := []byte{d.layout.Separator}
	for left, n := text, 1; len(left) > 0; n++ {
		line, left, _ = bytes.Cut(left, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			continue
		}
		d.fields = d.fields[:0]
		for more := true; more; {
			var f []byte
			f, line, more = bytes.Cut(line, sep)
			d.fields = append(d.fields, f)
		}
		var err error
		if dst, err = d.row(dst, m, o, n); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// quoted reads lines of which at least one has a quote.
func (d *Decoder) quoted(dst []ingest.Sample, text []byte, m *ingest.Message, o field.Origin) ([]ingest.Sample, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = rune(d.layout.Separator)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, ingest.Malformed("csv", "the payload is not CSV: %v", err)
		}
		d.fields = d.fields[:0]
		for _, f := range rec {
			d.fields = append(d.fields, []byte(f))
		}
		line, _ := r.FieldPos(0)
		if dst, err = d.row(dst, m, o, line); err != nil {
			return dst, err
		}
	}
}

// row appends the samples of the line in d.fields.
func (d *Decoder) row(dst []ingest.Sample, m *ingest.Message, o field.Origin, line int) ([]ingest.Sample, error) {
	l := d.layout
	if len(d.fields) != len(l.Columns) {
		return dst, ingest.Malformed("csv", "line %d has %d fields, want %d (%s)", line, len(d.fields), len(l.Columns), field.List(l.Columns))
	}
	s := ingest.Sample{Series: o.Series}
	var err error
	if d.time >= 0 && len(bytes.TrimSpace(d.fields[d.time])) > 0 {
		var ok bool
		if s.Time, ok = field.Stamp(d.decimal(d.fields[d.time]), l.Unit, nil); !ok {
			return dst, ingest.Malformed("time", "line %d: column %q is %.60q, which is no time between 1970 and 2262 in the configured unit", line, l.Time, d.fields[d.time])
		}
	} else if s.Time, s.TimeSource, err = field.Arrival(m); err != nil {
		return dst, err
	}
	if d.series >= 0 {
		if s.Series, err = d.names.Get(d.fields[d.series]); err != nil {
			return dst, err
		}
	}
	for i, col := range d.channels {
		if o.Channel != field.AllChannels && o.Channel != i {
			continue
		}
		c := &l.Channels[i]
		var ok bool
		if s.Value, s.Missing, ok = c.Read(d.decimal(d.fields[col])); !ok && !l.Strict && field.Gap(d.fields[col]) {
			s.Value, s.Missing = 0, ingest.Null
		} else if !ok {
			return dst, ingest.Malformed("not_a_number", "line %d: column %q of channel %s is the text %.60q", line, c.Field(), c.Name, d.fields[col])
		}
		s.Channel = i
		dst = append(dst, s)
	}
	return dst, nil
}

// decimal returns a number with a decimal point, where there may be commas.
func (d *Decoder) decimal(b []byte) []byte {
	if d.layout.Separator != ';' {
		return b
	}
	return field.DecimalPoint(b, d.number[:])
}
