package mqttconn_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/test/harness"
)

// webBroker starts a broker that is reached by WebSocket, and returns where.
func webBroker(t *testing.T, secure *tls.Config) string {
	t.Helper()
	port, err := harness.FreePorts(0, 1) // the broker's listener can't choose a port itself
	if err != nil {
		t.Fatal(err)
	}
	addr := harness.Address(port)
	srv := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := srv.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	if err := srv.AddListener(listeners.NewWebsocket(listeners.Config{ID: "web", Address: addr, TLSConfig: secure})); err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	for range 500 { // it listens when its goroutine comes to it
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the broker does not listen")
	return ""
}

// TestWebSocket: messages come back whole and in order by way of a WebSocket, with TLS
// and without, a large one too, which takes many reads.
func TestWebSocket(t *testing.T) {
	id := identity(t, t.TempDir(), "server")
	secure, err := conn.ServerTLS{CertFile: id.CertFile, KeyFile: id.KeyFile}.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []mqttconn.Config{
		{URL: "ws://" + webBroker(t, nil)},
		{URL: "wss://" + webBroker(t, secure) + "/mqtt", TLS: conn.TLS{CAFile: id.CertFile, ServerName: "localhost"}},
	} {
		got := make(chan []byte, 2)
		cl, err := mqttconn.Connect(t.Context(), c, mqttconn.Session{Clean: true, OnMessage: func(cl *mqttconn.Client, m paho.Message) {
			if err := cl.Ack([]uint16{m.MessageID()}); err != nil { // before the test goes on to close
				t.Error(err)
			}
			got <- m.Payload()
		}})
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if refused, _, err := cl.Subscribe(t.Context(), []string{"a"}, 1); err != nil || len(refused) > 0 {
			t.Fatalf("%s: %v %v", c, refused, err)
		}
		for _, want := range [][]byte{[]byte("small"), bytes.Repeat([]byte("large"), 50_000)} {
			cl.Publish("a", 1, false, want)
			select {
			case m := <-got:
				if !bytes.Equal(m, want) {
					t.Errorf("%s: %d bytes came, want %d", c, len(m), len(want))
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: %d bytes never came", c, len(want))
			}
		}
		cl.Close(t.Context())
	}
}

// TestWebSocketRefused: what is no WebSocket of a broker, and a certificate of an
// authority that is not trusted, are told with what to do.
func TestWebSocketRefused(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	id := identity(t, t.TempDir(), "server")
	secure, err := conn.ServerTLS{CertFile: id.CertFile, KeyFile: id.KeyFile}.Config()
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		strings.Replace(page.URL, "http", "ws", 1) + "/mqtt": `answers "404 Not Found": check port and path`,
		"wss://" + webBroker(t, secure):                      "set tls.ca_file",
	} {
		cfg := mqttconn.Config{URL: url}
		if strings.HasPrefix(url, "wss") {
			cfg.TLS.ServerName = "localhost"
		}
		_, err := mqttconn.Connect(t.Context(), cfg, mqttconn.Session{Clean: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}
