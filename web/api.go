package web

import (
	"encoding/json"
	"errors"
	"net/http"
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

// routes adds the paths that show something.
func (c Config) routes(mux *http.ServeMux) {
	a := &api{Config: c, began: time.Now(), known: map[string]*shared{}}
	get := func(path string, h http.HandlerFunc) { mux.Handle("GET /api/v1/"+path, c.private(h)) }
	get("status", a.status)
	get("streams", a.streams)
	get("series", a.series)
	get("series/{stream}/{series}", a.oneSeries)
	get("events", a.events)
	get("dlq", a.letters)
	get("live", a.live)
	mux.Handle("POST /api/v1/series/{stream}/{series}/acknowledge", c.writes(http.HandlerFunc(a.acknowledge)))
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
	d, err := a.View.OneSeries(r.Context(), r.PathValue("stream"), r.PathValue("series"))
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, d)
}

func (a *api) events(w http.ResponseWriter, r *http.Request) {
	q, err := eventQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	write(w, http.StatusOK, struct {
		Events []view.Event `json:"events"`
	}{a.View.Events(q)})
}

func (a *api) letters(w http.ResponseWriter, r *http.Request) {
	limit, before, err := letterQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	write(w, http.StatusOK, a.View.Letters(limit, before))
}

func (a *api) acknowledge(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Event string `json:"event"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Event == "" {
		refuse(w, http.StatusBadRequest, errors.New(`the body must be {"event": ID}, the id of an event or of an alert`))
		return
	}
	if err := a.View.Acknowledge(r.Context(), r.PathValue("stream"), r.PathValue("series"), body.Event); err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, map[string]any{"ok": true})
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
