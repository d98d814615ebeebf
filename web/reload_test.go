package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline"
)

type reloads func() (changed, restart []string, err error)

func (f reloads) Reload(context.Context) ([]string, []string, error) { return f() }

// TestReload: what is answered to a reload, and to whom.
func TestReload(t *testing.T) {
	mistake := Mistake{File: "q.yaml", Line: 3, Column: 5, Path: "streams.s", Message: "is wrong"}
	for _, c := range []struct {
		name    string
		token   string
		changed []string
		restart []string
		err     error
		code    int
		want    map[string]any
	}{
		{"changed", "t", []string{"streams.s"}, nil, nil, 200, map[string]any{"changed": []any{"streams.s"}, "needs_restart": []any{}}},
		{"restart", "t", nil, []string{"http"}, nil, 200, map[string]any{"changed": []any{}, "needs_restart": []any{"http"}}},
		{"mistakes", "t", nil, nil, fmt.Errorf("x: %w", &Mistakes{errors.New("bad"), []Mistake{mistake}}), 422, map[string]any{
			"error":    "the configuration has mistakes; what ran before runs on",
			"mistakes": []any{map[string]any{"file": "q.yaml", "line": 3., "column": 5., "path": "streams.s", "message": "is wrong"}}}},
		{"ended", "t", nil, nil, pipeline.ErrNotRunning, 503, map[string]any{"error": pipeline.ErrNotRunning.Error()}},
		{"broken", "t", nil, []string{"http"}, errors.New("no model"), 500, map[string]any{"error": "no model", "needs_restart": []any{"http"}}},
		{"no token configured", "", nil, nil, nil, 403, nil},
		{"wrong token", "other", nil, nil, nil, 401, nil},
	} {
		calls := 0
		cfg := Config{Token: c.token, Gatherer: prometheus.NewRegistry(), Reload: reloads(func() ([]string, []string, error) {
			calls++
			return c.changed, c.restart, c.err
		})}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/reload", nil)
		r.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		Handler(cfg).ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%s: code %d, want %d: %s", c.name, w.Code, c.code, w.Body)
		}
		if (c.want != nil) != (calls == 1) {
			t.Errorf("%s: %d reloads", c.name, calls)
		}
		var got map[string]any
		if c.want == nil {
			continue
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
	}
	w := httptest.NewRecorder()
	Handler(Config{Token: "t", Gatherer: prometheus.NewRegistry()}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/reload", nil))
	if w.Code == http.StatusOK || w.Code == http.StatusNotImplemented {
		t.Errorf("without a reloader: code %d", w.Code)
	}
}
