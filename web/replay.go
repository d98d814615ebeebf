package web

import (
	"net/http"

	"github.com/quell-stream/quell/pipeline/view"
)

func (a *api) listModels(w http.ResponseWriter, r *http.Request) {
	m, err := a.View.Models(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, m)
}

func (a *api) replay(w http.ResponseWriter, r *http.Request) {
	b, err := a.View.Replay(r.Context(), named(r, "stream"), named(r, "series"))
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, b)
}

// traces is what a window of a replay buffer holds.
type traces struct {
	Channels []view.Trace `json:"channels"`
}

func (a *api) replayWindow(w http.ResponseWriter, r *http.Request) {
	t, err := a.View.ReplayWindow(named(r, "stream"), named(r, "series"), named(r, "id"))
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, traces{t})
}

// exclude takes a window out of what is learnt from, or back in.
func (a *api) exclude(excluded bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.View.ExcludeWindow(named(r, "stream"), named(r, "series"), named(r, "id"), excluded); err != nil {
			fail(w, err)
			return
		}
		write(w, http.StatusOK, okay{true})
	}
}

// okay is the answer to a change that is made.
type okay struct {
	OK bool `json:"ok"`
}
