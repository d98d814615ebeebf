package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/quell-stream/quell/sink/alertmanager"
)

func (d *document) checkWebhook(s *Sink, at string) {
	d.oneSecret(at, "secret", false)
	if p := at + ".tls.insecure_skip_verify"; s.TLS != nil && s.TLS.InsecureSkipVerify {
		d.failf(p, "is not for webhooks: give the authority as ca_file")
	} else {
		d.checkTLS(join(at, "tls"), s.TLS)
	}
	d.aboveZero(join(at, "timeout"), s.Timeout)
	d.missing(at, "url", "where to post, such as https://host/path")
	d.checkURL(join(at, "url"), s.URL, "https://HOST/PATH", "")
}

func (d *document) checkAlertmanager(s *Sink, at string) {
	d.checkTLS(join(at, "tls"), s.TLS)
	for _, t := range []struct {
		key string
		v   Duration
	}{{"timeout", s.Timeout}, {"resend", s.Resend}, {"resolve_timeout", s.ResolveTimeout}} {
		d.aboveZero(join(at, t.key), t.v)
	}
	p := join(at, "resolve_timeout")
	if !d.has(p) {
		p = join(at, "resend")
	}
	if s.ResolveTimeout <= s.Resend && d.has(p) {
		d.failf(p, "must leave resolve_timeout (%s) longer than resend (%s): an open alert would count as over", s.ResolveTimeout, s.Resend)
	}
	if p := join(at, "emit"); s.Emit == "records" && d.has(p) {
		d.failf(p, "must be events: Alertmanager takes no records")
	}
	d.checkProof(s, at)
	d.checkMembers(s, at)
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if msg := alertmanager.CheckLabel(name); msg != "" {
			d.failf(join(join(at, "labels"), name), "%s", msg)
		}
	}
}

// checkProof checks what says who sends: nothing, a password or a token.
func (d *document) checkProof(s *Sink, at string) {
	d.oneSecret(at, "password", false)
	d.oneSecret(at, "token", false)
	password, token := "", ""
	for _, suffix := range []string{"", "_file"} {
		if d.has(join(at, "password"+suffix)) {
			password = join(at, "password"+suffix)
		}
		if d.has(join(at, "token"+suffix)) {
			token = join(at, "token"+suffix)
		}
	}
	switch {
	case token != "" && (password != "" || d.has(join(at, "username"))):
		d.failf(token, "is given beside a user name or password: remove one of them")
	case password != "":
		d.missing(at, "username", "who the password is of")
	case d.has(join(at, "username")):
		d.oneSecret(at, "password", true)
	}
}

// checkMembers checks the addresses of a cluster, and makes one of url a list of
// one.
func (d *document) checkMembers(s *Sink, at string) {
	const example = "http://HOST:9093"
	one, all := join(at, "url"), join(at, "urls")
	secret := d.has(join(at, "password")) || d.has(join(at, "password_file")) || d.has(join(at, "token")) || d.has(join(at, "token_file"))
	inClear := "alerts travel in the clear: use https"
	if secret {
		inClear = "alerts travel in the clear, and so does what says who sends them: use https"
	}
	switch {
	case d.has(one) && d.has(all):
		d.failf(all, "is given beside url: put all addresses into urls")
	case d.has(all) && len(s.URLs) == 0:
		d.failf(all, "is empty: name the members of the cluster, such as [%s]", example)
	case d.has(all):
		for i, u := range s.URLs {
			d.checkURL(element(all, i), u, example, inClear)
		}
	default:
		d.missing(at, "url", "where Alertmanager listens, such as "+example)
		d.checkURL(one, s.URL, example, inClear)
	}
}

// checkURL checks an address that is posted to. inClear is what to say of one that is
// not encrypted, "" for what is said of events.
func (d *document) checkURL(p, text, example, inClear string) {
	if !d.ok(p) || !d.has(p) {
		return
	}
	if inClear == "" {
		inClear = "events travel in the clear: use https"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || !validHost(u.Hostname()) || u.Port() != "" && !validPort(u.Port()):
		d.failf(p, "must look like %s", example)
	case u.Scheme != "http" && u.Scheme != "https":
		d.failf(p, "has the scheme %q%s", u.Scheme, suggest(u.Scheme, []string{"https", "http"}, true))
	case u.User != nil:
		d.failf(p, "must not hold a user name or password")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.warnf(p, "%s", inClear)
	}
}

func (d *document) aboveZero(p string, v Duration) {
	if d.has(p) && v <= 0 {
		d.failf(p, "must be above 0")
	}
}

// checkLinks checks the templates of addresses.
func (d *document) checkLinks(l *Links) {
	const at = "links.dashboard"
	if !d.has(at) || !d.ok(at) {
		return
	}
	plain := strings.NewReplacer("{stream}", "x", "{series}", "x", "{kind}", "x", "{ms}", "1").Replace(l.Dashboard)
	if strings.ContainsAny(plain, "{}") {
		d.failf(at, "may hold the placeholders {stream}, {series}, {kind} and {ms} only")
		return
	}
	if u, err := url.Parse(plain); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		d.failf(at, "must look like https://HOST/?stream={stream}&series={series}")
	}
}
