package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
)

// A component that is down for downAfter is told of, and that it is up again once
// it has been for upAfter: what flaps is down, and is told of once a minute at
// most.
const (
	healthEvery = time.Second
	downAfter   = 5 * time.Second
	upAfter     = 30 * time.Second
)

// health watches sources and sinks and tells of their outages in events that
// concern a stream and no series. Unlike all other events they depend on the
// clock, for so do outages. They pass the workers by: one that a sink holds up
// could tell nobody.
//
// What was told to be down is kept in a file, so that a process that is killed
// meanwhile does not tell it twice, and its successor tells when it is over. So is
// the newest event of each alert until the outlet has it, from before it is handed
// over: each outlet learns of how it is now, be it twice, under the same key.
type health struct {
	log     *slog.Logger
	path    string
	now     func() time.Time
	links   map[string]string // by stream
	parts   []*component
	waiting map[*outlet]map[string]*notice // by id of the alert
	told    map[string]outage              // by id of the alert
	latest  int64                          // time of the latest event, which no other has
	unsaved bool                           // the file is not up to date
	pool    batchPool
	stop    func() // ends run
	shown   *view.Ring[view.Event]
}

// component is a source or a sink of one stream.
type component struct {
	stream, family, sink string
	outs                 []*outlet // that are told
	probe                func() condition

	since condition
	from  time.Time // as of when the condition is as it is
}

// condition is how a component is: its kind of event, and why.
type condition struct {
	kind string // up, down, no_data
	why  string
}

func newHealth(p *Pipeline) (*health, error) {
	h := &health{shown: p.told, log: p.log, path: filepath.Join(p.cfg.StateDir, "outages.json"), now: time.Now,
		links: map[string]string{}, waiting: map[*outlet]map[string]*notice{}, told: map[string]outage{}}
	for _, w := range p.crew() {
		h.links[w.name] = w.cfg.Engine.Link
		var outs []*outlet
		for _, o := range w.outs {
			if o.cfg.Emit == "events" || o.cfg.Emit == "all" {
				outs = append(outs, o)
			}
		}
		if len(outs) == 0 {
			continue
		}
		h.parts = append(h.parts, &component{stream: w.name, family: "source", outs: outs, probe: w.condition})
		for _, o := range w.outs {
			h.parts = append(h.parts, &component{stream: w.name, family: "sink", sink: o.cfg.Name, outs: outs, probe: o.condition})
		}
	}
	return h, h.load()
}

// run looks once in a while until stop is closed.
func (h *health) run(stop <-chan struct{}) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.look()
		case <-stop:
			return
		}
	}
}

// look asks every component how it is, tells what has lasted, and hands over what
// waits.
func (h *health) look() {
	now := h.now()
	changed := h.strike() || h.unsaved
	for _, c := range h.parts {
		is := c.probe()
		if is.kind != c.since.kind {
			c.from = now
		}
		c.since = is
		e := c.event()
		id := c.alert()
		was, down := h.told[id]
		lasted := now.Sub(c.from)
		switch {
		case is.kind == "up" && down && lasted >= upAfter:
			delete(h.told, id)
			e.Data["since"] = was.Since.UTC().Format(time.RFC3339Nano)
		case is.kind != "up" && was.Kind != is.kind && lasted >= downAfter:
			since := c.from
			if down {
				since = was.Since
			}
			h.told[id] = outage{Kind: is.kind, Since: since}
			e.Data["since"] = since.UTC().Format(time.RFC3339Nano)
		default:
			continue
		}
		changed = true
		h.tell(c, e, now)
	}
	if changed {
		h.save()
	}
	for o := range h.waiting {
		h.offer(o)
	}
}

// event returns the event that tells of a component's condition.
func (c *component) event() *sink.Event {
	e := &sink.Event{Stream: c.stream, Kind: c.family + "." + c.since.kind, Severity: "warning", Why: c.since.why, Data: map[string]any{}}
	if c.sink != "" {
		e.Data["sink"] = c.sink
	}
	if c.since.kind == "up" {
		e.Severity = "info"
	}
	return e
}

// alert returns the id of the alert of a component's outages.
func (c *component) alert() string {
	e := sink.Event{Stream: c.stream, Kind: c.family + ".down", Data: map[string]any{"sink": c.sink}}
	id, _ := e.Alert()
	return id
}

// tell has an event wait for the outlets that are told of a component. It is later
// than all before it, though the clock be set back: who takes events must not take
// the end for older than the beginning.
func (h *health) tell(c *component, e *sink.Event, now time.Time) {
	h.latest = max(now.UnixNano(), h.latest+1)
	e.Time = h.latest
	e.ID = sink.EventKey(e.Stream, "", 0, e.Kind, e.Time)
	e.Link = sink.FillLink(h.links[e.Stream], e)
	h.shown.Add(view.NewEvent(e))
	level, message := slog.LevelInfo, "event"
	if e.Severity == "warning" || e.Severity == "critical" {
		level, message = slog.LevelWarn, e.Kind+": "+e.Why
	}
	h.log.Log(context.Background(), level, message, "stream", e.Stream, "kind", e.Kind, "sink", c.sink, "why", e.Why)
	for _, o := range c.outs {
		h.post(o, e)
	}
}

// condition says how the worker's source is. A silence counts only where nothing
// holds the source up.
func (w *worker) condition() condition {
	if r, is := w.cfg.Source.(interface{ Status() (bool, error) }); is {
		if up, err := r.Status(); !up {
			if err != nil {
				return condition{"down", "the source is down: " + err.Error()}
			}
			return condition{"down", "the source is down"}
		}
	}
	if err := w.waits.Load(); err != nil {
		return condition{"down", "the state of the partitions can't be had: " + (*err).Error()}
	}
	if err := w.com.noRoom.Load(); err != nil {
		return condition{"down", "nothing is acknowledged, since the disk has no room for a checkpoint: " + (*err).Error()}
	}
	if w.cfg.NoData > 0 && !slices.ContainsFunc(w.outs, (*outlet).holdsUp) {
		if at := w.heard.Load(); at != 0 && time.Since(time.Unix(0, at)) >= w.cfg.NoData {
			return condition{"no_data", fmt.Sprintf("the source is up and no message came for %s", w.cfg.NoData)}
		}
	}
	return condition{"up", "messages can come in again"}
}

// condition says how the sink is. One that has nothing to write may know better
// than the outlet.
func (o *outlet) condition() condition {
	if o.up.Load() {
		if r, is := o.cfg.Sink.(interface{ Status() (bool, error) }); is {
			if up, err := r.Status(); !up && err != nil {
				return condition{"down", "the sink is down: " + err.Error()}
			}
		}
		return condition{"up", "the sink takes what it is given again"}
	}
	if t := o.last.Load(); t != nil {
		return condition{"down", "the sink is down: " + *t}
	}
	return condition{"down", "the sink is down"}
}

// holdsUp says whether the sink keeps its streams from reading.
func (o *outlet) holdsUp() bool {
	return o.cfg.Required && (len(o.queue) == cap(o.queue) || o.full())
}
