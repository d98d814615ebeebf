package web

import (
	"net/http"
	"strings"
)

// named returns a name from the path of a request. A segment of dots means a place in the
// path to browsers and proxies, which take it out even where its dots are escaped, and
// one of a slash is the end of the path to http.ServeMux; so these three names are
// written with a tilde in front, and one of tildes before them with one tilde more.
func named(r *http.Request, what string) string {
	s := r.PathValue(what)
	if rest := strings.TrimLeft(s, "~"); s != rest && (rest == "." || rest == ".." || rest == "/") {
		return s[1:]
	}
	return s
}
