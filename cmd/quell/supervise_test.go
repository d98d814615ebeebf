package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quell-stream/quell/pipeline"
)

// patient is a pipeline whose progress the test decides.
type patient struct {
	reading chan struct{}
	is      atomic.Pointer[[]pipeline.Progress]
}

func (p *patient) Reading() <-chan struct{} { return p.reading }
func (p *patient) Progress() []pipeline.Progress {
	return *p.is.Load()
}
func (p *patient) Ready() (bool, []pipeline.Status) {
	return false, []pipeline.Status{{Name: "source pumps", Up: true}, {Name: "sink clean"}}
}

func newPatient() *patient {
	p := &patient{reading: make(chan struct{})}
	p.is.Store(&[]pipeline.Progress{{Stream: "pumps"}})
	return p
}

// TestStuckIsNotVouchedFor: what beats or is held moves, what does neither is stuck.
func TestStuckIsNotVouchedFor(t *testing.T) {
	p := newPatient()
	var log strings.Builder
	s := &supervisor{p: p, log: slog.New(slog.NewTextHandler(&log, nil)), seen: map[string]int64{}}
	for i, step := range []struct {
		is   []pipeline.Progress
		want bool
	}{
		{[]pipeline.Progress{{Stream: "a", Beats: 1}, {Stream: "b", Held: true}}, true},
		{[]pipeline.Progress{{Stream: "a", Beats: 2}, {Stream: "b", Held: true}}, true},
		{[]pipeline.Progress{{Stream: "a", Beats: 3}, {Stream: "b", Beats: 0}}, false}, // no longer held, and has not beaten
		{[]pipeline.Progress{{Stream: "a", Beats: 3}, {Stream: "b", Beats: 1}}, false},
		{[]pipeline.Progress{{Stream: "a", Beats: 4}, {Stream: "b", Beats: 2}}, true},
	} {
		p.is.Store(&step.is)
		if got := s.moves(); got != step.want {
			t.Errorf("step %d, %+v: moves %v", i, step.is, got)
		}
	}
	if got := log.String(); strings.Count(got, "does not get on") != 1 || !strings.Contains(got, "streams=b") || strings.Count(got, "gets on again") != 1 {
		t.Errorf("the log says\n%s", got)
	}
}

// TestServiceManagerIsTold: ready once the sources are read and not before, alive while
// streams get on, stopping at the end.
func TestServiceManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "40000")
	t.Setenv("WATCHDOG_PID", "")
	// The socket holds ten datagrams: who tells more waits, and gives up, until they are read.
	told := make(chan string, 10_000)
	go func() {
		defer close(told)
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return // the test has ended
			}
			told <- string(b[:n])
		}
	}()
	hear := func(want string) (before []string) {
		t.Helper()
		for late := time.After(20 * time.Second); ; {
			select {
			case s, ok := <-told:
				if before = append(before, s); !ok {
					t.Fatalf("the socket was closed before it was told %q", want)
				}
				if strings.HasPrefix(s, want) {
					return before
				}
			case <-late:
				t.Fatalf("never told %q", want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := newPatient()
	n, err := notifier()
	if err != nil {
		t.Fatal(err)
	}
	reloading(n, p, slog.New(slog.DiscardHandler))() // before the start is over it is no one's business
	defer supervise(ctx, n, p, slog.New(slog.DiscardHandler))()
	if before := hear("WATCHDOG=1"); slices.ContainsFunc(before, func(s string) bool { return strings.HasPrefix(s, "READY") || strings.HasPrefix(s, "RELOADING") }) {
		t.Errorf("ready before any source is read: %q", before)
	}
	close(p.reading)
	if all := hear("READY=1"); !strings.Contains(all[len(all)-1], "1 stream read; down: sink clean") {
		t.Errorf("told %q", all[len(all)-1])
	}
	p.is.Store(&[]pipeline.Progress{{Stream: "pumps", Beats: 1}})
	hear("STATUS=")
	over := reloading(n, p, slog.New(slog.DiscardHandler))
	hear("RELOADING=1")
	over()
	hear("READY=1")
	cancel()
	hear("STOPPING=1")
}

// TestSupervisorRefuses: what makes no sense in the environment is told as wrong usage.
func TestSupervisorRefuses(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "relative")
	_, err := notifier()
	var coded *codeError
	if !errors.As(err, &coded) || coded.code != exitUsage || !strings.Contains(err.Error(), "NOTIFY_SOCKET") {
		t.Errorf("got %v", err)
	}
}

func TestLogFlags(t *testing.T) {
	var out strings.Builder
	log, flush, err := (&logFlags{level: "warn", format: "json"}).logger(&out)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not told")
	log.Warn("told", "sink", "clean")
	flush()
	if got := out.String(); !strings.Contains(got, `"msg":"told","sink":"clean"`) || strings.Contains(got, "not told") {
		t.Errorf("got %s", got)
	}
	for _, bad := range []logFlags{{"loud", "text"}, {"info", "xml"}} {
		if _, _, err := bad.logger(io.Discard); err == nil || !strings.Contains(err.Error(), ", want ") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
