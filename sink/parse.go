package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// ErrVersion says that a record or an event is of a later version of the format.
var ErrVersion = errors.New("of a later version than this program reads")

type recordJSON struct {
	V          int          `json:"v"`
	Type       string       `json:"type"`
	TS         string       `json:"ts"`
	Stream     string       `json:"stream"`
	Series     string       `json:"series"`
	Epoch      int          `json:"epoch"`
	Rev        int          `json:"rev"`
	Channels   channelsJSON `json:"channels"`
	Score      *float64     `json:"score"`
	Drift      string       `json:"drift"`
	Model      string       `json:"model"`
	Lookahead  int          `json:"lookahead"`
	Interval   *float64     `json:"interval"`
	TimeSource string       `json:"time_source"`
}

type valueJSON struct {
	Raw     *float64 `json:"raw"`
	Clean   *float64 `json:"clean"`
	Lo      *float64 `json:"lo"`
	Hi      *float64 `json:"hi"`
	Quality string   `json:"quality"`
	Method  string   `json:"method"`
	Flags   []string `json:"flags"`
}

type eventJSON struct {
	V        int            `json:"v"`
	Type     string         `json:"type"`
	ID       string         `json:"id"`
	TS       string         `json:"ts"`
	Stream   string         `json:"stream"`
	Series   string         `json:"series"`
	Epoch    int            `json:"epoch"`
	Kind     string         `json:"kind"`
	Severity string         `json:"severity"`
	Why      string         `json:"why"`
	Model    string         `json:"model"`
	Data     map[string]any `json:"data"`
	Link     string         `json:"link"`
}

// channelsJSON keeps the order of the channels, which a map would lose.
type channelsJSON struct {
	names  []string
	values []Value
}

// UnmarshalJSON reads the object of channels.
func (c *channelsJSON) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return errors.New("channels is not an object")
	}
	for dec.More() {
		tok, err = dec.Token()
		if err != nil {
			return err
		}
		name, ok := tok.(string)
		if !ok {
			return errors.New("channels is not an object")
		}
		if slices.Contains(c.names, name) {
			return fmt.Errorf("channel %q occurs twice", name)
		}
		var v valueJSON
		if err := dec.Decode(&v); err != nil {
			return err
		}
		q, err := ParseQuality(v.Quality)
		if err != nil {
			return fmt.Errorf("channel %q: %w", name, err)
		}
		c.names = append(c.names, name)
		c.values = append(c.values, Value{
			Raw: orNaN(v.Raw), Clean: orNaN(v.Clean), Lo: orNaN(v.Lo), Hi: orNaN(v.Hi),
			Quality: q, Method: v.Method, Flags: parseFlags(v.Flags),
		})
	}
	return nil
}

// ParseRecord reads a record written by AppendRecord. Unknown fields and flags
// of later versions of Quell are ignored; another v, another type or an unknown
// quality is an error.
func ParseRecord(b []byte) (*Record, error) {
	if r, ok := parseOwn(b); ok {
		return r, nil
	}
	return parseAny(b)
}

func parseAny(b []byte) (*Record, error) {
	var j recordJSON
	if err := decode(b, &j); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	ns, err := header(j.V, j.Type, "record", j.TS)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return &Record{
		Time: ns, Stream: j.Stream, Series: j.Series, Epoch: j.Epoch, Rev: j.Rev,
		Channels: j.Channels.names, Values: j.Channels.values,
		Score: orNaN(j.Score), Drift: j.Drift, Model: j.Model, Lookahead: j.Lookahead,
		Interval: orNaN(j.Interval), TimeSource: j.TimeSource,
	}, nil
}

// ParseEvent reads an event written by AppendEvent. Numbers in Data come back
// as float64. Unknown fields are ignored, and what follows from others (alert and
// phase).
func ParseEvent(b []byte) (*Event, error) {
	var j eventJSON
	if err := decode(b, &j); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	ns, err := header(j.V, j.Type, "event", j.TS)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	return &Event{
		ID: j.ID, Time: ns, Stream: j.Stream, Series: j.Series, Epoch: j.Epoch, Kind: j.Kind,
		Severity: j.Severity, Why: j.Why, Model: j.Model, Data: j.Data, Link: j.Link,
	}, nil
}

// ParseQuality reads a quality code as Quality.String writes it.
func ParseQuality(s string) (Quality, error) {
	for q := Good; q <= Bad; q++ {
		if q.String() == s {
			return q, nil
		}
	}
	return Bad, fmt.Errorf("quality %q is none of good, filled, substituted, uncertain, bad", s)
}

func decode(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("is empty")
		}
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows after its end")
	}
	return nil
}

func header(v int, typ, want, ts string) (int64, error) {
	switch {
	case typ != want:
		return 0, fmt.Errorf("type is %q, want %q", typ, want)
	case v > Version:
		return 0, fmt.Errorf("v is %d, %w", v, ErrVersion)
	case v != Version:
		return 0, fmt.Errorf("v is %d, this version reads %d", v, Version)
	}
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return 0, fmt.Errorf("ts %q is not a time in RFC 3339", ts)
	}
	ns := t.UnixNano()
	if !time.Unix(0, ns).Equal(t) { // more than a count of nanoseconds can hold
		return 0, fmt.Errorf("ts %q is outside the years 1677 to 2262", ts)
	}
	return ns, nil
}

func parseFlags(names []string) (f Flags) {
	for _, n := range names {
		if i := slices.Index(FlagNames, n); i >= 0 {
			f |= 1 << i
		}
	}
	return f
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
