package web

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/internal/certtest"
)

func handler(c Config) (http.Handler, *models) {
	m := &models{}
	c.View, c.Models, c.Gatherer = &fake{ready: true}, m, prometheus.NewRegistry()
	return Handler(c), m
}

// TestHosts: a page that makes its own name point here (DNS rebinding) reaches
// nothing.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		loopback bool
		hosts    []string
		host     string
		code     int
	}{
		{true, nil, "localhost:7070", 200}, {true, nil, "127.0.0.1", 200}, {true, nil, "[::1]:7070", 200},
		{true, nil, "evil.example", 403}, {true, nil, "localhost.evil.example", 403}, {true, nil, "192.168.0.7", 403}, {true, nil, "", 403},
		{true, []string{"quell.example"}, "Quell.Example:7070", 200}, {true, []string{"quell.example"}, "evil.example", 403},
		{false, nil, "quell.example", 200}, {false, []string{"quell.example"}, "quell.example", 200},
		{false, []string{"quell.example"}, "evil.example", 403}, {false, []string{"quell.example"}, "10.0.0.7:7070", 200},
		{false, []string{"quell.example"}, "127.0.0.1", 200},
	} {
		h, _ := handler(Config{Token: "t", Loopback: c.loopback, Hosts: c.hosts})
		req := httptest.NewRequest("GET", "http://x/healthz", nil)
		req.Host = c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != c.code {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}

// TestOrigins: what another site has a browser send changes nothing, even with the
// token.
func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		header, value string
		code          int
	}{
		{"", "", http.StatusAccepted}, {"Sec-Fetch-Site", "same-origin", http.StatusAccepted}, {"Origin", "http://127.0.0.1:7070", http.StatusAccepted},
		{"Sec-Fetch-Site", "cross-site", http.StatusForbidden}, {"Sec-Fetch-Site", "same-site", http.StatusForbidden},
		{"Origin", "https://evil.example", http.StatusForbidden}, {"Origin", "null", http.StatusForbidden},
	} {
		h, m := handler(Config{Token: "t", Loopback: true})
		req := httptest.NewRequest("POST", "http://127.0.0.1:7070/api/v1/models/base@3f2a91c07d5e48b2/promote", nil)
		req.Header.Set("Authorization", "Bearer t")
		if c.header != "" {
			req.Header.Set(c.header, c.value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != c.code || (len(m.said) > 0) != (c.code == http.StatusAccepted) {
			t.Errorf("%s %s: %d %s", c.header, c.value, w.Code, w.Body)
		}
	}
}

func TestHeaders(t *testing.T) {
	h, _ := handler(Config{Token: "t", Loopback: true})
	for _, url := range []string{"http://127.0.0.1/healthz", "http://127.0.0.1/metrics", "http://127.0.0.1/none", "http://evil.example/"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		for name, want := range headers {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", url, name, got, want)
			}
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other sites may read the answer", url)
		}
	}
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(headers["Content-Security-Policy"], want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
}

// TestPaths: no path from outside is one of the file system, however it is written.
func TestPaths(t *testing.T) {
	for _, path := range []string{"/../../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/metrics/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/models/../../../etc/passwd/promote", "/etc/passwd\x00"} {
		h, m := handler(Config{Token: "t", Loopback: true})
		for _, method := range []string{"GET", "POST"} {
			req := httptest.NewRequest(method, "http://127.0.0.1/", nil)
			req.URL.Path, req.URL.RawPath = path, path
			req.Header.Set("Authorization", "Bearer t")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code < 300 || strings.Contains(w.Body.String(), "root:") || len(m.said) > 0 {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

// TestReadyTellsLittle: without the token there is yes or no, and nothing of the
// network behind.
func TestReadyTellsLittle(t *testing.T) {
	for auth, want := range map[string]bool{"": false, "Bearer no": false, "Bearer s3cret": true, "bearer s3cret": true, "Basic s3cret": false, "Bearer": false, "s3cret": false} {
		get := serve(t, &fake{}, "s3cret")
		code, body := get("/readyz", "", auth)
		if code != http.StatusServiceUnavailable || strings.Contains(body, "source pumps") != want {
			t.Errorf("%q: %d %s", auth, code, body)
		}
	}
}

// TestLimits: large headers and bodies, and requests that never end.
func TestLimits(t *testing.T) {
	s, err := Listen("127.0.0.1:0", Config{View: &fake{ready: true}, Models: &models{}, Token: "t", Gatherer: prometheus.NewRegistry()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	for what, request := range map[string]string{ // by the code of the answer
		"431": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"501": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: wrong, wrong\r\n\r\n",
	} {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, request)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) || !strings.HasPrefix(line, "HTTP/1.1 "+what+" ") {
			t.Errorf("want %s, got %q, %v", what, line, err)
		}
		c.Close()
	}
	for name, d := range map[string]time.Duration{"header": s.srv.ReadHeaderTimeout, "read": s.srv.ReadTimeout, "write": s.srv.WriteTimeout, "idle": s.srv.IdleTimeout} {
		if d <= 0 || d > 5*time.Minute {
			t.Errorf("a time limit of %s for %s", d, name)
		}
	}
	body := httptest.NewRequest("POST", "http://127.0.0.1/", strings.NewReader(strings.Repeat("x", largestBody+1)))
	var got error
	Config{Loopback: true}.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, got = io.ReadAll(r.Body) })).ServeHTTP(httptest.NewRecorder(), body)
	if large := new(http.MaxBytesError); !errors.As(got, &large) {
		t.Errorf("a large body: %v", got)
	}
}

// TestIdleMakeRoom: as many idle connections as there may be, plain ones and such with
// TLS, keep nobody from being answered; the one that has been idle for longest goes, and one
// that is asked something stays.
func TestIdleMakeRoom(t *testing.T) {
	cert, key := certtest.Issue(t, t.TempDir(), "server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, secure := range map[string]*tls.Config{"plain": nil, "tls": {Certificates: []tls.Certificate{pair}}} {
		t.Run(name, func(t *testing.T) {
			s, err := Listen("127.0.0.1:0", Config{View: &fake{ready: true}, Models: &models{}, Token: "t", Gatherer: prometheus.NewRegistry(), TLS: secure}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(t.Context())
			ask := func(c net.Conn) error {
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					return err
				}
				r, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err == nil {
					_, err = io.Copy(io.Discard, r.Body)
				}
				return err
			}
			var all []net.Conn
			for i := range mostConns + 8 {
				c, err := net.Dial("tcp", s.Addr())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if secure != nil {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				all = append(all, c)
				if err := ask(c); err != nil {
					t.Fatalf("connection %d is not answered: %v", i, err)
				}
				if i == 1 { // an answer may be read before the server notes that its connection is idle
					wait(t, "the first two to be idle", func() bool {
						s.conns.mu.Lock()
						defer s.conns.mu.Unlock()
						return len(s.conns.idle) == 2
					})
				}
				if i == mostConns/2 {
					if err := ask(all[0]); err != nil {
						t.Fatalf("the first one: %v", err)
					}
				}
			}
			if ask(all[0]) != nil || ask(all[1]) == nil {
				t.Error("the wrong one was closed")
			}
		})
	}
}

// TestFew: connections beyond the most wait, and Close ends the waiting.
func TestFew(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFew(ln, 1)
	accepted := make(chan net.Conn)
	ended := make(chan error)
	go func() {
		for {
			c, err := f.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first := <-accepted
	dial()
	select {
	case <-accepted:
		t.Error("a second connection while there was room for one")
	case <-time.After(50 * time.Millisecond):
	}
	for range 2 { // twice closed gives room once
		first.Close()
	}
	second := <-accepted
	defer second.Close()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestTLS: with a client authority nobody without a certificate gets through.
func TestTLS(t *testing.T) {
	mine := httptest.NewUnstartedServer(nil) // lends its certificate
	mine.StartTLS()
	defer mine.Close()
	for _, want := range []bool{true, false} {
		c := &tls.Config{Certificates: mine.TLS.Certificates, MinVersion: tls.VersionTLS12}
		if !want {
			c.ClientAuth = tls.RequireAnyClientCert
		}
		s, err := Listen("127.0.0.1:0", Config{View: &fake{ready: true}, Gatherer: prometheus.NewRegistry(), TLS: c}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		tr := mine.Client().Transport.(*http.Transport).Clone()
		tr.TLSClientConfig.ServerName = "example.com"
		res, err := (&http.Client{Transport: tr}).Get(s.URL() + "/healthz")
		if (err == nil) != want || !strings.HasPrefix(s.URL(), "https://") {
			t.Errorf("%s without a certificate of ours: %v", s.URL(), err)
		}
		if err == nil {
			res.Body.Close()
		}
		if res, err := http.Get(fmt.Sprintf("http://%s/healthz", s.Addr())); err == nil {
			if res.StatusCode == http.StatusOK {
				t.Error("it answers in the clear too")
			}
			res.Body.Close()
		}
		tr.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// FuzzRequest: whatever a request says, it changes nothing without the token, and
// finds nothing by a foreign name.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/readyz", "localhost", "", "", "")
	f.Add("POST", "/api/v1/models/base@3f2a91c07d5e48b2/promote", "127.0.0.1:7070", "Bearer x", "null", "{}")
	f.Add("POST", "/api/v1/models/..%2f..%2fx/rollback", "[::1]", "Bearer t\x00", "", "")
	f.Fuzz(func(t *testing.T, method, path, host, auth, origin, body string) {
		h, m := handler(Config{Token: "the token", Loopback: true})
		req := httptest.NewRequest("GET", "http://x/", strings.NewReader(body))
		req.Method, req.URL.Path, req.URL.RawPath, req.Host = method, path, path, host
		req.Header.Set("Authorization", auth)
		req.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		scheme, token, _ := strings.Cut(auth, " ")
		known := strings.EqualFold(scheme, "Bearer") && token == "the token"
		if len(m.said) > 0 && !known {
			t.Errorf("switched by %q", auth)
		}
		if w.Code < 300 && !isLoopback(host) {
			t.Errorf("answered by the name %q: %d", host, w.Code)
		}
		if w.Code == http.StatusOK && path != "/healthz" && path != "/readyz" && !known {
			t.Errorf("%s %s is answered without the token: %s", method, path, w.Body)
		}
	})
}
