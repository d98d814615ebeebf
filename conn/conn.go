// Package conn says how to reach a broker: what its drivers share of TLS and of
// being refused. The clients live below it, in conn/mqttconn and
// conn/kafkaconn.
package conn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// ErrRejected is wrapped by errors that say that the other side refused us:
// wrong credentials, an unacceptable certificate or client id, no right.
// Trying again with the same configuration can't help. Sources report it as
// ingest.ErrRejected, sinks as sink.ErrPermanent.
var ErrRejected = errors.New("rejected")

// TLS sets how a connection is secured. The zero value verifies the server
// against the system's authorities and its host name.
type TLS struct {
	CAFile     string // PEM file of the authorities to trust instead of the system's (ca_file)
	CertFile   string // PEM file of the client's certificate chain (cert_file)
	KeyFile    string // PEM file of the client's private key (key_file)
	ServerName string // the name the server's certificate must bear; default the host (server_name)
	// InsecureSkipVerify accepts any certificate: encrypted, but anyone can be
	// the other end (insecure_skip_verify).
	InsecureSkipVerify bool
	// MinVersion is the oldest version of TLS that is spoken, "1.2" or "1.3";
	// default 1.2 (min_version).
	MinVersion string
}

// versions are the versions of TLS by name, those before them being broken.
var versions = map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// IsZero says that nothing is set.
func (t TLS) IsZero() bool { return t == TLS{} }

// Validate reports settings that contradict each other. It reads no file.
func (t TLS) Validate() error {
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		return errors.New("tls: cert_file is set but key_file is not: a client certificate needs both")
	case t.KeyFile != "" && t.CertFile == "":
		return errors.New("tls: key_file is set but cert_file is not: a client certificate needs both")
	case t.InsecureSkipVerify && t.CAFile != "":
		return errors.New("tls: ca_file and insecure_skip_verify contradict each other: remove one of them")
	case versions[t.MinVersion] == 0:
		return fmt.Errorf("tls: min_version is %q, it must be 1.2 or 1.3", t.MinVersion)
	}
	return nil
}

// Config reads the files and returns the configuration for a client: TLS 1.2 or
// later, or what MinVersion says, and verification on unless InsecureSkipVerify is
// set. host is what the certificate is checked against where ServerName is empty.
func (t TLS) Config(host string) (*tls.Config, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion:         versions[t.MinVersion],
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	var err error
	if t.CAFile != "" {
		if c.RootCAs, err = authorities("ca_file", t.CAFile); err != nil {
			return nil, err
		}
	}
	if t.CertFile != "" {
		if c.Certificates, err = certificate(t.CertFile, t.KeyFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// refusals are the alerts by which a server says that it does not take our
// certificate (RFC 8446, section 6).
var refusals = [...]tls.AlertError{
	42,  // bad_certificate
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	49,  // access_denied
	116, // certificate_required
}

// As returns err, with its words unchanged, as an error that is also target: a
// driver's way to report ErrRejected under the name of its own vocabulary.
func As(target, err error) error { return &alias{target, err} }

type alias struct{ target, err error }

func (a *alias) Error() string   { return a.err.Error() }
func (a *alias) Unwrap() []error { return []error{a.err, a.target} }

// Classify adds ErrRejected, and what to do, to an error by which TLS fails for good:
// the server refused our certificate, or we refuse the server's, or it speaks no TLS.
// It returns every other error as it is, that of a certificate which has expired too:
// somebody will renew it, and no setting of ours would help.
func Classify(err error) error {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
	)
	advice := ""
	switch {
	case errors.Is(err, ErrRejected):
		return err
	case errors.As(err, &authority):
		advice = "the server's certificate is signed by an authority we do not trust: set tls.ca_file"
	case errors.As(err, &name):
		advice = "the server's certificate is for another host: set tls.server_name or use that host"
	case errors.As(err, &invalid) && invalid.Reason != x509.Expired:
		advice = "the server's certificate is not valid"
	case errors.As(err, &plain):
		advice = "this port of the server does not speak TLS: leave tls out or use the TLS port"
	}
	if advice != "" {
		return fmt.Errorf("%w: %s: %w", ErrRejected, advice, err)
	}
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return err
	}
	// crypto/tls hands out a received alert as a type of its own that is not
	// exported; its text is the same.
	for _, a := range refusals {
		if remote.Err.Error() == a.Error() {
			return fmt.Errorf("%w: the server does not accept the client certificate: %w", ErrRejected, err)
		}
	}
	return err
}
