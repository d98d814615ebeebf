package conn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ServerTLS sets how a listener is secured. The zero value secures nothing.
type ServerTLS struct {
	CertFile string // PEM file of the certificate chain (cert_file)
	KeyFile  string // PEM file of its private key (key_file)
	// ClientCAFile is a PEM file of the authorities one of which must have signed
	// the certificate of whoever connects; "": nobody needs one (client_ca_file).
	ClientCAFile string
	MinVersion   string // as in TLS
}

// Config reads the files and returns the configuration for a server, nil for the
// zero value.
func (t ServerTLS) Config() (*tls.Config, error) {
	switch {
	case t == ServerTLS{}:
		return nil, nil
	case t.CertFile == "" || t.KeyFile == "":
		return nil, errors.New("tls: a server needs both cert_file and key_file")
	case versions[t.MinVersion] == 0:
		return nil, fmt.Errorf("tls: min_version is %q, it must be 1.2 or 1.3", t.MinVersion)
	}
	c := &tls.Config{MinVersion: versions[t.MinVersion]}
	var err error
	if c.Certificates, err = certificate(t.CertFile, t.KeyFile); err != nil {
		return nil, err
	}
	if t.ClientCAFile != "" {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		if c.ClientCAs, err = authorities("client_ca_file", t.ClientCAFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// authorities reads the certificates in a file that a key names.
func authorities(key, path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tls: %s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls: %s: %s holds no PEM certificate", key, path)
	}
	return pool, nil
}

// certificate reads a certificate and its key.
func certificate(cert, key string) ([]tls.Certificate, error) {
	// Told apart, because LoadX509KeyPair names neither file.
	for _, f := range [...]struct{ key, path string }{{"cert_file", cert}, {"key_file", key}} {
		if _, err := os.Stat(f.path); err != nil {
			return nil, fmt.Errorf("tls: %s: %w", f.key, err)
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("tls: cert_file %s with key_file %s: %w", cert, key, err)
	}
	return []tls.Certificate{pair}, nil
}
