package pipeline

import (
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
)

// Dead letters travel as events of kind dead_letter, so that every sink can
// carry them: data holds the reason, and the original as far as there is one.

func deadLetter(stream, series string, t int64, reason string, data map[string]any) sink.Event {
	return sink.Event{
		ID: fmt.Sprintf("%s/%s/dead/%s/%v/%d", stream, series, reason, data["channel"], t), Time: t, Stream: stream, Series: series,
		Kind: "dead_letter", Severity: "warning", Why: reason, Data: data,
	}
}

// malformed sends a message that could not be decoded to the dead letter, whole.
func (w *worker) malformed(d *ingest.Delivery) {
	reason := "malformed"
	var m *ingest.MalformedError
	detail := d.Err.Error()
	if errors.As(d.Err, &m) {
		reason, detail = m.Reason, m.Detail
	}
	w.met.deadLetter.WithLabelValues(w.name, reason).Inc()
	data := map[string]any{"reason": reason, "detail": detail, "topic": d.Topic, "partition": w.parts[d.Part].name, "offset": d.Offset}
	put := func(key string, b []byte) {
		switch {
		case len(b) == 0:
		case utf8.Valid(b):
			data[key] = string(b)
		default:
			data[key+"_base64"] = base64.StdEncoding.EncodeToString(b)
		}
	}
	put("key", d.Key)
	put("payload", d.Payload)
	e := deadLetter(w.name, "", d.Stored, reason, data)
	e.ID = fmt.Sprintf("%s/%s/%d", w.name, w.parts[d.Part].name, d.Offset)
	w.cur.addEvent(e, true)
}
