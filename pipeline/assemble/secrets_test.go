package assemble

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/internal/certtest"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
)

type ready struct{ web.View }

func (ready) Ready() (bool, []pipeline.Status) { return true, nil }

// TestHTTP serves with a certificate whose key is a credential of systemd, to those
// who show a certificate of ours, and warns of what is weak.
func TestHTTP(t *testing.T) {
	dir := t.TempDir()
	cert, key := certtest.Issue(t, dir, "server")
	mine, mineKey := certtest.Issue(t, dir, "mine")
	other, otherKey := certtest.Issue(t, dir, "other")
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	c, err := HTTP(&config.HTTP{TokenFile: token, TLS: &config.ServerTLS{CertFile: cert, KeyFile: "credential:" + filepath.Base(key), ClientCAFile: mine}}, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"short enough to be guessed", "everyone on this machine may read"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the log lacks %q: %s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "short\\n") || c.Token != "short" {
		t.Errorf("token %q, log %s", c.Token, said.String())
	}
	c.View, c.Gatherer = ready{}, prometheus.NewRegistry()
	s, err := web.Listen("127.0.0.1:0", c, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []struct {
		cert, key string
		welcome   bool
	}{{mine, mineKey, true}, {other, otherKey, false}, {"", "", false}} {
		client, err := conn.TLS{CAFile: cert, ServerName: "localhost", CertFile: who.cert, KeyFile: who.key}.Config("")
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, s.URL(), client); got != who.welcome {
			t.Errorf("with %q it is welcome: %v", who.cert, got)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string, c *tls.Config) bool {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: c}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Get(url + "/healthz")
	if err != nil {
		return false
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return res.StatusCode == http.StatusOK
}

// TestWarnedOnce: a file that is open to others is told of once, however many use it,
// and its content never.
func TestWarnedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cfg := &config.Config{Connections: []config.Connection{{Name: "b", Type: config.MQTT, URL: "mqtts://h", Username: "u", PasswordFile: file,
		TLS: &config.TLS{MinVersion: "1.3"}}}}
	b := &builder{cfg: cfg, opt: Options{Log: slog.New(slog.NewTextHandler(&said, nil))}}
	for _, user := range []string{"a", "b"} {
		c, err := b.mqttConn("b", user)
		if err != nil || c.Password != "hunter2" || c.TLS.MinVersion != "1.3" {
			t.Fatalf("%v, %v", c, err)
		}
	}
	if n := strings.Count(said.String(), file); n != 1 || strings.Contains(said.String(), "hunter2") {
		t.Errorf("told %d times: %s", n, said.String())
	}
}
