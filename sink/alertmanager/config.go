// Package alertmanager hands alerts to Prometheus Alertmanager, API version 2:
// it opens one when a drift or an outage is told, sends it again until it is
// resolved, and resolves it.
//
// Of the events it takes those that belong to an alert (sink.Event.Alert);
// records and other events are passed over. An alert's labels are alertname
// (QuellDrift, QuellSource, QuellSink), stream, series or sink, severity as it
// was when the alert opened, and those configured: they stay the same for its
// life, which is what Alertmanager knows it by. Annotations are summary, why, kind
// and link.
package alertmanager

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The defaults.
const (
	DefaultTimeout        = 10 * time.Second
	DefaultResend         = time.Minute
	DefaultResolveTimeout = 5 * time.Minute
)

// Config says where and how to send.
type Config struct {
	// URLs are the addresses of the members of one cluster, http or https, such
	// as http://am:9093, to each of which every alert is sent; /api/v2/alerts is
	// added. One that takes it is enough: the others learn of it from that one,
	// and from what is sent again.
	URLs []string
	// Username and Password, or Token alone, say who sends.
	Username, Password, Token string
	// Labels are added to those of every alert.
	Labels map[string]string
	// Resend is the time after which an open alert is sent again. Default:
	// DefaultResend.
	Resend time.Duration
	// ResolveTimeout is how long an alert stays open that is not sent again, for
	// this process is gone. Default: DefaultResolveTimeout.
	ResolveTimeout time.Duration
	// Timeout bounds one request. Default: DefaultTimeout.
	Timeout time.Duration
	// TLS holds root certificates and the like, by host name. nil: the system's.
	TLS func(host string) (*tls.Config, error)
	// StateFile keeps the open alerts over a restart. "": they are forgotten, and
	// time out.
	StateFile string
	// Keep says whether the alerts of a stream, or of a sink of it, "" for none, still
	// come here. Open drops those of others that the StateFile has: they time out.
	// nil: all do.
	Keep func(stream, sink string) bool
	// UserAgent is the header of that name. Default: quell.
	UserAgent string
	// Log takes what goes wrong while alerts are sent again. Default: none.
	Log *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

func (c Config) defaults() Config {
	def := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	def(&c.Resend, DefaultResend)
	def(&c.ResolveTimeout, DefaultResolveTimeout)
	def(&c.Timeout, DefaultTimeout)
	if c.UserAgent == "" {
		c.UserAgent = "quell"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

var labelRule = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ownLabels are the names that an alert's own labels have.
var ownLabels = []string{"alertname", "severity", "stream", "series", "sink"}

// CheckLabel says what is wrong with the name of a label, "" if nothing is.
func CheckLabel(name string) string {
	switch {
	case !labelRule.MatchString(name):
		return "is no name of a label: use letters, digits and _, not beginning with a digit"
	case slices.Contains(ownLabels, name):
		return "is a label that every alert has already"
	}
	return ""
}

// Validate reports the first field that can't be used. The error never shows
// what a URL may hold in secret.
func (c *Config) Validate() error {
	if len(c.URLs) == 0 {
		return errors.New("alertmanager: no url is given")
	}
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "":
			return errors.New("alertmanager: url must look like http://host:9093")
		case u.Scheme != "http" && u.Scheme != "https":
			return fmt.Errorf("alertmanager: url has the scheme %q, it must be http or https", u.Scheme)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if msg := CheckLabel(name); msg != "" {
			return fmt.Errorf("alertmanager: label %q %s", name, msg)
		}
	}
	switch {
	case c.Token != "" && (c.Username != "" || c.Password != ""):
		return errors.New("alertmanager: a token and a password are given: remove one of them")
	case c.Timeout < 0 || c.Resend < 0 || c.ResolveTimeout < 0:
		return errors.New("alertmanager: times must not be negative")
	}
	if d := c.defaults(); d.ResolveTimeout <= d.Resend {
		return fmt.Errorf("alertmanager: an alert is sent again every %s, and would be taken for resolved after %s: the latter must be longer", d.Resend, d.ResolveTimeout)
	}
	return nil
}

// endpoint returns where a member of the cluster takes alerts.
func endpoint(text string) string { return strings.TrimRight(text, "/") + "/api/v2/alerts" }
