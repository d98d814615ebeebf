package web

import (
	"net/http"
	"net/http/pprof"
)

// profiles adds /debug/pprof, which tells what the process does and holds: it needs the
// token, and there is none of it without one. What lasts must end before the answer
// has to (Server): seconds=20 of a profile at most.
func (c Config) profiles(mux *http.ServeMux) {
	for path, h := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.Handle("GET /debug/pprof/"+path, c.tokenOnly("to see profiles", h))
	}
}
