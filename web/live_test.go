package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
)

// message is an event of a live stream.
type message struct {
	event string
	data  map[string]any
}

// listen reads a live stream until the test ends or stop is called.
func (r *running) listen(topics string) (messages <-chan message, stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.t.Cleanup(cancel)
	res := r.request(ctx, "GET", "/api/v1/live?topics="+topics, "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("X-Accel-Buffering") != "no" {
		b, _ := io.ReadAll(res.Body)
		r.t.Fatalf("%d %v: %s", res.StatusCode, res.Header, b)
	}
	out := make(chan message, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		s := bufio.NewScanner(res.Body)
		s.Buffer(nil, 1<<22)
		m := message{}
		for s.Scan() {
			if name, ok := strings.CutPrefix(s.Text(), "event: "); ok {
				m.event = name
			} else if text, ok := strings.CutPrefix(s.Text(), "data: "); ok {
				m.data = nil
				if json.Unmarshal([]byte(text), &m.data) != nil {
					return
				}
			} else if s.Text() == "" && m.event != "" {
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
				m = message{}
			}
		}
	}()
	return out, func() { cancel(); <-done }
}

// next returns the next message of a kind.
func next(t *testing.T, from <-chan message, event string) map[string]any {
	t.Helper()
	return nextOf(t, from, event).data
}

// nextOf returns the next message of one of several kinds.
func nextOf(t *testing.T, from <-chan message, events ...string) message {
	t.Helper()
	late := time.After(15 * time.Second)
	for {
		select {
		case m, ok := <-from:
			if !ok {
				t.Fatalf("the stream ended before an event %q", events)
			}
			checkLive(t, m)
			if slices.Contains(events, m.event) {
				return m
			}
		case <-late:
			t.Fatalf("waited in vain for an event %q", events)
		}
	}
}

// TestLive follows a drift on a live stream, from before it to its event.
func TestLive(t *testing.T) {
	r := runPipeline(t, 1000, Config{})
	wait(t, "the first samples", func() bool {
		n, _, err := r.Series(t.Context(), view.Query{Stream: "pumps", Limit: 1})
		return err == nil && n == 2
	})
	m, stop := r.listen("status,events,grid:pumps,series:pumps/jumps%252F1,tap:pumps/drift,tap:pumps/source")
	if v := next(t, m, "hello")["v"]; v != 1. {
		t.Errorf("hello %v", v)
	}
	s := next(t, m, "status")
	if s["viewers"] != 1. || s["dropped"] != 0. || len(s["streams"].([]any)) != 1 || len(s["sinks"].([]any)) != 2 {
		t.Errorf("status %v", s)
	}
	if g := next(t, m, "grid"); len(g["series"].([]any)) != 2 || len(g["removed"].([]any)) != 0 {
		t.Errorf("grid %v", g)
	}
	r.feed.more <- 600
	// On a busy machine the event may come before the first points.
	var p, e map[string]any
	for p == nil || e == nil {
		switch got := nextOf(t, m, "series", "event"); {
		case got.event == "series" && p == nil:
			p = got.data
		case got.event == "event" && e == nil:
			e = got.data
		}
	}
	if p["series"] != "jumps/1" {
		t.Errorf("series %v", p)
	}
	points := p["points"].(map[string]any)
	n := len(points["t_ms"].([]any))
	if n == 0 || n > pointsAtFirst || len(points["stat"].([]any)) != n || len(points["channels"].(map[string]any)["temp"].(map[string]any)["clean"].([]any)) != n {
		t.Errorf("%d points %v", n, points)
	}
	if e["kind"] != "drift.opened" || e["series"] != "jumps/1" || e["acknowledged"] != false {
		t.Errorf("event %v", e)
	}
	r.feed.more <- 1
	if g := next(t, m, "grid"); len(g["series"].([]any)) != 2 {
		t.Errorf("grid after a change %v", g)
	}
	// What passes right behind something that was shown is not: with each status, once a
	// second, there is more to show.
	var tap message
	for range 20 {
		r.feed.more <- 1
		if tap = nextOf(t, m, "tap", "status"); tap.event == "tap" {
			break
		}
	}
	if tap.event != "tap" || tap.data["text"] == "" || tap.data["stream"] != "pumps" {
		t.Errorf("tap %v", tap)
	}
	stop()
	wait(t, "the viewer to be gone", func() bool {
		var s status
		return json.NewDecoder(r.request(t.Context(), "GET", "/api/v1/status", "").Body).Decode(&s) == nil && s.Viewers == 0
	})
}

// TestLiveIsBounded: what is asked wrongly, or for too many, is refused.
func TestLiveIsBounded(t *testing.T) {
	r := runPipeline(t, 10, Config{})
	for path, code := range map[string]int{
		"":                           http.StatusBadRequest,
		"?topics=nothing":            http.StatusBadRequest,
		"?topics=series:pumps":       http.StatusBadRequest,
		"?topics=series:none/x":      http.StatusNotFound,
		"?topics=tap:pumps/elbow":    http.StatusBadRequest,
		"?topics=status,tap:no/sink": http.StatusNotFound,
	} {
		if res := r.request(t.Context(), "GET", "/api/v1/live"+path, ""); res.StatusCode != code {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, code)
		}
	}
	var stops []func()
	for range mostViewers {
		_, stop := r.listen("events")
		stops = append(stops, stop)
	}
	if res := r.request(t.Context(), "GET", "/api/v1/live?topics=events", ""); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one viewer too many: %d", res.StatusCode)
	}
	for _, stop := range stops {
		stop()
	}
}

// TestLiveOutlastsTheServersBounds: those are for requests that end.
func TestLiveOutlastsTheServersBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 300 * time.Millisecond
		s := &http.Server{ReadTimeout: bound, WriteTimeout: bound, Handler: Handler(Config{View: &quiet{}, Token: testToken, Loopback: true, Gatherer: prometheus.NewRegistry()})}
		here, there := net.Pipe()
		conns := lone{make(chan net.Conn, 1)}
		conns.waits <- there
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(conns) }()
		defer func() {
			_ = here.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		}()
		if _, err := io.WriteString(here, "GET /api/v1/live?topics=status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+testToken+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		began, lines := time.Now(), bufio.NewReader(here)
		for n := 0; n < 3; { // one a second
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("after %s and %d messages: %v", time.Since(began), n, err)
			}
			if line == "event: status\n" {
				n++
			}
		}
		if took := time.Since(began); took < 2*bound {
			t.Errorf("it took %s, which shows nothing", took)
		}
	})
}

// lone is a listener of the connections that wait in it.
type lone struct{ waits chan net.Conn }

func (l lone) Accept() (net.Conn, error) {
	c, ok := <-l.waits
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l lone) Close() error   { close(l.waits); return nil }
func (l lone) Addr() net.Addr { return &net.TCPAddr{} }

// TestCloseEndsLiveStreams: a server that is closed does not wait for who watches.
func TestCloseEndsLiveStreams(t *testing.T) {
	s, err := Listen("127.0.0.1:0", Config{View: &quiet{}, Gatherer: prometheus.NewRegistry()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr()+"/api/v1/live?topics=events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// quiet is a view of a pipeline in which nothing happens.
type quiet struct{ fake }

func (*quiet) Watch(string, string) (*view.Feed, func(), error) { return nil, nil, pipeline.ErrUnknown }
func (*quiet) Told(int64) ([]view.Event, int64, int64)          { return nil, 0, 0 }
func (*quiet) Streams(context.Context) []view.Stream            { return []view.Stream{} }
func (*quiet) Sinks() []view.Sink                               { return []view.Sink{} }
func (*quiet) Events(q pipeline.EventQuery) []view.Event        { return []view.Event{} }

// TestSlowViewer: one that is slow gets the newest points and is told how many it missed.
func TestSlowViewer(t *testing.T) {
	f := view.NewFeed([]string{"v"})
	fill := func(from, n int) {
		for i := from; i < from+n; i++ {
			f.Record(&sink.Record{Time: int64(i) * 1e6, Values: []sink.Value{{Raw: float64(i)}}})
		}
	}
	fill(0, 10)
	w := httptest.NewRecorder()
	a := &api{Config: Config{View: &quiet{}}, known: map[string]*shared{}}
	v := &viewer{api: a, ctx: t.Context(), out: http.NewResponseController(w), w: w, topics: topics{status: true}, feeds: []*follow{{stream: "s", series: "x", feed: f, next: 10, stop: func() {}}}}
	fill(10, 5000)
	if err := v.look(true); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if !strings.Contains(body, `"dropped":2952`) { // of 5,000 the newest 2,048 are kept
		t.Errorf("%.300s", body)
	}
	_, data, _ := strings.Cut(body, "event: series\ndata: ")
	data, _, _ = strings.Cut(data, "\n")
	var got struct{ Points view.Points }
	if err := json.Unmarshal([]byte(data), &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.Points.TimeMS); n > pointsAtFirst || got.Points.TimeMS[n-1] != 5009 {
		t.Errorf("%d points up to %g", n, got.Points.TimeMS[n-1])
	}
}

// TestAssets: the page is served as it is, once, and needs no token.
func TestAssets(t *testing.T) {
	page := strings.Repeat("<!doctype html><title>Quell</title>", 20)
	h, _ := handler(Config{Token: "t", Loopback: true, Assets: mapFS(map[string]string{"index.html": page, "assets/app.js": "1", "assets/style.css": "a{}"})})
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
	w := get("/")
	tag := w.Header().Get("ETag")
	if w.Code != 200 || w.Body.String() != page || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || !strings.HasPrefix(tag, `"`) {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("policy %s", csp)
	}
	for _, has := range []string{tag, "W/" + tag, `"other", ` + tag} {
		if w := get("/", "If-None-Match", has); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("the browser has %s: %d", has, w.Code)
		}
	}
	if w := get("/", "Accept-Encoding", "gzip, br"); w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("ETag") == tag || w.Body.Len() >= len(page) {
		t.Errorf("packed: %v, %d bytes", w.Header(), w.Body.Len())
	}
	if w := get("/assets/app.js"); w.Code != 200 || !strings.Contains(w.Header().Get("Content-Type"), "javascript") || w.Body.String() != "1" {
		t.Errorf("script: %d %v", w.Code, w.Header())
	}
	for path, code := range map[string]int{"/none.js": 404, "/assets/": 404, "/assets/../index.html": 307, "/api/v1/none": 404, "/api/v1/status": 401, "/metrics": 401} {
		if w := get(path); w.Code != code {
			t.Errorf("%s: %d, want %d", path, w.Code, code)
		}
	}
	if got := get("/api/v1/none").Body.String(); !strings.HasPrefix(got, `{"error":"there is no /api/v1/none;`) {
		t.Errorf("what is no path of the API is answered with %q", got)
	}
}

// TestProfiles: what the process does and holds is for who has the token.
func TestProfiles(t *testing.T) {
	for token, want := range map[string]int{"": http.StatusForbidden, "t": http.StatusOK} {
		h, _ := handler(Config{Token: token, Loopback: true})
		req := httptest.NewRequest("GET", "http://127.0.0.1/debug/pprof/goroutine?debug=1", nil)
		req.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("token %q: %d, want %d", token, w.Code, want)
		}
	}
}
