package mock

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// live is the one stream: what the topics ask for, ten times a second.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streams++
	s.watching++
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.watching--; s.mu.Unlock() }()
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(event string, v any) bool {
		b, err := json.Marshal(v)
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, b)
		}
		return err == nil
	}
	send("hello", obj{"v": 1})
	topics := strings.Split(r.FormValue("topics"), ",")
	last := s.slot() - 300
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for n := 0; ; n++ {
		now := s.slot()
		for _, t := range topics {
			s.tell(send, t, last+1, now, n%10 == 0)
		}
		last = now
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-ticks.C:
		case <-r.Context().Done():
			return
		}
	}
}

// tell sends what a topic asks for since the last time.
func (s *Server) tell(send func(string, any) bool, topic string, from, to int64, slow bool) {
	kind, rest, _ := strings.Cut(topic, ":")
	parts := strings.Split(rest, "/")
	for i := range parts {
		parts[i], _ = url.PathUnescape(parts[i])
	}
	switch {
	case kind == "status" && slow:
		send("status", s.fullStatus())
	case kind == "grid" && slow:
		all := []obj{}
		for k := range s.Series {
			all = append(all, s.one(k))
		}
		send("grid", obj{"stream": "plant", "series": all, "removed": []string{}})
	case kind == "series" && to >= from && len(parts) == 2:
		send("series", obj{"stream": parts[0], "series": parts[1], "points": s.points(index(parts[1]), from, to)})
	case kind == "tap" && slow && len(parts) == 2:
		send("tap", obj{"stream": parts[0], "arrow": parts[1], "text": `plant/unit-1/telemetry {"temp": 21.4}`, "dropped": 3})
	}
}

// points are the slots from..to of a series.
func (s *Server) points(k int, from, to int64) obj {
	from = max(0, from)
	n := to - from + 1
	line := func() []any { return make([]any, n) }
	t, rev, score, stat, threshold, drift := make([]float64, n), make([]int, n), line(), line(), line(), line()
	channels := obj{}
	for c, name := range []string{"temp", "flow"} {
		r, clean, lo, hi, method, quality := line(), line(), line(), line(), line(), line()
		for i := range n {
			x := truth(k+c, from+i)
			r[i], clean[i], lo[i], hi[i], method[i], quality[i] = raw(k+c, from+i, state(k) == "noise"), x, x-0.8, x+0.8, "net", "good"
		}
		channels[name] = obj{"raw": r, "clean": clean, "lo": lo, "hi": hi, "method": method, "quality": quality}
	}
	for i := range n {
		t[i] = float64(s.at(from+i).UnixMicro()) / 1000
		score[i], stat[i], threshold[i], drift[i] = gauss(k+7, from+i), 2+gauss(k+9, (from+i)/10), 13.8, state(k)
	}
	return obj{"t_ms": t, "channels": channels, "score": score, "stat": stat, "threshold": threshold, "drift": drift, "rev": rev, "epoch": make([]int, len(t))}
}
