package config

import (
	"net"
	"net/url"
	"reflect"
	"strings"
)

func (d *document) checkConnection(c *Connection) {
	at := join("connections", c.Name)
	d.checkName(at, c.Name)
	if !d.ok(at) {
		return
	}
	if d.missing(at, "type", "mqtt or kafka"); c.Type == "" {
		return
	}
	d.checkOnly(at, reflect.TypeFor[Connection](), c.Type, "connection")
	d.checkTLS(join(at, "tls"), c.TLS)
	if c.Type == MQTT {
		d.checkMQTT(c, at)
		return
	}
	d.needSomeBrokers(c, at)
	if c.SASL == nil {
		return
	}
	p := join(at, "sasl")
	d.missing(p, "mechanism", "plain, scram-sha-256 or scram-sha-512")
	d.missing(p, "username", "who to log in as")
	d.oneSecret(p, "password", true)
	if c.SASL.Mechanism == "plain" && c.TLS == nil && !d.has(join(at, "tls")) {
		d.warnf(p, "the password travels in the clear: add tls, or use scram-sha-512")
	}
}

func (d *document) checkMQTT(c *Connection, at string) {
	p := join(at, "url")
	if d.missing(at, "url", "such as mqtt://localhost:1883"); d.ok(p) {
		d.checkBrokerURL(c, at, p)
	}
	d.oneSecret(at, "password", false)
	if d.has(join(at, "password")) || d.has(join(at, "password_file")) {
		d.missing(at, "username", "MQTT knows no password without one")
	}
}

func (d *document) checkBrokerURL(c *Connection, at, p string) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Opaque != "" || u.Scheme == "" {
		d.failf(p, "must look like mqtt://HOST:1883 or mqtts://HOST:8883")
		return
	}
	schemes := []string{"mqtt", "mqtts", "ws", "wss"}
	secure := false
	switch u.Scheme {
	case "mqtt", "ws":
	case "mqtts", "wss":
		secure = true
	default:
		d.failf(p, "has the scheme %q%s", u.Scheme, suggest(u.Scheme, schemes, true))
		return
	}
	switch {
	case u.User != nil:
		d.failf(p, "must not hold a user name or password: give them as username and password")
	case !validHost(u.Hostname()) || u.Port() != "" && (!validPort(u.Port()) || u.Port() == "0") || strings.HasSuffix(u.Host, ":"):
		d.failf(p, "must name a host and a port, such as %s://HOST:1883", u.Scheme)
	case u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") && !strings.HasPrefix(u.Scheme, "ws"):
		d.failf(p, "must end after the port")
	case !secure && d.has(join(at, "tls")):
		d.failf(join(at, "tls"), "needs an encrypted url: write %ss:// there", u.Scheme)
	case !secure && !loopback(u.Hostname()) && (d.has(join(at, "password")) || d.has(join(at, "password_file"))):
		d.warnf(p, "the password travels in the clear: use %ss://", u.Scheme)
	}
	if secure && c.TLS == nil {
		c.TLS = &TLS{}
	}
}

func (d *document) needSomeBrokers(c *Connection, at string) {
	p := join(at, "brokers")
	if len(c.Brokers) == 0 {
		d.needSome(at, "brokers", "such as [host1:9092, host2:9092]")
	}
	for i, b := range c.Brokers {
		e := element(p, i)
		if !d.ok(e) {
			continue
		}
		host, port := b, "9092"
		if h, pt, err := net.SplitHostPort(b); err == nil {
			host, port = h, pt
		}
		switch {
		case strings.Contains(b, "://"):
			d.failf(e, "must be HOST:PORT without a scheme%s", d.got(e, b))
		case !validHost(host) || !validPort(port) || port == "0":
			d.failf(e, "must be HOST:PORT%s", d.got(e, b))
		default:
			c.Brokers[i] = net.JoinHostPort(host, port)
		}
	}
}

func (d *document) checkTLS(p string, t *TLS) {
	if t == nil {
		return
	}
	if d.has(join(p, "cert_file")) || d.has(join(p, "key_file")) {
		d.missing(p, "cert_file", "a client certificate needs both cert_file and key_file")
		d.missing(p, "key_file", "a client certificate needs both cert_file and key_file")
	}
	if t.InsecureSkipVerify {
		if d.has(join(p, "ca_file")) {
			d.failf(join(p, "insecure_skip_verify"), "contradicts ca_file: remove one of them")
			return
		}
		d.warnf(join(p, "insecure_skip_verify"), "anyone can be the other end of this connection")
	}
}
