package mqttconn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
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

// identity writes a certificate for localhost that signs itself, and its key.
func identity(t *testing.T, dir, name string) conn.TLS {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	out := conn.TLS{CertFile: filepath.Join(dir, name+".pem"), KeyFile: filepath.Join(dir, name+".key")}
	for path, block := range map[string]*pem.Block{out.CertFile: {Type: "CERTIFICATE", Bytes: der}, out.KeyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
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
