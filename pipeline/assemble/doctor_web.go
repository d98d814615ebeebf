package assemble

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/quell-stream/quell/pipeline/config"
)

// web asks the other end of a webhook for its head: nothing is posted.
func (d *doctor) web(ctx context.Context, subject string, s *config.Sink, address string) {
	u, err := url.Parse(address)
	if err != nil {
		d.result(subject, "settings", errors.New("the url can't be read"), "write https://HOST/PATH", "")
		return
	}
	var secure *tls.Config
	port := "80"
	if u.Scheme == "https" {
		port = "443"
		t := s.TLS
		if t == nil {
			t = &config.TLS{}
		}
		c, err := d.b.tlsOf(t)
		if err == nil {
			secure, err = c.Config(u.Hostname())
		}
		if err != nil {
			d.result(subject, "tls", err, "mend the file that it names", "")
			return
		}
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if !d.reach(ctx, subject, net.JoinHostPort(u.Hostname(), port), secure) {
		return
	}
	transport := &http.Transport{TLSClientConfig: secure, DisableKeepAlives: true}
	asking, cancel := d.step(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(asking, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		d.result(subject, "http", errors.New("the url can't be asked"), "write https://HOST/PATH", "")
		return
	}
	sent := time.Now()
	resp, err := transport.RoundTrip(req)
	if !d.result(subject, "http", err, "is it HTTP that listens there?", "it speaks HTTP") {
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // a HEAD has none
	d.skew(subject, resp.Header.Get("Date"), sent, time.Now())
}

// largestSkew is how far two clocks may be apart: HTTP tells whole seconds.
const largestSkew = 2 * time.Second

func (d *doctor) skew(subject, date string, sent, got time.Time) {
	t, err := http.ParseTime(date)
	if err != nil {
		return // it tells none
	}
	off := time.Duration(0)
	switch end := t.Add(time.Second); { // of the second that it tells
	case end.Before(sent):
		off = end.Sub(sent)
	case t.After(got):
		off = t.Sub(got)
	}
	if off.Abs() > largestSkew {
		d.say(subject, "clock", FindingWarn, "have both machines set their clocks by NTP", "its clock is %s from ours", off.Round(time.Second))
		return
	}
	d.say(subject, "clock", FindingOK, "", "its clock agrees with ours")
}

// http looks whether the address of the server is free.
func (d *doctor) http(h *config.HTTP) {
	if h.Listen == "" {
		return
	}
	if _, err := HTTP(h, d.b.opt.Log); err != nil {
		d.result("http", "settings", err, "mend the file that it names", "")
		return
	}
	ln, err := net.Listen("tcp", h.Listen)
	if err == nil {
		err = ln.Close()
	}
	if err != nil && d.running() {
		d.say("http", "listen", FindingOK, "", "%s is in use, as it should be while an instance runs", h.Listen)
		return
	}
	d.result("http", "listen", err, "choose another http.listen, or end what has the port", h.Listen+" is free")
}
