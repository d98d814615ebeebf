// Package dlq is what a dead letter holds: messages that could not be read, with
// the original, and samples that could not be used, each with the reason. It makes
// the events that carry them, reads them back, and remembers which were replayed.
package dlq

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quell-stream/quell/sink"
)

// Kind is the kind of the events that carry dead letters.
const Kind = "dead_letter"

// Letter is one dead letter. Its slices are the owner's.
type Letter struct {
	ID     string // equal for every copy
	Time   int64  // a message's stored stamp, a sample's event time, Unix ns
	Stored int64  // of a sample, the stored stamp of the message with which it died; 0: there is none
	Stream string
	Series string // "" for a message that could not be read
	Reason string // a short stable code: json, time, late, …
	Detail string // a sentence for people

	// The original, of a message.
	Topic     string // "" for a sample
	Partition string
	Offset    int64
	Key       []byte
	Payload   []byte
	Headers   []Header
	Size      int64 // bytes of the payload as it came, where only the first of them are kept; else 0

	// The reading, of a sample.
	Channel string
	Value   float64 // NaN: there is none
	Missing string  // why there is none
}

// Header is a header of a Kafka message.
type Header struct {
	Key   string
	Value []byte
}

// Event returns the event that carries a letter.
func (l *Letter) Event() sink.Event {
	data := map[string]any{"reason": l.Reason}
	if l.Topic == "" {
		data["channel"] = l.Channel
		if l.Detail != "" {
			data["detail"] = l.Detail
		}
		if l.Stored != 0 {
			data["stored"] = string(sink.AppendTime(nil, l.Stored))
		}
		if l.Missing == "" {
			data["value"] = l.Value
		} else {
			data["missing"] = l.Missing
		}
	} else {
		l.original(data)
	}
	return sink.Event{ID: l.ID, Time: l.Time, Stream: l.Stream, Series: l.Series, Kind: Kind, Severity: "warning", Why: l.Reason, Data: data}
}

func (l *Letter) original(data map[string]any) {
	data["detail"], data["topic"], data["partition"], data["offset"] = l.Detail, l.Topic, l.Partition, l.Offset
	put(data, "key", l.Key)
	put(data, "payload", l.Payload)
	if l.Size > 0 {
		data["bytes"] = l.Size
	}
	if len(l.Headers) > 0 {
		list := make([]any, len(l.Headers))
		for i, h := range l.Headers {
			one := map[string]any{"key": h.Key}
			put(one, "value", h.Value)
			list[i] = one
		}
		data["headers"] = list
	}
}

// put puts bytes into an object: as text where they are UTF-8, else in base64.
func put(data map[string]any, key string, b []byte) {
	switch {
	case len(b) == 0:
	case utf8.Valid(b):
		data[key] = string(b)
	default:
		data[key+"_base64"] = base64.StdEncoding.EncodeToString(b)
	}
}

// ErrOther says that an event carries no dead letter.
var ErrOther = errors.New("no dead letter")

// Parse reads the JSON of an event that carries a letter.
func Parse(b []byte) (*Letter, error) {
	e, err := sink.ParseEvent(b)
	if err != nil {
		return nil, err
	}
	if e.Kind != Kind {
		return nil, fmt.Errorf("an event of kind %q: %w", e.Kind, ErrOther)
	}
	text := func(key string) string { s, _ := e.Data[key].(string); return s }
	l := &Letter{ID: e.ID, Time: e.Time, Stream: e.Stream, Series: e.Series, Reason: text("reason"), Detail: text("detail"),
		Topic: text("topic"), Partition: text("partition"), Offset: whole(e.Data["offset"]), Size: whole(e.Data["bytes"]),
		Channel: text("channel"), Missing: text("missing"), Value: math.NaN()}
	if at, err := time.Parse(time.RFC3339Nano, text("stored")); err == nil {
		l.Stored = at.UnixNano()
	}
	if v, ok := e.Data["value"].(float64); ok {
		l.Value = v
	}
	if l.Key, err = take(e.Data, "key"); err != nil {
		return nil, err
	}
	if l.Payload, err = take(e.Data, "payload"); err != nil {
		return nil, err
	}
	list, _ := e.Data["headers"].([]any)
	for _, one := range list {
		m, ok := one.(map[string]any)
		if !ok {
			return nil, errors.New("dead letter: a header is no object")
		}
		h := Header{}
		h.Key, _ = m["key"].(string)
		if h.Value, err = take(m, "value"); err != nil {
			return nil, err
		}
		l.Headers = append(l.Headers, h)
	}
	return l, nil
}

func whole(v any) int64 {
	f, ok := v.(float64)
	if !ok || math.Abs(f) >= 1<<62 {
		return 0
	}
	return int64(f)
}

func take(data map[string]any, key string) ([]byte, error) {
	if s, ok := data[key].(string); ok {
		return []byte(s), nil
	}
	s, ok := data[key+"_base64"].(string)
	if !ok {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("dead letter: %s_base64: %w", key, err)
	}
	return b, nil
}

// PartitionNumber returns the number of the Kafka partition that the message was
// in, false where it was in none.
func (l *Letter) PartitionNumber() (int, bool) {
	s, ok := strings.CutPrefix(l.Partition, l.Topic+"/")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// Whole says why a letter can't be replayed, nil where it holds a whole message.
func (l *Letter) Whole() error {
	switch {
	case l.Topic == "":
		return errors.New("a sample, of which no message is kept")
	case l.Size > 0:
		return fmt.Errorf("only the first %d of %d bytes are kept", len(l.Payload), l.Size)
	case len(l.Payload) == 0:
		return errors.New("no payload is kept")
	}
	return nil
}
