// Package web serves what an operator asks a running Quell: /healthz, /readyz
// and /metrics, and takes the switches of models that one makes by hand.
package web

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/quell-stream/quell/pipeline"
)

// View is what the handlers may know of a pipeline. Its methods must be safe
// for concurrent use.
type View interface {
	// Ready says whether every source and every required sink is up, and the
	// status of each.
	Ready() (bool, []pipeline.Status)
}

// Config says what is served, and to whom.
type Config struct {
	View     View
	Gatherer prometheus.Gatherer
	// Models switches models by hand; nil: there is nothing to switch.
	Models Models
	// Token, where not empty, must come as a bearer token with every request but
	// those of /healthz and /readyz, which tell an orchestrator yes or no.
	Token string
	// Loopback says that only this machine can connect. Then requests must name
	// it as their host too, so that no web page can reach in by way of a name
	// that it makes point here (DNS rebinding).
	Loopback bool
}

// Handler returns the handler of all paths.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]any{"ok": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ok, parts := c.View.Ready()
		code := http.StatusOK
		if !ok {
			code = http.StatusServiceUnavailable
		}
		write(w, code, map[string]any{"ok": ok, "parts": parts})
	})
	mux.Handle("GET /metrics", c.private(promhttp.HandlerFor(c.Gatherer, promhttp.HandlerOpts{})))
	c.models(mux)
	return c.guard(mux)
}

// write sends JSON. An error means that the client has gone, which concerns
// nobody.
func write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

// guard sets the headers of every answer and refuses foreign host names.
func (c Config) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if c.Loopback && !isLoopback(r.Host) {
			http.Error(w, "this address answers to localhost only", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		next.ServeHTTP(w, r)
	})
}

// private asks for the token.
func (c Config) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.Token != "" {
			got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(got), []byte(c.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "a bearer token is needed: the content of http.token_file", http.StatusUnauthorized)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback says whether a host, with or without a port, is this machine by
// its own word.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Server is a running HTTP server.
type Server struct {
	srv  *http.Server
	addr string
	done chan struct{}
}

// Listen starts to serve on addr, host:port. c.Loopback is set from it.
func Listen(addr string, c Config, log *slog.Logger) (*Server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	c.Loopback = isLoopback(ln.Addr().String())
	if !c.Loopback && c.Token == "" {
		return nil, errors.Join(fmt.Errorf("http: %s can be reached from other machines: set http.token_file", addr), ln.Close())
	}
	s := &Server{addr: ln.Addr().String(), done: make(chan struct{}), srv: &http.Server{
		Handler: Handler(c), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		defer close(s.done)
		if err := s.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("http server ended", "err", err)
		}
	}()
	return s, nil
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() string { return s.addr }

// Close ends the server: requests under way may finish until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.srv.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.srv.Close())
	}
	<-s.done
	return err
}
