package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/dlq"
)

// What is kept of what was told: both are rare, and looked at when it is too late to
// have kept them.
const (
	mostEvents  = 2000
	mostLetters = 256
)

// EventQuery chooses events; empty fields take all.
type EventQuery struct {
	Stream, Series string
	Kind           string // the kind, or the beginning of it up to a dot: drift
	Before         string // id of the event before which they are; one that is not known takes all
	Limit          int
}

// Events returns events, newest first.
func (p *Pipeline) Events(q EventQuery) []view.Event {
	all, _, _ := p.told.Since(0)
	slices.Reverse(all)
	if i := slices.IndexFunc(all, func(e view.Event) bool { return e.ID == q.Before }); q.Before != "" && i >= 0 {
		all = all[i+1:]
	}
	out := []view.Event{}
	for _, e := range all {
		if len(out) == q.Limit {
			break
		}
		if q.takes(&e) {
			e.Acknowledged = p.acks.Has(e.ID, e.Alert)
			out = append(out, e)
		}
	}
	return out
}

func (q *EventQuery) takes(e *view.Event) bool {
	return (q.Stream == "" || q.Stream == e.Stream) && (q.Series == "" || q.Series == e.Series) &&
		(q.Kind == "" || q.Kind == e.Kind || strings.HasPrefix(e.Kind, q.Kind+"."))
}

// Told returns the events from number from on, oldest first, the number that comes
// next, and how many are kept no more. A number below 0 asks for none but the next.
func (p *Pipeline) Told(from int64) (events []view.Event, next, lost int64) {
	if from < 0 {
		return nil, p.told.Next(), 0
	}
	events, next, lost = p.told.Since(from)
	for i := range events {
		events[i].Acknowledged = p.acks.Has(events[i].ID, events[i].Alert)
	}
	return events, next, lost
}

// Acknowledge notes that somebody has seen an event of a series, by its id, or the alert
// that is open, by the id of that: the other events of the alert count as seen too. It
// is known until the process ends.
func (p *Pipeline) Acknowledge(ctx context.Context, stream, series, id string) error {
	all, _, _ := p.told.Since(0)
	for i := range all {
		if e := &all[i]; e.ID == id && e.Stream == stream && e.Series == series {
			p.acks.Add(e.ID)
			p.acks.Add(e.Alert)
			return nil
		}
	}
	w, err := p.worker(stream)
	if err != nil {
		return err
	}
	var alert *view.Alert
	if err := w.desk.ask(ctx, func() {
		if l := w.eng.lanes[series]; l != nil {
			alert = w.showLane(l).Alert
		}
	}); err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	if alert == nil || alert.ID != id {
		return fmt.Errorf("%w: series %s/%s has no event or open alert %q", ErrUnknown, stream, series, id)
	}
	p.acks.Add(alertKey(alert))
	return nil
}

func alertKey(a *view.Alert) string {
	return view.AlertKey(a.ID, string(sink.AppendTime(nil, int64(a.Opened))))
}

// acknowledged says of the alert of a series whether somebody has seen it.
func (p *Pipeline) acknowledged(s *view.Series) {
	if s.Alert != nil {
		s.Alert.Acknowledged = p.acks.Has(alertKey(s.Alert))
	}
}

// versions returns the switches of a series' model that are known, newest first.
func (p *Pipeline) versions(stream, series string) []view.Version {
	out := []view.Version{}
	for _, e := range p.Events(EventQuery{Stream: stream, Series: series, Kind: "model", Limit: mostEvents}) {
		out = append(out, view.Version{Model: e.Model, Since: e.Record, Time: view.Stamp(e.Time), Why: e.Why})
	}
	return out
}

// Letters returns the newest dead letters, at most limit, newest first; with a before
// above 0 those before that number.
func (p *Pipeline) Letters(limit int, before int64) view.Letters {
	all, next, _ := p.letters.Since(0)
	out := view.Letters{Letters: []view.Letter{}, Totals: deadByReason(p.cfg.Metrics, "")}
	for i := len(all) - 1; i >= 0 && len(out.Letters) < limit; i-- {
		l := all[i]
		if l.N = next - int64(len(all)-i); before <= 0 || l.N < before {
			out.Letters = append(out.Letters, l)
		}
	}
	return out
}

// keep remembers a dead letter for who looks on.
func (w *worker) keep(l *dlq.Letter) {
	if w.letters == nil {
		return
	}
	v := view.Letter{ID: l.ID, Time: view.Stamp(l.Time), Stream: l.Stream, Reason: l.Reason, Series: l.Series, Channel: l.Channel,
		Topic: l.Topic, Key: slices.Clone(l.Key[:min(len(l.Key), view.MostPayload)]), Payload: slices.Clone(l.Payload[:min(len(l.Payload), view.MostPayload)]),
		Size: max(l.Size, int64(len(l.Payload))), Error: l.Detail}
	w.letters.Add(v)
}

// delivery shows a delivery.
func (e *eyes) delivery(w *worker, part string, d *ingest.Delivery) {
	e.taps[tapSource].Through(func() string { return deliveryText(w.cfg.Engine.Channels, part, d) })
}
