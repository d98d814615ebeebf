package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quell-stream/quell/pipeline/assemble"
)

// heard is what a program said, for a reader who does not wait for its end.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// secretConfig holds a secret in every place that takes one: as text, from the
// environment, from a file, from systemd, and in addresses.
const secretConfig = `version: 1
state_dir: %[1]s/state
http: {listen: "127.0.0.1:0", token_file: %[1]s/token}
connections:
  plant: {type: mqtt, url: "mqtt://%[2]s", username: quell, password: hush-mqtt-text}
  other: {type: mqtt, url: "mqtt://%[2]s", username: quell, password_file: "credential:mqtt"}
  cluster: {type: kafka, brokers: ["%[2]s"], sasl: {mechanism: plain, username: quell, password: "${HUSH_KAFKA}"}}
  scram: {type: kafka, brokers: ["%[2]s"], sasl: {mechanism: scram-sha-512, username: quell, password_file: %[1]s/scram}}
streams:
  s: {source: {type: sim}, sinks: [m, n, k, l, hook, pager, guard]}
sinks:
  m: {type: mqtt, connection: plant, topic: "q/{series}", required: false}
  n: {type: mqtt, connection: other, topic: "q/{series}", required: false}
  k: {type: kafka, connection: cluster, topic: q, required: false}
  l: {type: kafka, connection: scram, topic: q, required: false}
  hook: {type: webhook, emit: all, url: "%[3]s/services/hush-hook-path?key=hush-hook-query", secret: hush-hook-secret, required: false}
  pager: {type: alertmanager, url: "%[3]s", username: u, password: hush-pager-password, required: false}
  guard: {type: alertmanager, url: "%[3]s", token_file: %[1]s/pager, required: false}
`

// TestSecretsNeverShow runs a configuration full of secrets against brokers and
// servers that refuse everything and say back what they were sent, and looks for the
// secrets in all that comes out: the log, what check says, the metrics, the status,
// and the files that are written.
func TestSecretsNeverShow(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "hush-http-token-0123", "scram": "hush-scram-file\n", "pager": "hush-pager-token", "mqtt": "hush-mqtt-credential"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("HUSH_KAFKA", "hush-kafka-env")
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "I can't %s %s for %q", r.Method, r.RequestURI, r.Header)
	}))
	defer echo.Close()
	refuses := hangUp(t)
	path := filepath.Join(dir, "quell.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, secretConfig, dir, refuses, echo.URL), 0o600); err != nil {
		t.Fatal(err)
	}

	var said heard
	s := streams{strings.NewReader(""), &said, &said}
	if err := checkConfig(s, path, true); err != nil {
		t.Fatal(err, said.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- runConfig(ctx, s, path, 0, true, assemble.Options{Drain: 100 * time.Millisecond})
	}()
	asked := ask(t, &said, "hush-http-token-0123")
	waitFor(t, &said, "webhook: post", "alertmanager: post", "mqtt:", "kafka")
	cancel()
	fmt.Fprintln(&said, <-ended)
	all := map[string]string{"the output": said.String(), "what HTTP answers": asked}
	for file, text := range written(t, filepath.Join(dir, "state")) {
		all[file] = text
	}
	basic := base64.StdEncoding.EncodeToString([]byte("u:hush-pager-password"))
	for where, text := range all {
		if i := strings.Index(text, "hush-"); i >= 0 {
			t.Errorf("a secret is in %s: …%s…", where, text[max(0, i-200):min(len(text), i+40)])
		}
		if strings.Contains(text, basic) {
			t.Errorf("a password is in %s", where)
		}
	}
}

// TestSecretsOfWrongFiles: nor does a mistake beside a secret show it.
func TestSecretsOfWrongFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quell.yaml")
	text := fmt.Sprintf(secretConfig, "/nowhere", "h:1", "https://h")
	for what, change := range map[string][2]string{
		"unknown keys": {"type: ", "typ: "}, "no YAML": {"version: 1", "version: [1"}, "no scheme": {"mqtt://", "mqt://"},
		"another type": {"secret: hush", "secret: [hush"}, "a word for a flag": {"required: false", "required: nope"}, "no user": {"username: quell, ", ""},
	} {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, change[0], change[1])), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, asJSON := range []bool{false, true} {
			var said heard
			if err := checkConfig(streams{nil, &said, &said}, path, asJSON); err == nil {
				t.Errorf("%s: taken", what)
			}
			if strings.Contains(said.String(), "hush-") {
				t.Errorf("%s: %s", what, said.String())
			}
		}
	}
}

// TestSecretsOfClients: top and tap tell neither the token nor a password, to whatever is
// asked and however it is written.
func TestSecretsOfClients(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("hush-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	answers := func(code int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(code)
			fmt.Fprintf(w, "\x1b[2Jno %s %q", r.RequestURI, r.Header)
		}))
		t.Cleanup(s.Close)
		return strings.Replace(s.URL, "://", "://u:hush-password@", 1)
	}
	urls := []string{"127.0.0.1:7070/#token=hush-token", "u:hush-password@h:7070", "http://u:hush-password@" + hangUp(t), "http://u:hush-password@127.0.0.1:1"}
	for _, code := range []int{200, 302, 400, 401, 403, 404, 500} {
		urls = append(urls, answers(code))
	}
	for _, url := range urls {
		for _, args := range [][]string{{"top", "--once"}, {"top", "--json"}, {"tap", "-n", "1"}} {
			for _, more := range [][]string{nil, {"--token-file", token}} {
				var said heard
				cmd := root(streams{strings.NewReader(""), &said, &said})
				cmd.SetArgs(append(append(args, "--url", url), more...))
				err := cmd.ExecuteContext(t.Context())
				text := fmt.Sprint(said.String(), err)
				if err == nil || strings.Contains(text, "hush-") || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("u:hush-password"))) || strings.Contains(text, "\x1b") {
					t.Errorf("%v of %s: %q", args, url, text)
				}
			}
		}
	}
}

// hangUp accepts connections, reads what comes first and closes them.
func hangUp(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = c.Read(make([]byte, 1<<10))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// ask returns what the server answers with the token and without.
func ask(t *testing.T, said *heard, token string) string {
	t.Helper()
	waitFor(t, said, "listening")
	url := regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(said.String())[1]
	var all strings.Builder
	for _, path := range []string{"/readyz", "/metrics", "/api/v1/models/x/promote"} {
		for _, auth := range []string{"", "Bearer " + token, "Bearer wrong"} {
			req, err := http.NewRequest("GET", url+path, nil)
			if strings.HasSuffix(path, "promote") {
				req, err = http.NewRequest("POST", url+path, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", auth)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			fmt.Fprintf(&all, "%s %v\n%s\n", res.Status, res.Header, b)
		}
	}
	if !strings.Contains(all.String(), "quell_") || !strings.Contains(all.String(), "401") {
		t.Errorf("the answers are not what the test thinks:\n%s", all.String())
	}
	return all.String()
}

// waitFor waits until everything was said.
func waitFor(t *testing.T, said *heard, texts ...string) {
	t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		missing := ""
		for _, text := range texts {
			if !strings.Contains(said.String(), text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%q was never said:\n%s", missing, said.String())
		}
	}
}

// written returns the content of all files in a folder.
func written(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(b)
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	return all
}
