// Package codec builds the decoder of a stream's payloads from its
// configuration. The codecs themselves are in the packages below: json, plain
// and csv; topic templates in topic.
package codec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/csv"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/codec/json"
	"github.com/quell-stream/quell/ingest/codec/plain"
	"github.com/quell-stream/quell/ingest/codec/topic"
)

// Channel is one variable of a stream and where it is found in payloads.
type Channel = field.Channel

// The payload types.
const (
	JSON  = "json"
	Plain = "plain"
	CSV   = "csv"
)

// separators are what may stand between columns.
var separators = map[string]byte{"": ',', "comma": ',', "semicolon": ';', "tab": '\t'}

// DefaultMaxBytes is the largest payload that is decoded unless configured.
const DefaultMaxBytes = 1 << 20

// Config says how payloads are turned into samples.
type Config struct {
	// Type is json, plain (a number and nothing else) or csv. Default: json.
	Type string
	// Series is the field that names the series: a dotted path, a column. Default:
	// the topic's {series}, else the message's key, else DefaultSeries.
	Series string
	// Time is the field that holds the event time. Default: none, the broker's or
	// the arrival time is used, as it is for messages whose field is missing or
	// null.
	Time string
	// TimeUnit is s, ms, us, ns or rfc3339. Default: text is read as RFC 3339,
	// numbers as milliseconds.
	TimeUnit string
	// Columns names the columns of a CSV line in order; columns that are named
	// nowhere else are ignored.
	Columns []string
	// Separator is what stands between the columns of a CSV line: comma, semicolon, with
	// which numbers may have a decimal comma, or tab. Default: comma.
	Separator string
	// TopicTemplates are the topics read (package topic). Empty: any topic.
	TopicTemplates []string
	// Channels are the stream's channels; Sample.Channel is an index into them.
	Channels []Channel
	// DefaultSeries is the series of messages that name none. Default: such
	// messages are malformed.
	DefaultSeries string
	// MaxBytes bounds a payload. Default: DefaultMaxBytes.
	MaxBytes int
	// Strict refuses numbers in quotes ("21.4") and bare NaN and Infinity in JSON,
	// which are otherwise read as what they mean.
	Strict bool
}

// Validate checks the configuration and returns all that is wrong with it.
func (c *Config) Validate() error {
	_, err := c.layout()
	return err
}

// New returns the decoder that the configuration describes.
func New(c Config) (ingest.Decoder, error) {
	l, err := c.layout()
	if err != nil {
		return nil, err
	}
	switch c.Type {
	case Plain:
		return plain.New(l), nil
	case CSV:
		return csv.New(l), nil
	default:
		return json.New(l), nil
	}
}

func (c *Config) layout() (*field.Layout, error) {
	l := &field.Layout{
		Channels: slices.Clone(c.Channels), Series: c.Series, Time: c.Time, Columns: slices.Clone(c.Columns),
		DefaultSeries: c.DefaultSeries, MaxBytes: c.MaxBytes, Strict: c.Strict,
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("codec: "+format, args...)) }
	if l.MaxBytes < 0 {
		fail("max_bytes must be positive, not %d", c.MaxBytes)
	}
	if !slices.Contains([]string{"", JSON, Plain, CSV}, c.Type) {
		fail("type %q: must be one of json, plain, csv", c.Type)
	}
	var err error
	if l.Unit, err = field.ParseUnit(c.TimeUnit); err != nil {
		fail("%w", err)
	}
	if c.DefaultSeries != "" {
		if err := field.CheckSeries(c.DefaultSeries); err != nil {
			fail("default series: %w", err)
		}
	}
	for _, s := range c.TopicTemplates {
		t, err := topic.Parse(s)
		if err != nil {
			fail("%w", err)
			continue
		}
		l.Topics = append(l.Topics, t)
	}
	errs = append(errs, c.checkChannels()...)
	switch c.Type {
	case CSV:
		errs = append(errs, c.checkColumns()...)
	case Plain:
		errs = append(errs, c.checkPlain(l.Topics)...)
	default:
		errs = append(errs, c.checkPaths()...)
	}
	if c.Type != CSV && len(c.Columns) > 0 {
		fail("columns are for type csv only")
	}
	if c.Type != CSV && c.Separator != "" {
		fail("separator is for type csv only")
	}
	var known bool
	if l.Separator, known = separators[c.Separator]; !known {
		fail("separator %q: must be one of comma, semicolon, tab", c.Separator)
	}
	return l, errors.Join(errs...)
}

func (c *Config) checkChannels() (errs []error) {
	if len(c.Channels) == 0 {
		return []error{errors.New("codec: at least one channel is needed")}
	}
	names := make(map[string]bool)
	for i := range c.Channels {
		if err := c.Channels[i].Validate(); err != nil {
			errs = append(errs, err)
		}
		if n := c.Channels[i].Name; names[n] && n != "" {
			errs = append(errs, fmt.Errorf("channel %s occurs twice", n))
		}
		names[c.Channels[i].Name] = true
	}
	return errs
}

// fields lists the configured fields with the key that names each.
func (c *Config) fields() (keys, fields []string) {
	if c.Time != "" {
		keys, fields = append(keys, "codec: time"), append(fields, c.Time)
	}
	if c.Series != "" {
		keys, fields = append(keys, "codec: series"), append(fields, c.Series)
	}
	for i := range c.Channels {
		if f := c.Channels[i].Field(); f != "" {
			keys, fields = append(keys, "channel "+c.Channels[i].Name), append(fields, f)
		}
	}
	return keys, fields
}

func (c *Config) checkPaths() (errs []error) {
	keys, fields := c.fields()
	for i, f := range fields {
		if slices.Contains(strings.Split(f, "."), "") {
			errs = append(errs, fmt.Errorf("%s: path %q: a path is names joined by single dots, like vib.rms", keys[i], f))
		}
	}
	return errs
}

func (c *Config) checkColumns() (errs []error) {
	if len(c.Columns) == 0 {
		return []error{errors.New("codec: type csv needs columns, the names of the fields of a line in order")}
	}
	for i, name := range c.Columns {
		if name != "" && slices.Contains(c.Columns[:i], name) {
			errs = append(errs, fmt.Errorf("codec: column %s occurs twice", name))
		}
	}
	keys, fields := c.fields()
	for i, f := range fields {
		if slices.Contains(c.Columns, f) {
			continue
		}
		hint := ""
		if near := field.Nearest(f, c.Columns); near != "" {
			hint = fmt.Sprintf(": did you mean %s?", near)
		}
		errs = append(errs, fmt.Errorf("%s: there is no column %q among %s%s", keys[i], f, field.List(c.Columns), hint))
	}
	return errs
}

func (c *Config) checkPlain(topics []*topic.Template) (errs []error) {
	if c.Series != "" || c.Time != "" {
		errs = append(errs, errors.New("codec: type plain has no fields: series and time must not be set"))
	}
	if len(c.Channels) <= 1 {
		return errs
	}
	if len(topics) == 0 {
		errs = append(errs, errors.New("codec: type plain with several channels needs topics with {channel}"))
	}
	for _, t := range topics {
		if !t.HasChannel() {
			errs = append(errs, fmt.Errorf("codec: type plain with several channels: topic %q must name the channel by {channel}", t))
		}
	}
	return errs
}
