package conn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/conn"
)

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	kd, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	return write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", kd)
}

func TestConfigErrors(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir, "a.example")
	_, other := certificate(t, dir, "b.example")
	missing := filepath.Join(dir, "missing.pem")
	for _, c := range []struct {
		tls  conn.TLS
		want string
	}{
		{conn.TLS{}, ""},
		{conn.TLS{CAFile: cert, CertFile: cert, KeyFile: key}, ""},
		{conn.TLS{CertFile: cert}, "key_file is not"},
		{conn.TLS{KeyFile: key}, "cert_file is not"},
		{conn.TLS{CAFile: cert, InsecureSkipVerify: true}, "contradict"},
		{conn.TLS{CAFile: missing}, "ca_file: open " + missing},
		{conn.TLS{CAFile: key}, "holds no PEM certificate"},
		{conn.TLS{CertFile: missing, KeyFile: key}, "cert_file: stat " + missing},
		{conn.TLS{CertFile: cert, KeyFile: missing}, "key_file: stat " + missing},
		{conn.TLS{CertFile: cert, KeyFile: other}, "private key does not match"},
	} {
		_, err := c.tls.Config("h")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.tls, err, c.want)
		}
	}
	got, err := conn.TLS{}.Config("h")
	if err != nil {
		t.Fatal(err)
	}
	if got.InsecureSkipVerify || got.MinVersion != tls.VersionTLS12 || got.ServerName != "h" {
		t.Errorf("zero value gives %+v", got)
	}
	if (conn.TLS{}).IsZero() != true || (conn.TLS{ServerName: "x"}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

// TestHandshake connects to a server with one certificate, and to one that
// wants a certificate of ours.
func TestHandshake(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir, "a.example")
	stranger, strangerKey := certificate(t, dir, "b.example")
	server, err := conn.TLS{CertFile: cert, KeyFile: key, CAFile: cert}.Config("")
	if err != nil {
		t.Fatal(err)
	}
	server.ClientCAs = server.RootCAs
	for _, c := range []struct {
		name     string
		tls      conn.TLS
		auth     tls.ClientAuthType
		want     string
		rejected bool
	}{
		{name: "trusted", tls: conn.TLS{CAFile: cert, ServerName: "a.example"}},
		{name: "unknown authority", tls: conn.TLS{CAFile: stranger, ServerName: "a.example"}, want: "authority we do not trust: set tls.ca_file", rejected: true},
		{name: "wrong name", tls: conn.TLS{CAFile: cert}, want: "set tls.server_name", rejected: true},
		{name: "not verified", tls: conn.TLS{InsecureSkipVerify: true}},
		{name: "own certificate", tls: conn.TLS{CAFile: cert, ServerName: "a.example", CertFile: cert, KeyFile: key}, auth: tls.RequireAndVerifyClientCert},
		{name: "no own certificate", tls: conn.TLS{CAFile: cert, ServerName: "a.example"}, auth: tls.RequireAndVerifyClientCert, want: "does not accept the client certificate", rejected: true},
		{name: "wrong own certificate", tls: conn.TLS{CAFile: cert, ServerName: "a.example", CertFile: stranger, KeyFile: strangerKey}, auth: tls.RequireAndVerifyClientCert, want: "does not accept the client certificate", rejected: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := server.Clone()
			sc.ClientAuth = c.auth
			l, err := tls.Listen("tcp", "127.0.0.1:0", sc)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				s, err := l.Accept()
				if err != nil {
					return
				}
				defer s.Close()
				if _, err := s.Write([]byte("x")); err == nil {
					io.Copy(io.Discard, s)
				}
			}()
			cfg, err := c.tls.Config("host")
			if err != nil {
				t.Fatal(err)
			}
			err = func() error {
				d, err := tls.Dial("tcp", l.Addr().String(), cfg)
				if err != nil {
					return err
				}
				defer d.Close()
				_, err = d.Read(make([]byte, 1))
				return err
			}()
			err = conn.Classify(err)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			if errors.Is(err, conn.ErrRejected) != c.rejected {
				t.Errorf("rejected is %v, want %v: %v", !c.rejected, c.rejected, err)
			}
			l.Close()
			<-served
		})
	}
}

func TestClassifyPasses(t *testing.T) {
	for _, err := range []error{nil, io.EOF, &net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}} {
		if got := conn.Classify(err); got != err {
			t.Errorf("Classify(%v) is %v", err, got)
		}
	}
}

func TestAs(t *testing.T) {
	target, cause := errors.New("permanent"), fmt.Errorf("mqtt: %w", conn.ErrRejected)
	err := conn.As(target, cause)
	if err.Error() != cause.Error() || !errors.Is(err, target) || !errors.Is(err, conn.ErrRejected) {
		t.Errorf("%v is not what it should be", err)
	}
}

func ExampleTLS() {
	_, err := conn.TLS{CertFile: "client.pem"}.Config("broker.example")
	fmt.Println(err)
	// Output: tls: cert_file is set but key_file is not: a client certificate needs both
}
