package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/quell-stream/quell/pipeline"
)

// Reloader applies a changed configuration to what runs. Its method returns what it
// replaced and, with an error too, what needs a restart, as keys of the file, and must
// be safe for concurrent use. After an error what ran before runs on.
type Reloader interface {
	Reload(ctx context.Context) (changed, needsRestart []string, err error)
}

// Mistake is a place in a configuration file and what is wrong with it.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"` // of the key
	Message string `json:"message"`
}

// Mistakes is the error of a configuration that can't be used as it is.
type Mistakes struct {
	Err  error
	List []Mistake
}

func (m *Mistakes) Error() string { return m.Err.Error() }

// Unwrap returns the error that the mistakes come from.
func (m *Mistakes) Unwrap() error { return m.Err }

// reloadWithin is how long the answer to a reload may take: streams drain first.
const reloadWithin = time.Minute

// reload adds the path that has the configuration read again. It needs a token, since
// it changes what runs, though only to what the file says.
//
// It answers 200 with {"changed", "needs_restart"}; 422 with {"error", "mistakes"} where
// the file is wrong, 503 where nothing runs that could be changed, and 500 with
// {"error"} where the parts can't be made. After each but 200 what ran before runs on.
func (c Config) reload(mux *http.ServeMux) {
	if c.Reload == nil {
		return
	}
	mux.Handle("POST /api/v1/reload", c.writes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// An error means that there is no deadline to move.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(reloadWithin))
		changed, restart, err := c.Reload.Reload(context.WithoutCancel(r.Context()))
		var wrong *Mistakes
		switch {
		case errors.As(err, &wrong):
			write(w, http.StatusUnprocessableEntity, mistaken{"the configuration has mistakes; what ran before runs on", wrong.List})
		case errors.Is(err, pipeline.ErrNotRunning):
			write(w, http.StatusServiceUnavailable, map[string]any{"error": err.Error()})
		case err != nil:
			write(w, http.StatusInternalServerError, unmade{err.Error(), list(restart)})
		default:
			write(w, http.StatusOK, reloaded{list(changed), list(restart)})
		}
	})))
}

// reloaded is the answer to a reload, mistaken that to one of a file with mistakes, and
// unmade that where a part could not be made.
type reloaded struct {
	Changed      []string `json:"changed"`
	NeedsRestart []string `json:"needs_restart"`
}

type unmade struct {
	Error        string   `json:"error"`
	NeedsRestart []string `json:"needs_restart"`
}

type mistaken struct {
	Error    string    `json:"error"`
	Mistakes []Mistake `json:"mistakes"`
}

// list is never null in JSON.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// LogReload tells the log what became of a reload.
func LogReload(log *slog.Logger, changed, restart []string, err error) {
	var wrong *Mistakes
	switch {
	case errors.As(err, &wrong):
		for _, m := range wrong.List {
			log.Error("mistake in the configuration", "file", m.File, "line", m.Line, "column", m.Column, "key", m.Path, "mistake", m.Message)
		}
		log.Error("not reloaded: what ran before runs on; mend the file and reload again", "mistakes", len(wrong.List))
	case err != nil:
		log.Error("not reloaded: what ran before runs on", "err", err)
	case len(changed) == 0 && len(restart) == 0:
		log.Info("reloaded: nothing has changed")
	default:
		log.Info("reloaded", "changed", changed)
	}
	if len(restart) > 0 {
		log.Warn("some changes need a restart of the process", "keys", restart)
	}
}
