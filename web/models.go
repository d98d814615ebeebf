package web

import (
	"errors"
	"net/http"

	"github.com/quell-stream/quell/pipeline"
)

// Models switches models by hand. Its methods return what is switched, as
// stream/series, must be safe for concurrent use and wrap pipeline.ErrNoModel
// where a name is not one that can be switched to, pipeline.ErrUnknown where there is no
// such stream.
type Models interface {
	Promote(name string, in pipeline.Where) ([]string, error)
	RollBack(name string, in pipeline.Where) ([]string, error)
}

// models adds the paths that switch models. They need a token, even where only
// this machine can connect: what is written here changes what is served.
func (c Config) models(mux *http.ServeMux) {
	if c.Models == nil {
		return
	}
	handle := func(verb string, do func(name string, in pipeline.Where) ([]string, error)) {
		mux.Handle("POST /api/v1/models/{name}/"+verb, c.writes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			in := pipeline.Where{Stream: q.Get("stream"), Series: q.Get("series")}
			if in.Stream == "" && in.Series != "" {
				refuse(w, http.StatusBadRequest, errors.New("series: name its stream too, as stream=NAME"))
				return
			}
			series, err := do(named(r, "name"), in)
			switch {
			case errors.Is(err, pipeline.ErrNoModel), errors.Is(err, pipeline.ErrUnknown):
				write(w, http.StatusNotFound, map[string]any{"error": err.Error()})
			case err != nil:
				write(w, http.StatusInternalServerError, map[string]any{"error": err.Error()})
			default:
				write(w, http.StatusAccepted, map[string]any{"series": series})
			}
		})))
	}
	handle("promote", c.Models.Promote)
	handle("rollback", c.Models.RollBack)
}

// writes lets a request that changes something through where it has the token, and
// none where there is no token to have.
func (c Config) writes(next http.Handler) http.Handler {
	return c.tokenOnly("to change anything", next)
}

// tokenOnly lets a request through that has the token, and none where there is none.
func (c Config) tokenOnly(what string, next http.Handler) http.Handler {
	if c.Token == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, what+" a token is needed, and none is configured: set http.token_file", http.StatusForbidden)
		})
	}
	return c.private(next)
}
