//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lines is a log that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// wait returns the first match that is there in time.
func (l *lines) wait(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		m := re.FindStringSubmatch(l.b.String())
		l.mu.Unlock()
		if m != nil {
			return m
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Fatalf("nothing says %q:\n%s", pattern, l.b.String())
	return nil
}

// TestReloadByHand reloads a run by a signal and by its API, with a right file and a
// wrong one.
func TestReloadByHand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "quell.yaml")
	write := func(alarms, listen string) {
		t.Helper()
		text := fmt.Sprintf("version: 1\nstate_dir: %[1]s/state\nhttp: {listen: %[3]q, token_file: %[1]s/token}\nstreams: {s: {source: {type: sim}, drift: {false_alarms: %[2]s}, adapt: {mode: off}, sinks: [o]}}\nsinks: {o: {type: file, path: %[1]s/o.jsonl}}\n", dir, alarms, listen)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("1/month", "127.0.0.1:0")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log, done := &lines{}, make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"run", "-c", path}, streams{strings.NewReader(""), io.Discard, log})
	}()
	url := log.wait(t, `msg=listening url=(\S+)`)[1]
	log.wait(t, "partitions assigned")
	post := func() (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer 0123456789abcdef")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, strings.TrimSpace(string(b))
	}
	write("1/week", "127.0.0.1:0")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	log.wait(t, `msg=reloaded changed=\[streams.s\]`)
	if code, body := post(); code != 200 || body != `{"changed":[],"needs_restart":[]}` {
		t.Errorf("nothing changed: %d %s", code, body)
	}
	write("1/yeer", "127.0.0.1:0")
	if code, body := post(); code != 422 || !strings.Contains(body, `"path":"streams.s.drift.false_alarms"`) {
		t.Errorf("a wrong file: %d %s", code, body)
	}
	log.wait(t, "not reloaded: what ran before runs on")
	write("1/day", "off")
	if code, body := post(); code != 200 || body != `{"changed":["streams.s"],"needs_restart":["http"]}` {
		t.Errorf("a right file: %d %s", code, body)
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
}
