package mqttconn_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/internal/certtest"
)

// TestClientCertificate connects to a broker that wants a certificate of ours, with the
// right one, with that of another authority, and with none.
func TestClientCertificate(t *testing.T) {
	dir := t.TempDir()
	server, mine, other := identity(t, dir, "server"), identity(t, dir, "mine"), identity(t, dir, "other")
	c, err := conn.ServerTLS{CertFile: server.CertFile, KeyFile: server.KeyFile, ClientCAFile: mine.CertFile, MinVersion: "1.3"}.Config()
	if err != nil {
		t.Fatal(err)
	}
	url := "mqtts://" + inFront(t, c, mqtttest.Start(t, mqtttest.Rules{}).Addr())
	for _, who := range []struct {
		name string
		tls  conn.TLS
		ok   bool
	}{{"the right one", mine, true}, {"another authority", other, false}, {"none", conn.TLS{}, false}} {
		who.tls.CAFile, who.tls.ServerName = server.CertFile, "localhost"
		cl, err := mqttconn.Connect(t.Context(), mqttconn.Config{URL: url, TLS: who.tls}, mqttconn.Session{Clean: true})
		if (err == nil) != who.ok || err != nil && !mqttconn.Rejected(err) {
			t.Errorf("%s: %v", who.name, err)
		}
		if err == nil {
			cl.Close(t.Context())
		}
	}
}

// TestWrongAuthority: waiting does not mend a server whose certificate we do not trust,
// so that a Keeper gives up.
func TestWrongAuthority(t *testing.T) {
	dir := t.TempDir()
	server, other := identity(t, dir, "server"), identity(t, dir, "other")
	c, err := conn.ServerTLS{CertFile: server.CertFile, KeyFile: server.KeyFile}.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg := mqttconn.Config{URL: "mqtts://" + inFront(t, c, mqtttest.Start(t, mqtttest.Rules{}).Addr()), TLS: conn.TLS{CAFile: other.CertFile, ServerName: "localhost"}}
	k, err := mqttconn.NewKeeper(cfg, mqttconn.Session{Clean: true}, mqttconn.KeeperOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = k.Run(ctx, func(context.Context, *mqttconn.Client) error { return nil })
	if !mqttconn.Rejected(err) || !strings.Contains(err.Error(), "set tls.ca_file") {
		t.Errorf("the keeper ends with %v", err)
	}
}

// identity writes a certificate for localhost and its key.
func identity(t *testing.T, dir, name string) conn.TLS {
	t.Helper()
	cert, key := certtest.Issue(t, dir, name)
	return conn.TLS{CertFile: cert, KeyFile: key}
}

// inFront listens with TLS in front of a broker and returns where.
func inFront(t *testing.T, c *tls.Config, broker string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { join(client, broker) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// join carries bytes both ways until one side ends.
func join(client net.Conn, broker string) {
	defer client.Close()
	if client.(*tls.Conn).Handshake() != nil {
		return
	}
	b, err := net.Dial("tcp", broker)
	if err != nil {
		return
	}
	defer b.Close()
	go func() {
		_, _ = io.Copy(b, client)
		_ = b.Close()
	}()
	_, _ = io.Copy(client, b)
}
