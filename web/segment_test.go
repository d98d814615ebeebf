package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestDots: every name can be asked for by an address that nobody shortens, and older
// ways to write it go on.
func TestDots(t *testing.T) {
	got := ""
	mux := http.NewServeMux()
	mux.HandleFunc("GET /s/{name}", func(_ http.ResponseWriter, r *http.Request) { got = named(r, "name") })
	for path, want := range map[string]string{
		"~.": ".", "~..": "..", "~~.": "~.", "~~~..": "~~..", "~": "~", "~...": "~...", "...": "...", "~a": "~a", "a~..": "a~..", ".~.": ".~.",
		"%2E": ".", "%2E%2E": "..", "%7E%2E": ".", "~%2F": "/", "a%2F..": "a/..", "~~%2F": "~/",
	} {
		got = "nothing"
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/s/"+path, nil))
		if got != want {
			t.Errorf("%s asks for %q, want %q", path, got, want)
		}
	}
}
