package alertmanager

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is an Alertmanager that keeps what it is sent.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	auth   string
	posts  [][]posted
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{status: http.StatusOK}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	var p []posted
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/am/api/v2/alerts" || json.Unmarshal(b, &p) != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.auth = r.Header.Get("Authorization")
	if s.status != http.StatusOK {
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, "because")
		return
	}
	if len(p) > 0 {
		s.posts = append(s.posts, p)
	}
}

func (s *server) url() string { return s.URL + "/am/" }

func (s *server) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *server) got() [][]posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]posted(nil), s.posts...)
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// event returns an event of a drift so many seconds before noon.
func event(before int, kind, series string) sink.Item {
	e := &sink.Event{Time: noon.Add(-time.Duration(before) * time.Second).UnixNano(), Stream: "pumps", Series: series, Kind: kind,
		Severity: "warning", Why: kind + " because", Data: map[string]any{"kind": "noise"}, Link: "https://q/" + series}
	if strings.HasPrefix(kind, "sink.") {
		e.Series, e.Data = "", map[string]any{"sink": "clean"}
	}
	e.ID = sink.EventKey(e.Stream, e.Series, e.Epoch, e.Kind, e.Time)
	return sink.Item{Event: e, JSON: sink.AppendEvent(nil, e)}
}

func open(t *testing.T, cfg Config) *Sink {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return noon }
	}
	if cfg.Resend == 0 {
		cfg.Resend, cfg.ResolveTimeout = time.Hour, 2*time.Hour
	}
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

func write(t *testing.T, s *Sink, items ...sink.Item) {
	t.Helper()
	if err := s.Write(t.Context(), items); err != nil {
		t.Fatal(err)
	}
}

func TestLife(t *testing.T) {
	am := serve(t)
	s := open(t, Config{URLs: []string{am.url()}, Labels: map[string]string{"team": "water"}})
	record := sink.Item{Record: &sink.Record{Stream: "pumps"}}
	write(t, s, record, event(9, "series.reset", "p"), event(8, "model.promoted", "p"), event(7, "drift.resolved", "p"))
	if got := am.got(); got != nil {
		t.Fatalf("sent %v of what is no alert", got)
	}
	write(t, s, record, event(6, "drift.opened", "p"))
	write(t, s, event(4, "drift.updated", "p"))
	write(t, s, event(2, "drift.resolved", "p"))
	write(t, s, event(1, "sink.down", ""))
	labels := map[string]string{"alertname": "QuellDrift", "stream": "pumps", "series": "p", "severity": "warning", "team": "water"}
	say := func(why string) map[string]string {
		return map[string]string{"summary": "p of pumps drifted", "why": why, "kind": "noise", "link": "https://q/p"}
	}
	from, later := noon.Add(-6*time.Second), noon.Add(2*time.Hour)
	want := [][]posted{
		{{labels, say("drift.opened because"), from, later, "https://q/p"}},
		{{labels, say("drift.updated because"), from, later, "https://q/p"}},
		{{labels, say("drift.resolved because"), from, noon.Add(-2 * time.Second), "https://q/p"}},
		{{map[string]string{"alertname": "QuellSink", "stream": "pumps", "sink": "clean", "severity": "warning", "team": "water"},
			map[string]string{"summary": "sink clean of pumps can't deliver", "why": "sink.down because", "link": "https://q/"},
			noon.Add(-time.Second), later, "https://q/"}},
	}
	if d := cmp.Diff(want, am.got()); d != "" {
		t.Error(d)
	}
}

// TestRedelivered hands the events of a life over once more, as after a kill: none
// opens the alert anew.
func TestRedelivered(t *testing.T) {
	am := serve(t)
	state := filepath.Join(t.TempDir(), "alerts.json")
	life := []sink.Item{event(6, "drift.opened", "p"), event(4, "drift.updated", "p"), event(2, "drift.resolved", "p")}
	s := open(t, Config{URLs: []string{am.url()}, StateFile: state})
	write(t, s, life...)
	for range 2 { // by the same process, and by the next one
		for _, it := range life {
			write(t, s, it)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = open(t, Config{URLs: []string{am.url()}, StateFile: state})
	}
	for i, p := range am.got() {
		if len(p) != 1 || !p[0].EndsAt.Equal(noon.Add(-2*time.Second)) {
			t.Errorf("request %d: %+v, want one alert that is over", i, p)
		}
	}
	write(t, s, event(1, "drift.opened", "p"))
	if got := am.got(); got[len(got)-1][0].StartsAt != noon.Add(-time.Second) {
		t.Errorf("a new drift gave %+v", got[len(got)-1])
	}
}

// TestSentAgain restarts a sink with an open alert: it is sent without a word from
// the pipeline, until it is resolved, and then no longer than it takes to be known.
func TestSentAgain(t *testing.T) {
	am := serve(t)
	state := filepath.Join(t.TempDir(), "alerts.json")
	var mu sync.Mutex
	clock := noon
	cfg := Config{URLs: []string{am.url()}, StateFile: state, Resend: 5 * time.Millisecond, ResolveTimeout: time.Minute,
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }}
	s := open(t, cfg)
	write(t, s, event(6, "drift.opened", "p"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := len(am.got())
	s = open(t, cfg)
	wait(t, func() bool { return len(am.got()) > n+2 })
	write(t, s, event(2, "drift.resolved", "p"))
	n = len(am.got())
	wait(t, func() bool { return len(am.got()) > n+2 })
	if got := am.got(); !got[len(got)-1][0].EndsAt.Equal(noon.Add(-2 * time.Second)) {
		t.Errorf("sent again: %+v, want one that is over", got[len(got)-1])
	}
	mu.Lock()
	clock = clock.Add(time.Minute)
	mu.Unlock()
	wait(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.alerts["pumps/p/drift"].Settled })
	if err := s.Close(t.Context()); err != nil { // nothing is under way any more
		t.Fatal(err)
	}
	n = len(am.got())
	open(t, cfg)
	time.Sleep(30 * time.Millisecond)
	if got := len(am.got()); got != n {
		t.Errorf("an alert that is settled was sent %d times", got-n)
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

func TestClocks(t *testing.T) {
	am := serve(t)
	s := open(t, Config{URLs: []string{am.url()}})
	write(t, s, event(-60, "drift.opened", "ahead"))
	write(t, s, event(-90, "drift.resolved", "ahead"))
	back := event(60, "drift.resolved", "back")
	back.Event.Epoch = 1 // the clock was set back in between
	write(t, s, event(30, "drift.opened", "back"), back)
	for _, p := range am.got() {
		if p[0].StartsAt.After(noon) || p[0].EndsAt.Before(p[0].StartsAt) {
			t.Errorf("%s: from %s to %s, and it is %s", p[0].Labels["series"], p[0].StartsAt, p[0].EndsAt, noon)
		}
	}
	if got := am.got()[1][0]; got.EndsAt.After(noon) {
		t.Errorf("it is over and would end at %s", got.EndsAt)
	}
}

// TestCluster: one member that takes an alert is enough; without any, what the
// answers say decides whether to try again.
func TestCluster(t *testing.T) {
	for _, c := range []struct {
		a, b            int
		ok, permanently bool
	}{
		{200, 200, true, false}, {200, 500, true, false}, {400, 200, true, false}, {500, 503, false, false},
		{400, 500, false, false}, {400, 401, false, true}, {429, 408, false, false}, {302, 404, false, true},
	} {
		a, b := serve(t), serve(t)
		s := open(t, Config{URLs: []string{a.url(), b.url()}})
		a.answer(c.a)
		b.answer(c.b)
		err := s.Write(t.Context(), []sink.Item{event(1, "drift.opened", "p")})
		if (err == nil) != c.ok || errors.Is(err, sink.ErrPermanent) != c.permanently {
			t.Errorf("%d and %d give %v", c.a, c.b, err)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprint(c.a)) {
			t.Errorf("%d and %d: the error does not say what was answered: %v", c.a, c.b, err)
		}
		a.answer(200)
		if err := s.Write(t.Context(), []sink.Item{event(1, "drift.opened", "p")}); err != nil || len(a.got()) == 0 {
			t.Errorf("tried again: %v, %d taken", err, len(a.got()))
		}
	}
}

func TestVerdict(t *testing.T) {
	wait := func(d time.Duration) error { return &sink.RetryError{After: d, Err: errors.New("busy")} }
	down, refused := errors.New("down"), fmt.Errorf("refused: %w", sink.ErrPermanent)
	for _, c := range []struct {
		errs      []error
		permanent bool
		after     time.Duration
	}{
		{[]error{refused, refused}, true, 0}, {[]error{refused, down}, false, 0}, {[]error{down, down}, false, 0},
		{[]error{wait(7), wait(5)}, false, 5}, {[]error{wait(7), down}, false, 0}, {[]error{wait(7), refused}, false, 7},
	} {
		err := verdict(c.errs)
		var r *sink.RetryError
		after := time.Duration(0)
		if errors.As(err, &r) {
			after = r.After
		}
		if errors.Is(err, sink.ErrPermanent) != c.permanent || after != c.after {
			t.Errorf("%v: %v, wait %d; want permanent %t, wait %d", c.errs, err, after, c.permanent, c.after)
		}
	}
}

func TestWhoSends(t *testing.T) {
	am := serve(t)
	for want, cfg := range map[string]Config{
		"":                   {},
		"Basic dTpw":         {Username: "u", Password: "p"},
		"Bearer open-sesame": {Token: "open-sesame"},
	} {
		cfg.URLs = []string{am.url()}
		write(t, open(t, cfg)) // nothing to write: it asks
		if am.auth != want {
			t.Errorf("authorised by %q, want %q", am.auth, want)
		}
	}
}

func TestTLS(t *testing.T) {
	am := &server{status: 200}
	am.Server = httptest.NewTLSServer(am)
	t.Cleanup(am.Close)
	roots := x509.NewCertPool()
	roots.AddCert(am.Certificate())
	write(t, open(t, Config{URLs: []string{am.url()}, TLS: func(string) (*tls.Config, error) { return &tls.Config{RootCAs: roots}, nil }}))
	err := open(t, Config{URLs: []string{am.url() + "?key=hidden"}}).Write(t.Context(), nil)
	if err == nil || errors.Is(err, sink.ErrPermanent) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("an unknown authority: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	ok := Config{URLs: []string{"http://am:9093"}}
	for name, change := range map[string]func(*Config){
		"no url":       func(c *Config) { c.URLs = nil },
		"scheme":       func(c *Config) { c.URLs = []string{"ftp://am"} },
		"no host":      func(c *Config) { c.URLs = []string{"am:9093"} },
		"two proofs":   func(c *Config) { c.Token, c.Password = "t", "p" },
		"own label":    func(c *Config) { c.Labels = map[string]string{"series": "x"} },
		"no label":     func(c *Config) { c.Labels = map[string]string{"a-b": "x"} },
		"timeout":      func(c *Config) { c.Timeout = -1 },
		"would settle": func(c *Config) { c.Resend = 10 * time.Minute },
	} {
		c := ok
		change(&c)
		if err := New(c).Open(t.Context()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	c := ok
	c.Labels = map[string]string{"c-c": "x", "a-a": "x", "b-b": "x"}
	for range 20 { // whatever order a map has
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "a-a") {
			t.Fatalf("of three bad labels the error tells: %v", err)
		}
	}
	if err := New(ok).Write(t.Context(), nil); err == nil {
		t.Error("a sink that is not open was written to")
	}
}

// TestUnsavedIsNotSent lets the state file fail: a try again keeps the alert before
// it is sent, so that the next process knows what is open.
func TestUnsavedIsNotSent(t *testing.T) {
	am := serve(t)
	dir := filepath.Join(t.TempDir(), "not yet")
	cfg := Config{URLs: []string{am.url()}, StateFile: filepath.Join(dir, "alerts.json")}
	s := open(t, cfg)
	for range 3 {
		if err := s.Write(t.Context(), []sink.Item{event(6, "drift.opened", "p")}); err == nil || am.got() != nil {
			t.Fatalf("what can't be kept gave %v, and %d requests", err, len(am.got()))
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, s, event(6, "drift.opened", "p"))
	if len(am.got()) != 1 {
		t.Errorf("%d requests, want one", len(am.got()))
	}
	next := New(cfg)
	if err := next.load(); err != nil || next.alerts["pumps/p/drift"] == nil {
		t.Errorf("the next process knows %v, %v", next.alerts, err)
	}
}

func TestDamagedStateIsSetAside(t *testing.T) {
	for _, text := range []string{"[", "null", "", "3"} {
		am := serve(t)
		path := filepath.Join(t.TempDir(), "alerts.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		s := open(t, Config{URLs: []string{am.url()}, StateFile: path, Log: slog.New(slog.NewTextHandler(&said, nil))})
		if aside, err := os.ReadFile(path + ".corrupt-1"); err != nil || string(aside) != text || !strings.Contains(said.String(), "level=ERROR") {
			t.Errorf("%q was not set aside: %q, %v, log %q", text, aside, err, said.String())
		}
		write(t, s, event(6, "drift.opened", "p"))
	}
}

// kept returns the alerts that s knows of, while s may be sending.
func kept(s *Sink) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.alerts))
}

// TestForget has a sink forget an alert that another process goes on with: it is
// neither sent again nor resolved, what was on its way opens it not, and what is
// later does.
func TestForget(t *testing.T) {
	am := serve(t)
	cfg := Config{URLs: []string{am.url()}, StateFile: filepath.Join(t.TempDir(), "alerts.json")}
	s := open(t, cfg)
	write(t, s, event(9, "drift.opened", "p"))
	write(t, s, event(9, "drift.opened", "over"))
	write(t, s, event(8, "drift.resolved", "over"))
	mark := func(series string) sink.Mark {
		return sink.Mark{Alert: "pumps/" + series + "/drift", Time: noon.Add(-5 * time.Second).UnixNano()}
	}
	if err := s.Forget([]sink.Mark{mark("p"), mark("over"), mark("queued"), {Alert: "pumps/never/drift"}}); err != nil {
		t.Fatal(err)
	}
	n := len(am.got())
	for range 2 { // by this process, and by the next one
		write(t, s, event(6, "drift.updated", "p"), event(5, "drift.resolved", "p"), event(6, "drift.opened", "queued"))
		if got := am.got(); len(got) != n {
			t.Fatalf("sent %+v of what is forgotten", got[n:])
		}
		s.mu.Lock()
		body, err := s.body([]string{"pumps/p/drift", "pumps/over/drift"}, noon)
		s.mu.Unlock()
		if err != nil || strings.Count(string(body), "startsAt") != 1 {
			t.Errorf("%s, %v would be sent again, want what is over alone", body, err)
		}
		if n := len(kept(s)); n != 3 {
			t.Errorf("%d alerts are kept, want 3", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = open(t, cfg)
		wait(t, func() bool { return len(am.got()) > n }) // what is over
		n = len(am.got())
	}
	if err := s.Remember([]string{"pumps/p/drift", "pumps/over/drift", "pumps/queued/drift", "pumps/never/drift"}); err != nil {
		t.Fatal(err)
	}
	ids := kept(s)
	s.mu.Lock()
	body, err := s.body(ids, noon)
	s.mu.Unlock()
	if err != nil || strings.Count(string(body), "startsAt") != 2 || !strings.Contains(string(body), `"series":"p"`) {
		t.Errorf("%s, %v would be sent again, want what came back too", body, err)
	}
	write(t, s, event(1, "drift.resolved", "p"))
	if got := am.got(); len(got) != n+1 || !got[n][0].EndsAt.Equal(noon.Add(-time.Second)) {
		t.Errorf("the series came back and is well, and %d requests tell so", len(got)-n)
	}
	write(t, s, event(1, "drift.opened", "queued"))
	if got := am.got(); len(got) != n+2 || got[n+1][0].Labels["series"] != "queued" {
		t.Errorf("a new drift gave %d requests", len(got)-n-1)
	}
}

// TestKeep drops what earlier processes told of streams and sinks that are not
// configured any more.
func TestKeep(t *testing.T) {
	am := serve(t)
	cfg := Config{URLs: []string{am.url()}, StateFile: filepath.Join(t.TempDir(), "alerts.json")}
	s := open(t, cfg)
	write(t, s, event(9, "drift.opened", "p"), event(9, "sink.down", ""))
	for _, c := range []struct {
		keep func(stream, sink string) bool
		want int
	}{
		{func(stream, _ string) bool { return stream == "pumps" }, 2},
		{func(stream, sink string) bool { return stream == "pumps" && sink == "" }, 1},
		{func(stream, _ string) bool { return stream == "fans" }, 0},
	} {
		cfg.Keep = c.keep
		if s := New(cfg); s.load() != nil || len(s.alerts) != c.want || s.dirty != (c.want < 2) {
			t.Errorf("%d alerts are kept, want %d", len(s.alerts), c.want)
		}
	}
}

func TestSettledAreBounded(t *testing.T) {
	s := New(Config{URLs: []string{"http://am"}, Now: func() time.Time { return noon }})
	for i := range mostSettled + 10 {
		o, r := event(9, "drift.opened", fmt.Sprint(i)), event(8, "drift.resolved", fmt.Sprint(i))
		s.apply(o.Event)
		s.apply(r.Event)
	}
	s.settle(noon.Add(time.Hour))
	if n := len(kept(s)); n != mostSettled {
		t.Errorf("%d are kept, want %d", n, mostSettled)
	}
}

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var alerts []posted
		if err := json.NewDecoder(r.Body).Decode(&alerts); err == nil && len(alerts) > 0 {
			fmt.Println(alerts[0].Labels["alertname"], alerts[0].Labels["series"], alerts[0].Annotations["why"])
		}
	}))
	defer srv.Close()
	s := New(Config{URLs: []string{srv.URL}})
	ctx := context.Background()
	if err := s.Open(ctx); err != nil {
		fmt.Println(err)
	}
	e := &sink.Event{Stream: "pumps", Series: "pump-3", Kind: "drift.opened", Severity: "warning", Why: "noise level"}
	if err := s.Write(ctx, []sink.Item{{Event: e, JSON: sink.AppendEvent(nil, e)}}); err != nil {
		fmt.Println(err)
	}
	if err := s.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: QuellDrift pump-3 noise level
}
