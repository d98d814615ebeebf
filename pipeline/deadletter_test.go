package pipeline

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
)

// TestUnread: the first payload that can't be read is told of at once, the others
// with their number at most once a minute.
func TestUnread(t *testing.T) {
	var u unread
	start := time.Unix(1000, 0)
	var got []string
	for sec := range 200 {
		reason := "topic"
		if sec%10 == 0 {
			reason = "json"
		}
		if n, why := u.add(reason, start.Add(time.Duration(sec)*time.Second)); n > 0 {
			got = append(got, fmt.Sprintf("%d: %d, %s", sec, n, why))
		}
	}
	want := "0: 1, json 1; 60: 60, json 6, topic 54; 120: 60, json 6, topic 54; 180: 60, json 6, topic 54"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

// TestUnreadIsLogged: a worker warns, and says where to look.
func TestUnreadIsLogged(t *testing.T) {
	var log bytes.Buffer
	w := &worker{name: "s", log: slog.New(slog.NewTextHandler(&log, nil)), met: NewMetrics(prometheus.NewRegistry()), parts: []part{{name: "p"}}, cur: &batch{}}
	w.cfg.Now = func() time.Time { return time.Unix(1000, 0) }
	for range 3 {
		w.malformed(&ingest.Delivery{Err: ingest.Malformed("topic", "no such channel as hunter2")})
	}
	text := log.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, "quell dlq list") || !strings.Contains(text, `payloads=1 reasons="topic 1"`) {
		t.Errorf("logged %q", text)
	}
	if strings.Contains(text, "hunter2") {
		t.Errorf("the log holds what the payload says: %s", text)
	}
	if w.cur.len() != 3 {
		t.Errorf("%d letters, want 3", w.cur.len())
	}
}
