package conn_test

import (
	"crypto/tls"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/conn"
)

func TestServerConfigErrors(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir, "a.example")
	missing := filepath.Join(dir, "missing.pem")
	for _, c := range []struct {
		tls  conn.ServerTLS
		want string
	}{
		{conn.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: cert, MinVersion: "1.3"}, ""},
		{conn.ServerTLS{CertFile: cert}, "needs both"},
		{conn.ServerTLS{ClientCAFile: cert}, "needs both"},
		{conn.ServerTLS{CertFile: cert, KeyFile: missing}, "key_file: stat " + missing},
		{conn.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: key}, "client_ca_file: " + key + " holds no PEM"},
		{conn.ServerTLS{CertFile: cert, KeyFile: key, MinVersion: "1.1"}, "must be 1.2 or 1.3"},
	} {
		_, err := c.tls.Config()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.tls, err, c.want)
		}
	}
	if c, err := (conn.ServerTLS{}).Config(); c != nil || err != nil {
		t.Errorf("the zero value: %v, %v", c, err)
	}
}

// TestMinVersion: one that wants TLS 1.3 does not speak 1.2, on either side.
func TestMinVersion(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir, "a.example")
	for _, c := range []struct {
		server, client string
		most           uint16 // of the client
		works          bool
	}{
		{"", "", tls.VersionTLS12, true}, {"1.3", "", tls.VersionTLS12, false}, {"1.3", "1.3", tls.VersionTLS13, true},
		{"", "", tls.VersionTLS11, false},
	} {
		server, err := conn.ServerTLS{CertFile: cert, KeyFile: key, MinVersion: c.server}.Config()
		if err != nil {
			t.Fatal(err)
		}
		client, err := conn.TLS{CAFile: cert, ServerName: "a.example", MinVersion: c.client}.Config("")
		if err != nil {
			t.Fatal(err)
		}
		client.MaxVersion = c.most
		if err := handshake(t, server, client); (err == nil) != c.works {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := (conn.TLS{MinVersion: "1.1"}).Config("h"); err == nil {
		t.Error("a client takes TLS 1.1")
	}
}

func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("x"))
			_ = c.Close()
		}
	}()
	defer func() { l.Close(); <-served }()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}
