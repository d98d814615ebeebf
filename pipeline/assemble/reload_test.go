package assemble

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/internal/certtest"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
)

const reloadFile = `version: 1
state_dir: %[1]s/state
http: {listen: off}
connections: {m: {type: mqtt, url: "%[2]s"}}
streams:
  a: {source: {connection: m, topics: ["a/{series}"], codec: {type: plain}}, channels: [v], window: {rate_hz: 500}, adapt: {mode: off}, sinks: [a]}
  b: {source: {connection: m, topics: ["b/{series}"], codec: {type: plain}}, channels: [v], window: {rate_hz: 500}, adapt: {mode: off}, sinks: [b]}
sinks:
  a: {type: file, path: %[1]s/a.jsonl}
  b: {type: file, path: %[1]s/b.jsonl}
`

// TestReload changes a running pipeline by its file, step by step. Each message, from
// before, between and after, is in a sink in the end.
func TestReload(t *testing.T) {
	broker := mqtttest.Start(t, mqtttest.Rules{Connect: func(_, _, password string) bool { return password != "wrong" }})
	dir := t.TempDir()
	path := filepath.Join(dir, "quell.yaml")
	text := fmt.Sprintf(reloadFile, dir, broker.URL)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	cfg, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry(), Stdout: io.Discard}
	p, err := Pipeline(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	r := NewReloader(path, cfg, opt, p)
	sent := map[string]int{}
	send := func(streams ...string) {
		t.Helper()
		awaitReady(t, p)
		for _, s := range streams {
			for range 40 {
				sent[s]++
				broker.Publish(t, s+"/x", fmt.Sprint(sent[s]), false)
				time.Sleep(time.Millisecond)
			}
		}
	}
	for _, step := range []struct {
		name             string
		edit             [2]string
		changed, restart []string
		fails            string
		send             []string
	}{
		{"nothing", [2]string{}, nil, nil, "", []string{"a", "b"}},
		{"a comment", [2]string{"version: 1\n", "version: 1 # the first\n"}, nil, nil, "", []string{"a"}},
		{"a stream", [2]string{"sinks: [b]}", "drift: {false_alarms: 1/week}, sinks: [b]}"}, []string{"streams.b"}, nil, "", []string{"a", "b"}},
		{"a mistake", [2]string{"qqq", ""}, nil, nil, "mistake", []string{"a", "b"}},
		{"a model that is not there", [2]string{"1/week}, sinks: [b]}", "1/week}, model: {use: none.quell}, sinks: [b]}"}, nil, nil, "none.quell", []string{"a", "b"}},
		{"back", [2]string{"model: {use: none.quell}, ", ""}, nil, nil, "", []string{"b"}},
		{"a password that the broker refuses", [2]string{"mqtt, url", "mqtt, username: u, password: wrong, url"}, nil, nil, "connections.m: ", []string{"a"}},
		{"back again", [2]string{"username: u, password: wrong, ", ""}, nil, nil, "", []string{"a"}},
		{"a file that is not there", [2]string{"sinks:\n", "  f: {source: {type: file, path: none.csv}, channels: [v], sinks: [b]}\nsinks:\n"}, nil, nil, "none.csv", []string{"b"}},
		{"and back", [2]string{"  f: {source: {type: file, path: none.csv}, channels: [v], sinks: [b]}\n", ""}, nil, nil, "", []string{"b"}},
		{"a sink", [2]string{"b.jsonl}", "b2.jsonl}"}, []string{"sinks.b", "streams.b"}, nil, "", []string{"a", "b"}},
		{"one more stream and sink", [2]string{"sinks:\n", "  c: {source: {connection: m, topics: [\"c/{series}\"], codec: {type: plain}}, channels: [v], window: {rate_hz: 500}, adapt: {mode: off}, sinks: [c]}\nsinks:\n  c: {type: file, path: " + dir + "/c.jsonl}\n"}, []string{"sinks.c", "streams.c"}, nil, "", []string{"a", "b", "c"}},
		{"what needs a restart", [2]string{"listen: off", "listen: \"127.0.0.1:1\""}, nil, []string{"http"}, "", []string{"a"}},
		{"the connection", [2]string{"mqtt, url", "mqtt, client_id: other, url"}, []string{"streams.a", "streams.b", "streams.c"}, []string{"http"}, "", []string{"a", "b", "c"}},
	} {
		if step.edit[0] == "qqq" {
			write(text + "\nnonsense: 1\n")
		} else {
			if step.edit[0] != "" && strings.Count(text, step.edit[0]) != 1 {
				t.Fatalf("%s: %q is not in the file once", step.name, step.edit[0])
			}
			text = strings.Replace(text, step.edit[0], step.edit[1], 1)
			write(text)
		}
		changed, restart, err := r.Reload(t.Context())
		var wrong *web.Mistakes
		switch {
		case step.fails == "mistake":
			if !errors.As(err, &wrong) || len(wrong.List) != 1 || wrong.List[0].Line == 0 {
				t.Errorf("%s: got %v", step.name, err)
			}
		case step.fails != "":
			if err == nil || !strings.Contains(err.Error(), step.fails) {
				t.Errorf("%s: got %v", step.name, err)
			}
		case err != nil:
			t.Fatalf("%s: %v", step.name, err)
		}
		if !slices.Equal(changed, step.changed) || !slices.Equal(restart, step.restart) {
			t.Errorf("%s: changed %v, needs a restart %v; want %v and %v", step.name, changed, restart, step.changed, step.restart)
		}
		send(step.send...)
	}
	awaitMessages(t, p, sent)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for stream, n := range sent {
		sum := p.Summaries()[stream]
		if sum.In != int64(n) {
			t.Errorf("stream %s: %d samples came in, %d were sent", stream, sum.In, n)
		}
	}
	for _, name := range []string{"a", "b", "b2", "c"} {
		if info, err := os.Stat(filepath.Join(dir, name+".jsonl")); err != nil || info.Size() == 0 {
			t.Errorf("%s.jsonl: %v", name, err)
		}
	}
}

// awaitReady waits until a pipeline is ready.
func awaitReady(t *testing.T, p *pipeline.Pipeline) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for ok, parts := p.Ready(); !ok; ok, parts = p.Ready() {
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %+v", parts)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// awaitMessages waits until each stream has taken what was sent to it.
func awaitMessages(t *testing.T, p *pipeline.Pipeline, sent map[string]int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		missing := ""
		for _, s := range p.Streams(t.Context()) {
			if s.Messages < int64(sent[s.Name]) {
				missing += fmt.Sprintf(" %s has %d of %d;", s.Name, s.Messages, sent[s.Name])
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("messages are missing:%s", missing)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestReloadTriesRotatedSecrets: a password that the broker does not take leaves what
// runs alone, though only the content of its file has changed; a token that was changed
// is told to need a restart.
func TestReloadTriesRotatedSecrets(t *testing.T) {
	broker := mqtttest.Start(t, mqtttest.Rules{Connect: func(_, _, password string) bool { return password != "wrong" }})
	dir := t.TempDir()
	path, password, token := filepath.Join(dir, "quell.yaml"), filepath.Join(dir, "password"), filepath.Join(dir, "token")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(fmt.Sprintf(reloadFile, dir, broker.URL), "mqtt, url", "mqtt, username: u, password_file: "+password+", url", 1)
	write(path, strings.Replace(text, "listen: off", "listen: off, token_file: "+token, 1))
	write(password, "right")
	write(token, "one token that is long enough")
	_, r := running(t, path)
	write(password, "wrong")
	write(token, "another token that is long enough")
	changed, restart, err := r.Reload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "connections.m: ") || changed != nil || !slices.Equal(restart, []string{"http"}) {
		t.Errorf("a wrong password, and a token: changed %v, needs a restart %v, %v", changed, restart, err)
	}
	write(password, "another")
	changed, restart, err = r.Reload(t.Context())
	if want := []string{"streams.a", "streams.b"}; err != nil || !slices.Equal(changed, want) || !slices.Equal(restart, []string{"http"}) {
		t.Errorf("a right one, and a token: changed %v, needs a restart %v, %v; want %v and http", changed, restart, err, want)
	}
}

// TestReloadRefusesAuthority: a broker whose certificate is of an authority that is not
// trusted would end the process, be it one of MQTT or of Kafka: what runs runs on.
func TestReloadRefusesAuthority(t *testing.T) {
	dir := t.TempDir()
	mine, key := certtest.Issue(t, dir, "mine")
	other, _ := certtest.Issue(t, dir, "other")
	secure, err := conn.ServerTLS{CertFile: mine, KeyFile: key}.Config()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", secure)
	if err != nil {
		t.Fatal(err)
	}
	var shaken sync.WaitGroup
	shaken.Go(func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_ = c.(*tls.Conn).Handshake() // it fails: the client does not like us
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); shaken.Wait() })
	for name, connection := range map[string]string{
		"mqtt":  fmt.Sprintf("{type: mqtt, url: \"mqtts://%s\", tls: {ca_file: %s, server_name: localhost}}", l.Addr(), other),
		"kafka": fmt.Sprintf("{type: kafka, brokers: [%q], tls: {ca_file: %s, server_name: localhost}}", l.Addr(), other),
	} {
		b := &builder{cfg: parsed(t, fmt.Sprintf("version: 1\nconnections: {m: %s}\nstreams: {s: {source: {connection: m, topics: [a], codec: {type: json, default_series: x}}, channels: [v], sinks: [o]}}\nsinks: {o: {type: stdout}}\n", connection))}
		b.opt.Log = slog.New(slog.DiscardHandler)
		if err := b.refused(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "connections.m: ") || !strings.Contains(err.Error(), "set tls.ca_file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReloadOfStandardInput names each key that needs a restart, those of streams as
// they stand in the file.
func TestReloadOfStandardInput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "quell.yaml")
	const file = "version: 1\nstate_dir: %s/state\nhttp: {listen: off}\nstreams:\n  s: {source: {type: file, path: \"-\"}, channels: [v], drift: {false_alarms: %s}, sinks: [o]}\nsinks: {o: {type: stdout}}\n"
	text := fmt.Sprintf(file, dir, "1/month")
	cfg := parsed(t, text)
	r := NewReloader(path, cfg, Options{Log: slog.New(slog.DiscardHandler)}, nil)
	text = strings.Replace(fmt.Sprintf(file, dir, "1/week"), "off}", "\"127.0.0.1:1\"}", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, restart, err := r.Reload(t.Context())
	if want := []string{"http", "streams.s"}; err == nil || !strings.Contains(err.Error(), "streams.s") || !slices.Equal(restart, want) {
		t.Errorf("needs a restart %q, %v; want %q", restart, err, want)
	}
}

// parsed returns the configuration of a text.
func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, _, err := config.Parse("x", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running runs the pipeline of a file until the test ends, and returns it when it is
// ready, with what reloads it.
func running(t *testing.T, path string) (*pipeline.Pipeline, *Reloader) {
	t.Helper()
	cfg, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Stdout: io.Discard}
	p, err := Pipeline(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	awaitReady(t, p)
	return p, NewReloader(path, cfg, opt, p)
}

// TestReloadOfFiles: a file that a section names counts with what it holds.
func TestReloadOfFiles(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "hmac")
	sum := func(content string) map[string]string {
		if err := os.WriteFile(key, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _, err := config.Parse("x", []byte("version: 1\nstreams: {s: {source: {type: sim}, sinks: [h, o]}}\nsinks: {h: {type: webhook, url: \"https://h\", secret_file: "+key+"}, o: {type: stdout}}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, sinks := prints(cfg)
		return sinks
	}
	one, two := sum("one"), sum("two")
	if one["h"] == two["h"] || one["o"] != two["o"] || sum("one")["h"] != one["h"] {
		t.Error("a changed secret is not seen, or an unchanged one is")
	}
}
