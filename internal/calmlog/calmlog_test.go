package calmlog

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

type clock struct{ now time.Time }

func newLog(burst int) (*Handler, *slog.Logger, *bytes.Buffer, *clock) {
	var out bytes.Buffer
	c := &clock{time.Unix(1_000_000, 0)}
	h := New(slog.NewTextHandler(&out, nil), Options{Burst: burst, Now: func() time.Time { return c.now }})
	return h, slog.New(h), &out, c
}

func lines(out *bytes.Buffer, having string) (n int) {
	for l := range strings.Lines(out.String()) {
		if strings.Contains(l, having) {
			n++
		}
	}
	return n
}

func TestFlood(t *testing.T) {
	_, log, out, c := newLog(3)
	for i := range 100 {
		log.Warn("sink is down", "err", i)
		log.With("sink", "other").Warn("sink is down")
		log.Info(fmt.Sprintf("handshake with 10.0.0.%d failed", i))
	}
	if n := lines(out, `msg="sink is down" sink=other`); n != 3 {
		t.Errorf("%d lines of one sink, want 3", n)
	}
	if n := lines(out, `msg="sink is down"`); n != 6 {
		t.Errorf("%d lines of both sinks, want 6", n)
	}
	if n := lines(out, "handshake"); n != 3 {
		t.Errorf("%d lines that differ in a number, want 3", n)
	}
	log.Error("sink is down")
	if n := lines(out, "level=ERROR"); n != 1 {
		t.Error("a line of another level was left out")
	}
	c.now = c.now.Add(time.Minute)
	log.Warn("sink is down", "err", "again")
	if n := lines(out, "left out of the log"); n != 3 {
		t.Errorf("%d lines say what was left out, want one per kind\n%s", n, out)
	}
	if lines(out, `line="sink is down" lines=97`) != 2 || lines(out, "err=again") != 1 {
		t.Errorf("not told how many, or nothing passes after a minute:\n%s", out)
	}
}

func TestFlush(t *testing.T) {
	h, log, out, _ := newLog(1)
	log.Info("a")
	log.Info("a")
	h.Flush()
	if lines(out, "line=a lines=1") != 1 {
		t.Errorf("the end does not tell what was left out:\n%s", out)
	}
}

// TestBounded: messages without end take no memory without end, and no line of
// another kind is lost by it where it was there before.
func TestBounded(t *testing.T) {
	h, log, out, _ := newLog(2)
	log.Info("early")
	for i := range 10 * mostKinds {
		log.Info(strings.Repeat("x", i%97) + string(rune('a'+i%26)) + strings.Repeat("y", i/97))
	}
	if n := len(h.root.kinds); n > mostKinds+1 {
		t.Errorf("%d kinds are kept", n)
	}
	log.Info("early")
	if n := lines(out, "msg=early"); n != 2 {
		t.Errorf("%d of 2 lines passed", n)
	}
}

func TestConcurrent(t *testing.T) {
	var out syncBuffer
	h := New(slog.NewTextHandler(&out, nil), Options{Burst: 10})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				slog.New(h).Info("same")
			}
		})
	}
	wg.Wait()
	h.Flush()
	if got := out.b.String(); strings.Count(got, "msg=same") != 10 || !strings.Contains(got, "lines=1590") {
		t.Errorf("got\n%s", got)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
