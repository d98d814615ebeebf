package web

import (
	"context"
	_ "embed" // of the description
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// api serves /api/v1, see docs/api.md.
type api struct {
	Config
	began   time.Time
	viewers atomic.Int32 // open live streams
	process process

	mu    sync.Mutex
	known map[string]*shared // what live streams share, by what it is
}

// shared is an answer that several live streams take.
type shared struct {
	mu   sync.Mutex
	at   time.Time
	what any
}

// route is a path of the API.
type route struct {
	pattern string // method and path
	serve   http.HandlerFunc
	changes bool // it needs a token, even where only this machine can connect
}

// routes are the paths of the API but for those that switch models. openapi.json
// describes them all.
func (a *api) routes() []route {
	return []route{
		{"GET /api/v1/status", a.status, false},
		{"GET /api/v1/streams", a.streams, false},
		{"GET /api/v1/series", a.series, false},
		{"GET /api/v1/series/{stream}/{series}", a.oneSeries, false},
		{"POST /api/v1/series/{stream}/{series}/acknowledge", a.acknowledge, true},
		{"GET /api/v1/events", a.events, false},
		{"GET /api/v1/dlq", a.letters, false},
		{"GET /api/v1/models", a.listModels, false},
		{"GET /api/v1/replay/{stream}/{series}", a.replay, false},
		{"GET /api/v1/replay/{stream}/{series}/{id}", a.replayWindow, false},
		{"POST /api/v1/replay/{stream}/{series}/{id}/exclude", a.exclude(true), true},
		{"POST /api/v1/replay/{stream}/{series}/{id}/include", a.exclude(false), true},
		{"GET /api/v1/live", a.live, false},
		{"GET /api/v1/openapi.json", describe, false},
	}
}

// api adds the paths of the API.
func (c Config) api(mux *http.ServeMux) {
	a := &api{Config: c, began: time.Now(), known: map[string]*shared{}}
	for _, r := range a.routes() {
		if r.changes {
			mux.Handle(r.pattern, c.writes(r.serve))
		} else {
			mux.Handle(r.pattern, ownPages(c.private(r.serve)))
		}
	}
}

//go:embed openapi.json
var description []byte

// describe answers with the OpenAPI description.
func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(description) // an error means that the client has gone
}

// status is what there is to know of the process.
type status struct {
	Version    string            `json:"version"`
	Kernel     string            `json:"kernel"`
	Started    time.Time         `json:"started"`
	Now        time.Time         `json:"now"`
	Ready      bool              `json:"ready"`
	Writes     bool              `json:"writes"`
	Series     int64             `json:"series"`
	Viewers    int32             `json:"viewers"`
	Parts      []pipeline.Status `json:"parts"`
	Memory     int64             `json:"memory_bytes"`
	CPU        float64           `json:"cpu_seconds"`
	Goroutines int               `json:"goroutines"`
}

// catalogue is the answer to streams.
type catalogue struct {
	Streams []view.Stream `json:"streams"`
	Sinks   []view.Sink   `json:"sinks"`
}

func (a *api) status(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, a.statusOf(a.View.Streams(r.Context())))
}

func (a *api) statusOf(streams []view.Stream) status {
	s := status{Version: a.Version, Kernel: a.Kernel, Started: a.began.UTC(), Now: time.Now().UTC(), Writes: a.Token != "", Viewers: a.viewers.Load()}
	s.Ready, s.Parts = a.View.Ready()
	s.Memory, s.CPU, s.Goroutines = a.process.figures()
	for i := range streams {
		s.Series += int64(streams[i].Series)
	}
	return s
}

func (a *api) streams(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, catalogue{a.View.Streams(r.Context()), a.View.Sinks()})
}

// seriesPage is the answer to series.
type seriesPage struct {
	Total  int           `json:"total"`
	Series []view.Series `json:"series"`
}

func (a *api) series(w http.ResponseWriter, r *http.Request) {
	q, err := seriesQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	total, page, err := a.View.Series(r.Context(), q)
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, seriesPage{total, page})
}

func (a *api) oneSeries(w http.ResponseWriter, r *http.Request) {
	d, err := a.View.OneSeries(r.Context(), named(r, "stream"), named(r, "series"))
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, d)
}

// eventList is the answer to events.
type eventList struct {
	Events []view.Event `json:"events"`
}

func (a *api) events(w http.ResponseWriter, r *http.Request) {
	q, err := eventQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	events := a.View.Events(q)
	if len(events) == 0 && q.Stream != "" && !a.hasStream(r.Context(), q.Stream) {
		fail(w, fmt.Errorf("%w: there is no stream %q", pipeline.ErrUnknown, q.Stream))
		return
	}
	write(w, http.StatusOK, eventList{events})
}

// hasStream says whether there is a stream of that name.
func (a *api) hasStream(ctx context.Context, stream string) bool {
	return slices.ContainsFunc(a.View.Streams(ctx), func(s view.Stream) bool { return s.Name == stream })
}

// noSuchPath answers for what is no path of the API.
func noSuchPath(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, fmt.Errorf("there is no %s; docs/api.md and /api/v1/openapi.json list what there is", r.URL.Path))
}

func (a *api) letters(w http.ResponseWriter, r *http.Request) {
	limit, before, err := letterQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	write(w, http.StatusOK, a.View.Letters(limit, before))
}

// acknowledgement names an event, or an alert that is open, by its id.
type acknowledgement struct {
	Event string `json:"event"`
}

func (a *api) acknowledge(w http.ResponseWriter, r *http.Request) {
	var body acknowledgement
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Event == "" {
		refuse(w, http.StatusBadRequest, errors.New(`the body must be {"event": ID}, the id of an event or of an alert`))
		return
	}
	if err := a.View.Acknowledge(r.Context(), named(r, "stream"), named(r, "series"), body.Event); err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, okay{true})
}

// fail answers with an error of the pipeline.
func fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, pipeline.ErrUnknown), errors.Is(err, pipeline.ErrNoModel):
		refuse(w, http.StatusNotFound, err)
	case errors.Is(err, pipeline.ErrBusy):
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, err)
	default:
		refuse(w, http.StatusInternalServerError, err)
	}
}

func refuse(w http.ResponseWriter, code int, err error) {
	write(w, code, map[string]any{"error": err.Error()})
}

// share returns what make makes, at most shareFor ago.
func share[T any](a *api, key string, make func() T) T {
	a.mu.Lock()
	s := a.known[key]
	if s == nil {
		if len(a.known) >= mostShared {
			clear(a.known)
		}
		s = &shared{}
		a.known[key] = s
	}
	a.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok := s.what.(T); ok && time.Since(s.at) < shareFor {
		return x
	}
	x := make()
	s.at, s.what = time.Now(), x
	return x
}

const (
	shareFor   = 500 * time.Millisecond
	mostShared = 256
)
