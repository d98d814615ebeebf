// Package mqttconn connects to MQTT 3.1.1 brokers with paho: URL, TLS and
// credentials from a Config, a buffered connection under the client, errors
// that tell a refusal from an outage, and a Keeper that reconnects for ever.
//
// One paho client lives exactly as long as one network connection; reconnecting
// makes a new one. That way a message, an acknowledgement or a token can never
// be taken for one of another connection.
package mqttconn

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/quell-stream/quell/conn"
)

// Config says which broker to connect to, and as whom. It is safe to log: the
// password is never printed.
type Config struct {
	// URL is mqtt://host[:1883] or mqtts://host[:8883]; tcp:// and ssl:// mean
	// the same. ws://host[:80]/path and wss://host[:443]/path speak MQTT in
	// WebSocket frames. Credentials in it count where Username and Password are
	// empty.
	URL string
	// ClientID names the session at the broker. Two connections with one client
	// id throw each other out, so each source and sink needs its own (see
	// WithClient). Empty: the broker makes one up, which works for clean sessions
	// only.
	ClientID string
	Username string
	Password string
	TLS      conn.TLS // for mqtts and wss
	// KeepAlive is the longest silence on the connection before a ping; default
	// 30 s. A broker that does not answer within 10 s counts as gone.
	KeepAlive time.Duration
	// ConnectTimeout bounds dialling and the handshakes; default 10 s.
	ConnectTimeout time.Duration
	// WriteTimeout is how long the broker may refuse to take bytes before the
	// connection counts as lost; default 10 s.
	WriteTimeout time.Duration
}

// PingTimeout is how long the broker may take to answer a ping.
const PingTimeout = 10 * time.Second

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.KeepAlive, 30*time.Second)
	def(&c.ConnectTimeout, 10*time.Second)
	def(&c.WriteTimeout, 10*time.Second)
	return c
}

// WithClient returns the configuration with suffix added to the client id,
// "-" between them. An empty client id stays empty.
func (c Config) WithClient(suffix string) Config {
	if c.ClientID != "" && suffix != "" {
		c.ClientID += "-" + suffix
	}
	return c
}

// Validate reports settings that can't work. It reads no file and opens no
// connection.
func (c Config) Validate() error {
	a, err := c.address()
	if err != nil {
		return err
	}
	switch {
	case !a.secure && !c.TLS.IsZero():
		safe := "mqtts"
		if a.web {
			safe = "wss"
		}
		return fmt.Errorf("mqtt: tls is configured but %s is not encrypted: write %s:// instead of %s://", a, safe, a.scheme)
	case a.password != "" && a.username == "":
		return errors.New("mqtt: a password is set but no username: MQTT 3.1.1 sends none without the other")
	case c.KeepAlive < 0 || c.ConnectTimeout < 0 || c.WriteTimeout < 0:
		return errors.New("mqtt: a timeout is negative")
	case c.KeepAlive != 0 && (c.KeepAlive < time.Second || c.KeepAlive > 65535*time.Second):
		return fmt.Errorf("mqtt: keep-alive is %s, want 1s to 65535s", c.KeepAlive)
	case len(c.ClientID) > 65535 || len(a.username) > 65535 || len(a.password) > 65535:
		return errors.New("mqtt: client id, username or password is longer than 65535 bytes")
	}
	return c.TLS.Validate()
}

// Broker returns the broker's address as people write it, without credentials.
func (c Config) Broker() string {
	a, err := c.address()
	if err != nil {
		return "(no valid url)"
	}
	return a.String()
}

// Target returns host and port that the URL stands for, with the default port of
// its scheme, and whether TLS secures the connection. Its error is that of
// Validate for the URL.
func (c Config) Target() (host, port string, secure bool, err error) {
	a, err := c.address()
	return a.host, a.port, a.secure, err
}

// String describes the configuration without the password.
func (c Config) String() string {
	a, err := c.address()
	if err != nil {
		return "mqtt (" + err.Error() + ")"
	}
	s := fmt.Sprintf("%s client %q", a, c.ClientID)
	if a.username != "" {
		s += fmt.Sprintf(" user %q", a.username)
	}
	return s
}

// GoString is String, so that no verb of fmt prints the password.
func (c Config) GoString() string { return c.String() }

// LogValue is String for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// address is a broker URL taken apart.
type address struct {
	scheme             string
	secure             bool
	web                bool // in WebSocket frames
	host, port         string
	path               string // of the WebSocket, as written
	username, password string
}

func (a address) dial() string   { return net.JoinHostPort(a.host, a.port) }
func (a address) String() string { return a.scheme + "://" + a.dial() + a.path }

// address parses the URL. Its errors never quote it, because it may hold a
// password.
func (c Config) address() (address, error) {
	if c.URL == "" {
		return address{}, errors.New("mqtt: url is missing: write mqtt://HOST:1883 or mqtts://HOST:8883")
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return address{}, fmt.Errorf("mqtt: url can't be read: %w", err)
	}
	a := address{scheme: u.Scheme, host: u.Hostname(), port: u.Port(), username: c.Username, password: c.Password}
	switch u.Scheme {
	case "mqtt", "tcp":
		a.setPort("1883")
	case "mqtts", "ssl", "tls":
		a.secure = true
		a.setPort("8883")
	case "ws":
		a.web, a.path = true, u.EscapedPath()
		a.setPort("80")
	case "wss":
		a.secure, a.web, a.path = true, true, u.EscapedPath()
		a.setPort("443")
	default:
		return address{}, fmt.Errorf("mqtt: url has the scheme %q: write mqtt://, mqtts://, ws:// or wss://", u.Scheme)
	}
	if a.host == "" {
		return address{}, errors.New("mqtt: url names no host")
	}
	if !a.web && u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return address{}, errors.New("mqtt: url has something behind host and port: remove it")
	}
	if u.User != nil && a.username == "" && a.password == "" {
		a.username = u.User.Username()
		a.password, _ = u.User.Password() // absent is empty
	}
	return a, nil
}

func (a *address) setPort(def string) {
	if a.port == "" {
		a.port = def
	}
}
