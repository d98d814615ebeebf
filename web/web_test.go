package web

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fake struct {
	View
	ready bool
}

func (v *fake) Ready() (bool, []pipeline.Status) {
	return v.ready, []pipeline.Status{{Name: "source pumps", Up: v.ready}}
}

func serve(t *testing.T, v View, token string) func(path, host, auth string) (int, string) {
	t.Helper()
	reg := prometheus.NewRegistry()
	pipeline.NewMetrics(reg)
	s, err := Listen("127.0.0.1:0", Config{View: v, Gatherer: reg, Token: token}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return func(path, host, auth string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
}

func TestHandler(t *testing.T) {
	v := &fake{}
	get := serve(t, v, "")
	if code, _ := get("/healthz", "", ""); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	if code, body := get("/readyz", "", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, "source pumps") {
		t.Errorf("readyz of a pipeline that is down: %d %s", code, body)
	}
	v.ready = true
	if code, _ := get("/readyz", "", ""); code != http.StatusOK {
		t.Errorf("readyz: %d", code)
	}
	if code, body := get("/metrics", "", ""); code != http.StatusOK || strings.Contains(body, "series=") {
		t.Errorf("metrics: %d %s", code, body)
	}
	if code, _ := get("/metrics", "evil.example", ""); code != http.StatusForbidden {
		t.Errorf("a foreign host name: %d, want 403", code)
	}
	if code, _ := get("/etc/passwd", "", ""); code != http.StatusNotFound {
		t.Errorf("an unknown path: %d, want 404", code)
	}
}

func TestToken(t *testing.T) {
	get := serve(t, &fake{ready: true}, "s3cret")
	for auth, want := range map[string]int{"": 401, "Bearer no": 401, "Basic s3cret": 401, "Bearer s3cret": 200} {
		if code, _ := get("/metrics", "", auth); code != want {
			t.Errorf("Authorization %q: %d, want %d", auth, code, want)
		}
	}
	if code, _ := get("/readyz", "", ""); code != http.StatusOK {
		t.Errorf("readyz wants no token, got %d", code)
	}
}

func TestBeyondLoopbackWantsToken(t *testing.T) {
	_, err := Listen("0.0.0.0:0", Config{View: &fake{}, Gatherer: prometheus.NewRegistry()}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "token_file") {
		t.Errorf("listening for everyone without a token: %v", err)
	}
}
