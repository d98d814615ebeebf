// Package mock plays the HTTP API of a Quell that has as many series as are asked
// for, for tests of the dashboard that the demo is too small or too short for. Its
// signals are made up; the real program is what demo_test.go looks at.
package mock

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config says what is played.
type Config struct {
	Series int   // in the stream plant
	Assets fs.FS // the page
	Token  string
	Policy string // the Content-Security-Policy of the page; "": none
}

// rateHz is that of all series.
const rateHz = 10

// Server is the handler. Make one with New.
type Server struct {
	Config
	started time.Time

	mu       sync.Mutex
	acked    map[string]bool
	excluded map[string]bool
	promoted bool // the fine-tuned model
	posts    []string
	streams  int // live ones that were opened
	watching int // of them, those that are open
}

// New returns a server whose history began ten minutes ago.
func New(c Config) *Server {
	return &Server{Config: c, started: time.Now().Add(-10 * time.Minute), acked: map[string]bool{}, excluded: map[string]bool{}}
}

// Posts returns the paths that were posted to.
func (s *Server) Posts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.posts...)
}

// Opened returns how many live streams were opened.
func (s *Server) Opened() int { s.mu.Lock(); defer s.mu.Unlock(); return s.streams }

// Watching returns how many live streams are open.
func (s *Server) Watching() int { s.mu.Lock(); defer s.mu.Unlock(); return s.watching }

// Handler returns the handler of the page and of the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(s.Assets))
	api := func(pattern string, answer func(r *http.Request) any) {
		mux.Handle(pattern, s.private(func(w http.ResponseWriter, r *http.Request) { reply(w, answer(r)) }))
	}
	api("GET /api/v1/status", func(*http.Request) any { return s.status() })
	api("GET /api/v1/streams", func(*http.Request) any { return s.catalogue() })
	api("GET /api/v1/series", s.page)
	api("GET /api/v1/series/{stream}/{series}", s.detail)
	api("GET /api/v1/events", func(*http.Request) any { return obj{"events": s.events()} })
	api("GET /api/v1/models", func(*http.Request) any { return s.models() })
	api("GET /api/v1/replay/{stream}/{series}", func(*http.Request) any { return s.replay() })
	api("GET /api/v1/replay/{stream}/{series}/{id}", window)
	api("GET /api/v1/dlq", func(*http.Request) any { return letters() })
	mux.Handle("GET /api/v1/live", s.private(s.live))
	mux.Handle("POST /api/v1/", s.private(s.post))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Policy != "" {
			w.Header().Set("Content-Security-Policy", s.Policy)
		}
		mux.ServeHTTP(w, r)
	})
}

type obj = map[string]any

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) private(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token {
			http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

// post takes what is written, and remembers it.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	var body struct{ Event string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.mu.Lock()
	defer s.mu.Unlock()
	post := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	if r.URL.RawQuery != "" {
		post += "?" + r.URL.RawQuery
	}
	s.posts = append(s.posts, post)
	s.acked[body.Event] = true
	place, what := path.Split(r.URL.Path)
	switch window := path.Base(place); what {
	case "exclude", "include":
		s.excluded[window] = what == "exclude"
	case "promote", "rollback":
		s.promoted = what == "promote"
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		reply(w, obj{"series": []string{"plant/" + name(7)}})
		return
	}
	reply(w, obj{"ok": true})
}

// slot is the newest slot.
func (s *Server) slot() int64 { return int64(time.Since(s.started).Seconds() * rateHz) }

func (s *Server) at(slot int64) time.Time {
	return s.started.Add(time.Duration(slot) * time.Second / rateHz)
}

func name(k int) string { return fmt.Sprintf("unit-%d", k+1) }

// index returns which series a name means.
func index(name string) int {
	k, _ := strconv.Atoi(strings.TrimPrefix(name, "unit-"))
	return k - 1
}

// state of a series: of each fifty one has a fault, one more noise, and one learns.
func state(k int) string {
	switch k % 50 {
	case 3:
		return "fault"
	case 7:
		return "noise"
	case 11:
		return "learning"
	}
	return "normal"
}

func (s *Server) status() obj {
	return obj{"version": "mock", "kernel": "none", "started": s.started, "now": time.Now().UTC(), "ready": true, "writes": true, "series": s.Series,
		"viewers": 1, "parts": []obj{{"name": "source plant", "up": true}}, "memory_bytes": 50 << 20, "cpu_seconds": 12.5, "goroutines": 40}
}

// fullStatus is the status as the live stream tells it.
func (s *Server) fullStatus() obj {
	all := s.status()
	maps.Copy(all, s.catalogue())
	all["dropped"] = 0
	return all
}

func (s *Server) catalogue() obj {
	n := s.slot() * int64(s.Series)
	return obj{"streams": []obj{{"name": "plant", "channels": []obj{{"name": "temp", "unit": "°C"}, {"name": "flow", "unit": "l/s"}}, "scope": "per-series", "model": "base@3f2a91c07d5e48b2",
		"lookahead": 8, "false_alarms": "1/month", "adapt": "auto", "series": s.Series, "drift": obj{"fault": 1}, "fates": obj{"raw": n, "late": 3},
		"messages": n, "records": n, "events": 3, "dead": 2, "dropped": 0, "lag_s": 0.2, "journal_bytes": 1 << 20, "latency_s": obj{"p50": 0.002, "p99": 0.011},
		"queues": obj{"source": 1, "batch": 12}, "sinks": []string{"clean"}}},
		"sinks": []obj{{"name": "clean", "type": "mqtt", "required": true, "records": n, "retries": 1, "dropped": 0, "pending": 4}}}
}

func (s *Server) page(r *http.Request) any {
	from, _ := strconv.Atoi(r.FormValue("offset"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	out := []obj{}
	for k := from; k < min(from+limit, s.Series); k++ {
		out = append(out, s.one(k))
	}
	return obj{"total": s.Series, "series": out}
}

// one is a series as the grid has it.
func (s *Server) one(k int) obj {
	n, st := s.slot(), state(k)
	channel := func(name string, k int) obj {
		c := truth(k, n-8)
		return obj{"name": name, "raw": raw(k, n, st == "noise"), "clean": c, "lo": c - 0.8, "hi": c + 0.8, "quality": "good", "method": "net", "flags": []string{}, "sigma": 0.6}
	}
	o := obj{"stream": "plant", "series": name(k), "epoch": 0, "n": n, "ts": s.at(n), "arrived": s.at(n), "drift": st, "since": nil, "why": nil, "ne107": nil, "learning": nil,
		"rate_hz": rateHz, "model": "base@3f2a91c07d5e48b2", "lookahead": 8, "score": 0.4, "alert": nil, "channels": []obj{channel("temp", k), channel("flow", k+1)}}
	switch st {
	case "fault":
		o["why"], o["ne107"] = "temp: 15 identical readings in a row: stuck sensor", "failure"
	case "noise":
		s.mu.Lock()
		o["why"], o["alert"] = "temp: residual 3 times its usual size: noise level", obj{"id": alertID(k), "kind": "noise", "opened": s.at(n), "acknowledged": s.acked[alertID(k)]}
		s.mu.Unlock()
	case "learning":
		o["learning"] = obj{"have": 34, "need": 60}
	}
	return o
}

func (s *Server) detail(r *http.Request) any {
	k := index(r.PathValue("series"))
	o := s.one(k)
	n := s.slot()
	o["history"] = s.points(k, max(0, n-600), n)
	o["guard"] = []obj{{"channel": "temp", "serves": "net", "why": "the network is better by the evidence", "net_loss": 0.21, "filter_loss": 0.33, "filter": "kalman"}}
	o["versions"] = []obj{{"model": "base@3f2a91c07d5e48b2", "since_index": 0, "ts": s.started, "why": ""}}
	o["adapt"] = nil
	if k == 7 {
		o["adapt"] = s.adaptation()
	}
	return o
}

func alertID(k int) string { return "plant/" + name(k) + "/drift" }

// events are one drift, what was learnt from it, and a sink that was away.
func (s *Server) events() []obj {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := func(ago time.Duration, kind, series, why string, data obj) obj {
		id := series + kind
		return obj{"v": 1, "type": "event", "id": id, "ts": time.Now().Add(-ago).UTC(), "stream": "plant", "series": series, "epoch": 0, "kind": kind, "severity": "warning",
			"why": why, "model": "base@3f2a91c07d5e48b2", "data": data, "acknowledged": s.acked[id] || s.acked[alertID(7)]}
	}
	return []obj{
		e(10*time.Second, "finetune.started", name(7), "noise drift: fine-tuning base@3f2a91c07d5e48b2 on 4 new and 19 older windows", obj{}),
		e(25*time.Second, "drift.opened", name(7), "temp: residual 3 times its usual size, spectrum unchanged: noise level", obj{"kind": "noise"}),
		e(4*time.Minute, "sink.down", "", "mqtt: connection refused", obj{}),
	}
}

func (s *Server) models() obj {
	s.mu.Lock()
	state, serves := "challenger", 0
	if s.promoted {
		state, serves = "probation", 1
	}
	s.mu.Unlock()
	return obj{"models": []obj{
		{"name": "base@3f2a91c07d5e48b2", "stream": "plant", "series": []string{}, "serves": s.Series - serves, "origin": "base", "made": nil, "parent": nil, "figures": obj{"gain_db": 6.1}, "state": "serving"},
		{"name": "tune@77ab0193ce5f2d60", "stream": "plant", "series": []string{name(7)}, "serves": serves, "origin": "fine-tune", "made": s.at(s.slot()), "parent": "base@3f2a91c07d5e48b2", "figures": obj{"gain_db": 7.4}, "state": state}},
		"adaptation": []obj{s.adaptation()}}
}

// adaptation is how far that of the series with noise has come.
func (s *Server) adaptation() obj {
	curve := []obj{}
	for k := range 40 {
		curve = append(curve, obj{"step": 25 * k, "loss": 0.2 + 0.5/float64(k+1), "holdout": 0.24 + 0.45/float64(k+1)})
	}
	return obj{"stream": "plant", "series": name(7), "phase": "gate", "windows": 6, "need": 6, "evidence": obj{"log_e": 2.9, "accept": 4.6, "against": 0.3, "reject": 4.6}, "curve": curve, "steps": 1000, "challenger": "tune@77ab0193ce5f2d60", "gain_db": 1.3}
}

func (s *Server) replay() obj {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []obj{}
	for k := range 24 {
		id := fmt.Sprintf("w%d", k)
		out = append(out, obj{"id": id, "from_index": 256 * k, "ts": s.at(int64(256 * k)), "regime": k / 10, "held_out": k%2 == 1, "quarantined": k == 13, "excluded": s.excluded[id], "sigma": 0.6})
	}
	return obj{"bytes": 240 << 10, "max_bytes": 8 << 20, "windows": out}
}

func window(r *http.Request) any {
	v := make([]float64, 256)
	for k := range v {
		v[k] = raw(1, int64(k), false)
	}
	return obj{"channels": []obj{{"name": "temp", "values": v}}}
}

func letters() obj {
	return obj{"letters": []obj{
		{"n": 1, "id": "plant/1", "channel": "", "time": time.Now().UTC(), "stream": "plant", "reason": "json", "series": "", "topic": "plant/unit-9/telemetry", "key": "", "payload": base64.StdEncoding.EncodeToString([]byte(`{"temp": 21.`)), "size": 12, "error": "unexpected end of input"},
		{"n": 0, "id": "plant/0", "channel": "", "time": time.Now().UTC(), "stream": "plant", "reason": "late", "series": "unit-2", "topic": "plant/unit-2/telemetry", "key": "", "payload": base64.StdEncoding.EncodeToString([]byte{0, 1, 2, 255}), "size": 4, "error": "12 s late"},
	}, "total_by_reason": obj{"json": 1, "late": 1}}
}
