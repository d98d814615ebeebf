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
func (w *worker) Dead(s ingest.Sample, why window.Fate) { w.bury(&deadSample{Sample: s, why: why}) }

func (w *worker) bury(d *deadSample) {
	w.met.deadLetter.WithLabelValues(w.name, d.why.String()).Inc()
	l := dlq.Letter{Time: d.Time, Stored: d.stored, Stream: w.name, Series: d.Series, Reason: d.why.String(), Channel: w.cfg.Engine.Channels[d.Channel], Value: d.Value, Missing: d.Missing.String()}
	if d.why == window.Quarantined {
		l.Detail = w.astray(d.astray)
	}
	w.tellUnused(d, l.Detail)
	l.ID = fmt.Sprintf("%s/%s/dead/%s/%s/%d", w.name, d.Series, l.Reason, l.Channel, d.Time)
	w.keep(&l)
	w.cur.addEvent(l.Event(), true)
}

// astray says what is wrong with a time that is so far astray, and what helps.
func (w *worker) astray(by time.Duration) string {
	if by < 0 {
		return fmt.Sprintf("the time is %v behind the newest of the series, more than %v: set the device's clock", wide(-by), w.eng.cfg.Window.MaxBackward)
	}
	advice := "set the device's clock"
	if off := by.Round(zoneStep) - by; by < mostZone && max(off, -off) < nearZone {
		advice += ", or have it send UTC if it sends its local time"
	}
	return fmt.Sprintf("the time is %v ahead of when the message was stored, more than %v: %s", wide(by), w.eng.cfg.Window.MaxFuture, advice)
}

// A time that is ahead by whole quarters of an hour, as zones are, may be a local one. Zones
// are ahead by 14 hours at most.
const (
	zoneStep = 15 * time.Minute
	nearZone = time.Minute
	mostZone = 14*time.Hour + nearZone
)

// wide rounds a span of at least a minute to seconds.
func wide(d time.Duration) time.Duration {
	if d < time.Minute {
		return d
	}
	return d.Round(time.Second)
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
