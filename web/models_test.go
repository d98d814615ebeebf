package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline"
)

type models struct{ said []string }

func (m *models) Promote(name string, in pipeline.Where) ([]string, error) {
	if name == "odd@123456" {
		return nil, fmt.Errorf("%w: %s is not known", pipeline.ErrNoModel, name)
	}
	m.said = append(m.said, "promote "+name+" in "+in.Stream+"/"+in.Series)
	if in != (pipeline.Where{}) && in != (pipeline.Where{Stream: "pumps", Series: "a/1"}) {
		return nil, fmt.Errorf("%w: there is no stream %q", pipeline.ErrUnknown, in.Stream)
	}
	return []string{"pumps/1"}, nil
}

func (m *models) RollBack(name string, _ pipeline.Where) ([]string, error) {
	m.said = append(m.said, "rollback "+name)
	return nil, fmt.Errorf("the disk is full")
}

// Models are switched by who has the token, and by nobody where there is none.
func TestModels(t *testing.T) {
	const promote = "/api/v1/models/base@3f2a91c07d5e48b2/promote"
	for _, c := range []struct {
		token, method, path, auth, host string
		code                            int
		body                            string
		said                            int
	}{
		{"s3cret", "POST", promote, "Bearer s3cret", "", http.StatusAccepted, "pumps/1", 1},
		{"s3cret", "POST", promote + "?stream=pumps&series=a%2F1", "Bearer s3cret", "", http.StatusAccepted, "pumps/1", 1},
		{"s3cret", "POST", promote + "?stream=fans", "Bearer s3cret", "", http.StatusNotFound, "no stream", 1},
		{"s3cret", "POST", promote + "?series=1", "Bearer s3cret", "", http.StatusBadRequest, "name its stream", 0},
		{"s3cret", "POST", promote, "", "", http.StatusUnauthorized, "token_file", 0},
		{"s3cret", "POST", promote, "Bearer wrong", "", http.StatusUnauthorized, "token_file", 0},
		{"s3cret", "GET", promote, "Bearer s3cret", "", http.StatusMethodNotAllowed, "", 0},
		{"s3cret", "POST", promote, "Bearer s3cret", "evil.example", http.StatusForbidden, "localhost", 0},
		{"", "POST", promote, "", "", http.StatusForbidden, "none is configured", 0},
		{"s3cret", "POST", "/api/v1/models/odd@123456/promote", "Bearer s3cret", "", http.StatusNotFound, "is not known", 0},
		{"s3cret", "POST", "/api/v1/models/base@3f2a91c07d5e48b2/rollback", "Bearer s3cret", "", http.StatusInternalServerError, "disk is full", 1},
		{"s3cret", "POST", "/api/v1/models/base@3f2a91c07d5e48b2/delete", "Bearer s3cret", "", http.StatusNotFound, "", 0},
	} {
		m := &models{}
		h := Handler(Config{View: &fake{}, Models: m, Gatherer: prometheus.NewRegistry(), Token: c.token, Loopback: true})
		req := httptest.NewRequest(c.method, "http://127.0.0.1:7070"+c.path, nil)
		if c.host != "" {
			req.Host = c.host
		}
		if c.auth != "" {
			req.Header.Set("Authorization", c.auth)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.body) || len(m.said) != c.said {
			t.Errorf("%s %s: %d %q, %v, want %d and %q", c.method, c.path, w.Code, w.Body, m.said, c.code, c.body)
		}
		if c.code == http.StatusAccepted && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q is no JSON", w.Body)
		}
	}
}
