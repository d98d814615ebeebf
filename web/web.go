// Package web serves what an operator asks a running Quell: the dashboard, the API
// that it uses (docs/api.md), /healthz, /readyz and /metrics; and takes what one
// changes by hand.
package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says what is served, and to whom.
type Config struct {
	View     View
	Gatherer prometheus.Gatherer
	// Models switches models by hand; nil: there is nothing to switch.
	Models Models
	// Reload has the configuration read again; nil: there is no such path.
	Reload Reloader
	// Token, where not empty, must come as a bearer token with every request but
	// those of /healthz and /readyz, which without it say yes or no and nothing more.
	Token string
	// Loopback says that only this machine can connect. Then requests must name
	// it as their host too, so that no web page can reach in by way of a name
	// that it makes point here (DNS rebinding).
	Loopback bool
	// Hosts are names by which requests may call this machine besides localhost
	// and its addresses, for a proxy in front or a name in DNS. Without any, beyond
	// loopback, every name will do: there the token is what counts.
	Hosts []string
	// TLS, where not nil, secures the listener.
	TLS *tls.Config
	// Version and Kernel are those of the program, to be shown.
	Version, Kernel string
	// Assets are the files of the page, with an index.html; nil: there is no page.
	Assets fs.FS

	quit chan struct{} // closed when the server ends: live streams end with it
}

// Handler returns the handler of all paths.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]any{"ok": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ok, parts := c.View.Ready()
		code := http.StatusOK
		if !ok {
			code = http.StatusServiceUnavailable
		}
		answer := map[string]any{"ok": ok}
		if c.knows(r) { // names and errors tell of the network behind
			answer["parts"] = parts
		}
		write(w, code, answer)
	})
	mux.Handle("GET /metrics", c.private(promhttp.HandlerFor(c.Gatherer, promhttp.HandlerOpts{})))
	c.models(mux)
	c.reload(mux)
	c.api(mux)
	c.profiles(mux)
	if err := c.assets(mux); err != nil {
		panic("web: the files of the page can't be read: " + err.Error()) // they are part of the program
	}
	return c.guard(mux)
}

// write sends JSON. An error means that the client has gone, which concerns
// nobody.
func write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

// Server is a running HTTP server.
type Server struct {
	srv    *http.Server
	addr   string
	secure bool // with TLS; http.Server gives itself a TLSConfig, whatever is served
	conns  *few
	done   chan struct{}
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
	c.quit = make(chan struct{})
	s := &Server{addr: ln.Addr().String(), secure: c.TLS != nil, done: make(chan struct{}), srv: &http.Server{
		Handler: Handler(c), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second,
		MaxHeaderBytes: 16 << 10, TLSConfig: c.TLS, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	s.srv.RegisterOnShutdown(func() { close(c.quit) })
	if !c.Loopback && c.TLS == nil {
		log.Warn("the token travels in the clear: add http.tls, or put a proxy in front that has it", "listen", s.addr)
	}
	s.conns = newFew(ln, mostConns)
	s.srv.ConnState = s.conns.state
	ln = s.conns
	if c.TLS != nil {
		ln = tls.NewListener(ln, c.TLS)
	}
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

// URL returns the address with its scheme.
func (s *Server) URL() string {
	if s.secure {
		return "https://" + s.addr
	}
	return "http://" + s.addr
}

// Close ends the server: requests under way may finish until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.srv.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.srv.Close())
	}
	<-s.done
	return err
}
