package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	if n, reasons := w.unread.add(reason, w.cfg.Now()); n > 0 {
		w.log.Warn("payloads could not be read and went to the dead letter: quell dlq list -c FILE says which and why", "payloads", n, "reasons", reasons)
	}
	part := w.parts[d.Part].name
	l := dlq.Letter{ID: fmt.Sprintf("%s/%s/%d", w.name, part, d.Offset), Time: d.Stored, Stream: w.name, Reason: reason, Detail: detail,
		Topic: d.Topic, Partition: part, Offset: d.Offset, Key: d.Key, Payload: d.Payload, Size: d.Size}
	for _, h := range d.Headers {
		l.Headers = append(l.Headers, dlq.Header(h))
	}
	w.keep(&l)
	w.cur.addEvent(l.Event(), true)
}

// Dead adds a dead sample to the open batch.
func (w *worker) Dead(s ingest.Sample, why window.Fate) {
	w.met.deadLetter.WithLabelValues(w.name, why.String()).Inc()
	if why == window.Surplus {
		w.tellSurplus(s)
	}
	l := dlq.Letter{Time: s.Time, Stream: w.name, Series: s.Series, Reason: why.String(), Channel: w.cfg.Engine.Channels[s.Channel], Value: s.Value, Missing: s.Missing.String()}
	l.ID = fmt.Sprintf("%s/%s/dead/%s/%s/%d", w.name, s.Series, l.Reason, l.Channel, s.Time)
	w.keep(&l)
	w.cur.addEvent(l.Event(), true)
}

// tellUnread is the least time between two lines in the log about payloads that could
// not be read.
const tellUnread = time.Minute

// unread counts the payloads of a stream that could not be read, and says when it is
// time for a line in the log: at the first one, then at most once per tellUnread. The
// zero value is ready.
type unread struct {
	told  time.Time
	count map[string]int64 // since then, by reason
}

// add counts a payload. Where it is time to tell it returns how many there were since
// the last time, and why: "json 3, topic 1".
func (u *unread) add(reason string, now time.Time) (n int64, reasons string) {
	if u.count == nil {
		u.count = map[string]int64{}
	}
	u.count[reason]++
	if !u.told.IsZero() && now.Sub(u.told) < tellUnread {
		return 0, ""
	}
	for _, c := range u.count {
		n += c
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(u.count)) {
		parts = append(parts, fmt.Sprintf("%s %d", why, u.count[why]))
	}
	clear(u.count)
	u.told = now
	return n, strings.Join(parts, ", ")
}
