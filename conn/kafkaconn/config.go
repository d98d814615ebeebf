// Package kafkaconn says how to reach a Kafka cluster: brokers, TLS, SASL, and
// which errors mean that the cluster refuses us.
//
// A Client is what a source, a sink or a check holds: its own connections,
// remembered so that Close ends every one of them, and the goroutines of the
// Kafka library with them.
package kafkaconn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config describes a cluster and our way into it.
type Config struct {
	// Brokers are the addresses asked first, "host:port" (port 9092 if it is
	// missing). One that answers is enough: the cluster names the others.
	Brokers []string
	// TLS secures the connections; nil: plain text. An empty ServerName stands
	// for the host of each broker.
	TLS *tls.Config
	// SASL authenticates; the zero value doesn't.
	SASL SASL
	// ClientID names us in the brokers' logs, metrics and quotas. Default: quell.
	ClientID string
	// DialTimeout bounds connecting to one broker, TLS and SASL included.
	// Default: 10 s.
	DialTimeout time.Duration
	// LayoutAge is how old our knowledge of the cluster's topics and leaders may
	// become. Default: 6 s.
	LayoutAge time.Duration
}

// SASL says who we are.
type SASL struct {
	Mechanism string // plain, scram-sha-256 or scram-sha-512; empty: no authentication
	Username  string
	Password  string
}

// mechanisms lists the names that SASL.Mechanism knows.
var mechanisms = []string{"plain", "scram-sha-256", "scram-sha-512"}

// String describes the SASL settings without the password.
func (s SASL) String() string {
	if s.Mechanism == "" {
		return "none"
	}
	return s.Mechanism + " as " + s.Username
}

// GoString is String: a password must not reach a log by way of %#v.
func (s SASL) GoString() string { return s.String() }

// defaultPort is what a broker's address without a port stands for.
const defaultPort = "9092"

// Validate reports everything that is wrong with the configuration. It reaches
// for no broker.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: at least one host:port is needed"))
	}
	for i, b := range c.Brokers {
		if _, err := address(b); err != nil {
			errs = append(errs, fmt.Errorf("brokers[%d]: %w", i, err))
		}
	}
	switch m := c.SASL.Mechanism; {
	case m == "" && (c.SASL.Username != "" || c.SASL.Password != ""):
		errs = append(errs, fmt.Errorf("sasl: a user is given but no mechanism: choose %s", strings.Join(mechanisms, ", ")))
	case m != "" && !slices.Contains(mechanisms, m):
		errs = append(errs, fmt.Errorf("sasl: mechanism %q is none of %s", m, strings.Join(mechanisms, ", ")))
	case m != "" && c.SASL.Username == "":
		errs = append(errs, errors.New("sasl: username is empty"))
	}
	if c.DialTimeout < 0 || c.LayoutAge < 0 {
		errs = append(errs, fmt.Errorf("dial timeout %v and layout age %v must not be negative", c.DialTimeout, c.LayoutAge))
	}
	return errors.Join(errs...)
}

// address checks a broker's address and completes its port.
func address(s string) (string, error) {
	if strings.Contains(s, "://") {
		return "", fmt.Errorf("%q is a URL: write host:port", s)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		var a *net.AddrError
		if !errors.As(err, &a) || a.Err != "missing port in address" {
			return "", fmt.Errorf("%q is not host:port", s)
		}
		host, port = strings.Trim(s, "[]"), defaultPort
	}
	if host == "" || port == "" || strings.ContainsAny(host, " ,/") {
		return "", fmt.Errorf("%q is not host:port", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("%q has no valid port", s)
	}
	return net.JoinHostPort(host, port), nil
}

// mechanism returns the library's form of the SASL settings, nil for none.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	default:
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
}
