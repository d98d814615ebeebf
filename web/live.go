package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/quell-stream/quell/pipeline/view"
)

// The rhythm and the bounds of live streams.
const (
	mostViewers = 32
	tick        = 100 * time.Millisecond
	slowTicks   = 10 // from one status or grid to the next
	beat        = 15 * time.Second
	patience    = 10 * time.Second // with a viewer that takes nothing
	askFor      = 300 * time.Millisecond

	pointsPerTick = 50  // of a series, before it is decimated
	pointsAtFirst = 600 // of those that are kept already
	seriesOfGrids = 1000
)

// viewer is an open live stream: one goroutine that looks at what is new in its own
// time. Nothing waits for it, and what it is too slow for is gone.
type viewer struct {
	api *api
	ctx context.Context
	out *http.ResponseController
	w   http.ResponseWriter

	topics  topics
	feeds   []*follow
	taps    []*drip
	event   int64 // number of the next one
	grids   map[string]*grid
	dropped int64 // since the latest status
	wrote   time.Time
	dirty   bool
}

// follow is a place in a feed, drip one in a tap.
type follow struct {
	stream, series string
	feed           *view.Feed
	next           int64
	quiet          int // ticks without a point
	stop           func()
}

type drip struct {
	stream, arrow string
	tap           *view.Tap
	next          int64
	stop          func()
}

// live is GET /api/v1/live: events as they come, until the viewer or the server goes.
func (a *api) live(w http.ResponseWriter, r *http.Request) {
	t, err := parseTopics(r.URL.Query().Get("topics"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if a.viewers.Add(1) > mostViewers {
		a.viewers.Add(-1)
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, fmt.Errorf("%d pages watch already", mostViewers))
		return
	}
	defer a.viewers.Add(-1)
	v := &viewer{api: a, ctx: r.Context(), out: http.NewResponseController(w), w: w, topics: t, grids: map[string]*grid{}}
	defer v.close()
	if err := v.open(); err != nil {
		fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	// The server's bounds are for requests that end. That of writing is set anew
	// with each event. Writers that know no bounds, as in tests, need none.
	if err := v.out.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return
	}
	// An error means that the viewer is gone, which concerns nobody.
	_ = v.run(a.quit)
}

// open has what the topics name kept. close is to be called after an error too.
func (v *viewer) open() error {
	for _, s := range v.topics.series {
		f := &follow{stream: s[0], series: s[1]}
		if err := f.renew(v.api.View); err != nil {
			return err
		}
		v.feeds = append(v.feeds, f)
	}
	for _, s := range v.topics.taps {
		d := &drip{stream: s[0], arrow: s[1]}
		if err := d.renew(v.api.View); err != nil {
			return err
		}
		v.taps = append(v.taps, d)
	}
	_, v.event, _ = v.api.View.Told(-1)
	return nil
}

func (v *viewer) close() {
	for _, f := range v.feeds {
		f.stop()
	}
	for _, d := range v.taps {
		d.stop()
	}
}

// renew looks where the series is kept now: a stream that was made anew keeps it anew.
func (f *follow) renew(from Watcher) error {
	feed, stop, err := from.Watch(f.stream, f.series)
	switch {
	case err != nil:
		return err
	case feed == f.feed:
		stop()
		return nil
	case f.feed != nil:
		f.stop()
	}
	_, next, _ := feed.Since(0, 1)
	f.feed, f.stop, f.next = feed, stop, max(0, next-pointsAtFirst)
	return nil
}

func (d *drip) renew(from Watcher) error {
	tap, stop, err := from.Tap(d.stream, d.arrow)
	switch {
	case err != nil:
		return err
	case tap == d.tap:
		stop()
		return nil
	case d.tap != nil:
		d.stop()
	}
	d.tap, d.stop, d.next = tap, stop, tap.Next()
	return nil
}

// renew follows streams that were made anew. One that is gone for now, or for good, is
// waited for.
func (v *viewer) renew() {
	for _, f := range v.feeds {
		_ = f.renew(v.api.View)
	}
	for _, d := range v.taps {
		_ = d.renew(v.api.View)
	}
}

// run writes what is new until the viewer goes, or quit is closed.
func (v *viewer) run(quit <-chan struct{}) error {
	if err := v.send("hello", greeting{1}); err != nil {
		return err
	}
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for n := 0; ; n++ {
		if err := v.look(n%slowTicks == 0); err != nil {
			return err
		}
		select {
		case <-ticks.C:
		case <-v.ctx.Done():
			return nil
		case <-quit:
			return nil
		}
	}
}

// look writes what is new since the latest look.
func (v *viewer) look(slow bool) error {
	for _, f := range v.feeds {
		if err := v.points(f); err != nil {
			return err
		}
	}
	if v.topics.events {
		events, next, lost := v.api.View.Told(v.event)
		v.event = next
		v.dropped += lost
		for i := range events {
			if err := v.send("event", events[i]); err != nil {
				return err
			}
		}
	}
	for _, d := range v.taps {
		shown, next := d.tap.Since(d.next)
		d.next = next
		for i := range shown {
			if err := v.send("tap", shown[i]); err != nil {
				return err
			}
		}
	}
	if slow {
		if err := v.slow(); err != nil {
			return err
		}
	}
	if !v.dirty && time.Since(v.wrote) >= beat {
		if err := v.write([]byte(": beat\n\n")); err != nil {
			return err
		}
	}
	if v.dirty {
		v.dirty = false
		return v.out.Flush()
	}
	return nil
}

// points writes the new points of a series.
func (v *viewer) points(f *follow) error {
	p, next, lost := f.feed.Since(f.next, 0)
	most := min(pointsPerTick*(1+f.quiet), pointsAtFirst) // those of a second may come at once
	if f.quiet++; p != nil {
		f.quiet = 0
	}
	if f.next == 0 || next-f.next > pointsAtFirst/2 { // what there was before, or while the viewer was slow
		most = pointsAtFirst
	}
	f.next = next
	v.dropped += lost
	if p == nil {
		return nil
	}
	return v.send("series", seriesNews{f.stream, f.series, p.Decimate(most)})
}

// greeting is what a live stream begins with: the version of its events.
type greeting struct {
	V int `json:"v"`
}

// seriesNews are the new points of a series.
type seriesNews struct {
	Stream string       `json:"stream"`
	Series string       `json:"series"`
	Points *view.Points `json:"points"`
}

// slow writes what comes once a second.
func (v *viewer) slow() error {
	v.renew()
	if v.topics.status {
		s := share(v.api, "status", func() fullStatus {
			ctx, cancel := context.WithTimeout(v.ctx, askFor)
			defer cancel()
			return v.api.fullStatus(ctx)
		})
		s.Dropped = v.dropped
		v.dropped = 0
		if err := v.send("status", s); err != nil {
			return err
		}
	}
	room := seriesOfGrids
	for _, stream := range v.topics.grids {
		if err := v.grid(stream, &room); err != nil {
			return err
		}
	}
	return nil
}

// fullStatus is the status with its streams, for who watches.
type fullStatus struct {
	status
	catalogue
	Dropped int64 `json:"dropped"` // of this stream, since the status before
}

func (a *api) fullStatus(ctx context.Context) fullStatus {
	streams := a.View.Streams(ctx)
	return fullStatus{status: a.statusOf(streams), catalogue: catalogue{streams, a.View.Sinks()}}
}

// send writes an event.
func (v *viewer) send(event string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return v.write(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, b))
}

func (v *viewer) write(b []byte) error {
	v.wrote, v.dirty = time.Now(), true
	if err := v.out.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := v.w.Write(b)
	return err
}
