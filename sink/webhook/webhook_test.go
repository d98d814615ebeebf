package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// endpoint is a receiver that answers as told.
type endpoint struct {
	mu     sync.Mutex
	got    []json.RawMessage
	header []http.Header
	answer func(n int, w http.ResponseWriter) // n counts requests from 0; nil takes all
	n      int
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.n
	e.n++
	if err != nil {
		w.WriteHeader(500)
		return
	}
	if e.answer != nil {
		rec := &status{ResponseWriter: w, code: 200}
		e.answer(n, rec)
		if rec.code/100 != 2 {
			return
		}
	}
	e.got = append(e.got, b)
	e.header = append(e.header, r.Header)
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func serve(t *testing.T, e *endpoint) string {
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv.URL + "/hook"
}

func open(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s := New(cfg)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		e := &endpoint{}
		url := serve(t, e)
		return sinktest.Harness{
			New: func() sink.Sink { return New(Config{URL: url, Secret: []byte("s")}) },
			Read: func() ([]json.RawMessage, error) {
				e.mu.Lock()
				defer e.mu.Unlock()
				return append([]json.RawMessage(nil), e.got...), nil
			},
			Down: func(down bool) {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.answer = nil
				if down {
					e.answer = func(_ int, w http.ResponseWriter) { w.WriteHeader(503) }
				}
			},
		}
	})
}

func TestRequest(t *testing.T) {
	e := &endpoint{}
	now := time.Unix(1_795_435_200, 0)
	s := open(t, Config{URL: serve(t, e), Secret: []byte("key"), Now: func() time.Time { return now }})
	body := []byte(`{"a":1}`)
	if err := s.Write(t.Context(), []sink.Item{{Event: &sink.Event{ID: "pumps/pump °1/0"}, JSON: body}}); err != nil {
		t.Fatal(err)
	}
	h := e.header[0]
	for k, want := range map[string]string{
		"Content-Type":    "application/json",
		"Idempotency-Key": "pumps/pump%20%C2%B01/0",
		"User-Agent":      "quell",
		// echo -n '{"a":1}' | openssl dgst -sha256 -hmac key
		SignatureHeader: "sha256=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342",
		// echo -n '1795435200.{"a":1}' | openssl dgst -sha256 -hmac key
		SignatureV2Header: "sha256=4c45946b9e581c05bb9758ca1053b62dbf8b5e873086b2cfcd015057632c94e7",
		TimestampHeader:   "1795435200",
	} {
		if got := h.Get(k); got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	sig := h.Get(SignatureHeader)
	if !Verify([]byte("key"), body, sig) || Verify([]byte("key"), []byte(`{"a":2}`), sig) || Verify([]byte("yek"), body, sig) || Verify([]byte("key"), body, "") {
		t.Error("Verify does not tell right from wrong")
	}
	at, sig := h.Get(TimestampHeader), h.Get(SignatureV2Header)
	for _, c := range []struct {
		secret, body, at, sig string
		now                   time.Time
		want                  bool
	}{
		{"key", `{"a":1}`, at, sig, now, true}, {"key", `{"a":1}`, at, sig, now.Add(-time.Minute), true},
		{"key", `{"a":1}`, at, sig, now.Add(6 * time.Minute), false}, {"key", `{"a":1}`, "1795435201", sig, now, false},
		{"key", `{"a":2}`, at, sig, now, false}, {"yek", `{"a":1}`, at, sig, now, false}, {"key", `{"a":1}`, "", "", now, false},
		{"key", `{"a":1}`, "-9223372036854775808", sig, now, false},
	} {
		if got := VerifyAt([]byte(c.secret), []byte(c.body), c.at, c.sig, c.now, 5*time.Minute); got != c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
}

func TestUnsigned(t *testing.T) {
	e := &endpoint{}
	s := open(t, Config{URL: serve(t, e)})
	if err := s.Write(t.Context(), sinktest.Items(0, 1)); err != nil {
		t.Fatal(err)
	}
	if got, ok := e.header[0][SignatureHeader]; ok {
		t.Errorf("signed without a secret: %v", got)
	}
	if got, ok := e.header[0][SignatureV2Header]; ok {
		t.Errorf("signed without a secret: %v", got)
	}
}

func TestStatus(t *testing.T) {
	for code, want := range map[int]struct{ permanent, all bool }{
		301: {true, true}, 307: {true, true}, 400: {true, false}, 401: {true, true}, 403: {true, true}, 404: {true, true},
		408: {false, true}, 413: {true, false}, 422: {true, false}, 429: {false, true}, 500: {false, true}, 503: {false, true},
	} {
		e := &endpoint{answer: func(_ int, w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
			if _, err := fmt.Fprint(w, "because\n of this"); err != nil {
				t.Error(err)
			}
		}}
		s := open(t, Config{URL: serve(t, e)})
		err := s.Write(t.Context(), sinktest.Items(0, 3))
		if err == nil || errors.Is(err, sink.ErrPermanent) != want.permanent {
			t.Errorf("%d: got %v, permanent should be %v", code, err, want.permanent)
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprint(code)) || !strings.Contains(err.Error(), `"because of this"`) {
			t.Errorf("%d: the error does not say what was answered: %v", code, err)
		}
		if requests := map[bool]int{true: 1, false: 3}[want.all]; e.n != requests {
			t.Errorf("%d: %d requests, want %d", code, e.n, requests)
		}
	}
}

// TestHalfWay: the second of four is refused for good, the third fails once. The
// retry must post only what is not settled, and still report the refusal.
func TestHalfWay(t *testing.T) {
	e := &endpoint{answer: func(n int, w http.ResponseWriter) {
		if code := []int{200, 422, 500, 200, 200}[n]; code != 200 {
			w.WriteHeader(code)
		}
	}}
	s := open(t, Config{URL: serve(t, e)})
	items := sinktest.Items(0, 4)
	if err := s.Write(t.Context(), items); err == nil || errors.Is(err, sink.ErrPermanent) {
		t.Fatalf("first try: %v, want an error that can be tried again", err)
	}
	if err := s.Write(t.Context(), items); !errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), "422") {
		t.Fatalf("second try: %v, want the refusal", err)
	}
	if len(e.got) != 3 || e.n != 5 {
		t.Errorf("%d taken in %d requests, want 3 in 5", len(e.got), e.n)
	}
	for i, k := range []int{0, 2, 3} {
		if string(e.got[i]) != string(items[k].JSON) {
			t.Errorf("request %d: %s", i, e.got[i])
		}
	}
}

func TestTLS(t *testing.T) {
	e := &endpoint{}
	srv := httptest.NewUnstartedServer(e)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	s := open(t, Config{URL: srv.URL + "/?token=hunter2"})
	err := s.Write(t.Context(), sinktest.Items(0, 1))
	if err == nil || len(e.got) != 0 {
		t.Fatal("a certificate of an unknown authority was accepted")
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows the query: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	s = open(t, Config{URL: srv.URL, TLS: &tls.Config{RootCAs: pool}})
	if err := s.Write(t.Context(), sinktest.Items(0, 1)); err != nil {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer srv.Close()
	defer close(stop)
	s := open(t, Config{URL: srv.URL, Timeout: 20 * time.Millisecond})
	if err := s.Write(t.Context(), sinktest.Items(0, 1)); err == nil || errors.Is(err, sink.ErrPermanent) {
		t.Errorf("got %v, want an error that can be tried again", err)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{
		{}, {URL: "host/path"}, {URL: "ftp://host"}, {URL: "https://"}, {URL: "https://u:hunter2@host:no"},
		{URL: "https://host", Timeout: -1}, {URL: "https://host", TLS: &tls.Config{InsecureSkipVerify: true}},
	} {
		err := New(c).Open(t.Context())
		if err == nil {
			t.Errorf("%q was accepted", c.URL)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

func TestAskedToWait(t *testing.T) {
	e := &endpoint{answer: func(_ int, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	}}
	err := open(t, Config{URL: serve(t, e)}).Write(t.Context(), sinktest.Items(0, 1))
	var r *sink.RetryError
	if !errors.As(err, &r) || r.After != 7*time.Second {
		t.Errorf("got %v, want an error that asks for 7 s", err)
	}
}

func TestKnock(t *testing.T) {
	e := &endpoint{}
	srv := httptest.NewServer(e)
	defer srv.Close()
	s := open(t, Config{URL: srv.URL + "/hook?key=hidden"})
	if err := s.Write(t.Context(), nil); err != nil || e.n != 0 {
		t.Errorf("%v after %d requests, want none of either", err, e.n)
	}
	srv.Close()
	if err := s.Write(t.Context(), nil); err == nil || errors.Is(err, sink.ErrPermanent) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("nobody listens: %v", err)
	}
}

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !Verify([]byte("secret"), body, r.Header.Get(SignatureHeader)) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Println(r.Header.Get("Idempotency-Key"))
	}))
	defer srv.Close()
	s := New(Config{URL: srv.URL, Secret: []byte("secret")})
	ctx := context.Background()
	if err := s.Open(ctx); err != nil {
		fmt.Println(err)
	}
	e := &sink.Event{ID: sink.EventKey("pumps", "pump-3", 0, "drift.opened", 0), Kind: "drift.opened"}
	if err := s.Write(ctx, []sink.Item{{Event: e, JSON: sink.AppendEvent(nil, e)}}); err != nil {
		fmt.Println(err)
	}
	if err := s.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Output: pumps/pump-3/0/drift.opened/0
}
