package pipeline

import (
	"errors"
	"fmt"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink/dlq"
	"github.com/quell-stream/quell/window"
)

// Dead letters travel as events of kind dead_letter, so that every sink can
// carry them: data holds the reason, and the original as far as there is one
// (package dlq).

// malformed sends a message that could not be decoded to the dead letter, whole.
func (w *worker) malformed(d *ingest.Delivery) {
	reason := "malformed"
	var m *ingest.MalformedError
	detail := d.Err.Error()
	if errors.As(d.Err, &m) {
		reason, detail = m.Reason, m.Detail
	}
	w.met.deadLetter.WithLabelValues(w.name, reason).Inc()
	part := w.parts[d.Part].name
	l := dlq.Letter{ID: fmt.Sprintf("%s/%s/%d", w.name, part, d.Offset), Time: d.Stored, Stream: w.name, Reason: reason, Detail: detail,
		Topic: d.Topic, Partition: part, Offset: d.Offset, Key: d.Key, Payload: d.Payload, Size: d.Size}
	for _, h := range d.Headers {
		l.Headers = append(l.Headers, dlq.Header(h))
	}
	w.cur.addEvent(l.Event(), true)
}

// Dead adds a dead sample to the open batch.
func (w *worker) Dead(s ingest.Sample, why window.Fate) {
	w.met.deadLetter.WithLabelValues(w.name, why.String()).Inc()
	l := dlq.Letter{Time: s.Time, Stream: w.name, Series: s.Series, Reason: why.String(), Channel: w.cfg.Engine.Channels[s.Channel], Value: s.Value, Missing: s.Missing.String()}
	l.ID = fmt.Sprintf("%s/%s/dead/%s/%s/%d", w.name, s.Series, l.Reason, l.Channel, s.Time)
	w.cur.addEvent(l.Event(), true)
}
