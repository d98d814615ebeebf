package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
)

// largestBody bounds what a request may send: nothing here wants more.
const largestBody = 1 << 20

// headers are those of every answer. A browser is to run nothing of it, show it in
// no frame and hand it to no other site.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
}

// guard sets the headers of every answer, refuses foreign host names, and what a
// page of another site has a browser send to change something.
func (c Config) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "a page of another site may change nothing here", http.StatusForbidden)
	}))
	next = origin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if !c.answersTo(r.Host) {
			http.Error(w, c.foreign(), http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, largestBody)
		next.ServeHTTP(w, r)
	})
}

// answersTo says whether a request may call this machine by the name host, with or
// without a port. An address can't be made to point elsewhere, a name can.
func (c Config) answersTo(host string) bool {
	name := bare(host)
	switch ip := net.ParseIP(name); {
	case isLoopback(host), slices.ContainsFunc(c.Hosts, func(h string) bool { return strings.EqualFold(h, name) }):
		return true
	case c.Loopback:
		return false
	case ip != nil:
		return true
	}
	return len(c.Hosts) == 0
}

func (c Config) foreign() string {
	if c.Loopback && len(c.Hosts) == 0 {
		return "this address answers to localhost only; http.hosts names what else it may be called"
	}
	return "this address answers to localhost, its addresses and http.hosts only"
}

// ownPages refuses what a page of another site has a browser ask for: it can't read the
// answer, but it could have live streams opened until there is room for no more.
func ownPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
			http.Error(w, "a page of another site may ask for nothing here", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// private asks for the token.
func (c Config) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.knows(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a bearer token is needed: the content of http.token_file", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows says whether a request has the token, or there is none. How long it takes
// tells nothing of the token, its length included.
func (c Config) knows(r *http.Request) bool {
	if c.Token == "" {
		return true
	}
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	ok = ok && strings.EqualFold(scheme, "Bearer") // RFC 9110, 11.1
	got, want := sha256.Sum256([]byte(text)), sha256.Sum256([]byte(c.Token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && ok
}

// bare returns a host without its port and brackets.
func bare(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
}

// isLoopback says whether a host, with or without a port, is this machine by its
// own word.
func isLoopback(host string) bool {
	host = bare(host)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
