// Package webhook posts events, one request each, to an HTTP endpoint.
//
// The body is the event's JSON. The header Idempotency-Key is the event's ID, so
// that a receiver may drop what comes twice. With a secret, the header
// X-Quell-Timestamp is the time of sending in seconds since 1970, and two more
// begin with "sha256=": X-Quell-Signature goes on with the HMAC-SHA256 of the body
// in hex, X-Quell-Signature-V2 with that of the timestamp, a dot and the body. A
// receiver checks the latter with VerifyAt or its like, which refuses what somebody
// kept and sends again.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/quell-stream/quell/sink"
)

// The headers of the time of sending, and of the signatures without it and with it.
const (
	TimestampHeader   = "X-Quell-Timestamp"
	SignatureHeader   = "X-Quell-Signature"
	SignatureV2Header = "X-Quell-Signature-V2"
)

// DefaultTimeout bounds a request unless configured.
const DefaultTimeout = 10 * time.Second

// Config says where and how to post.
type Config struct {
	// URL is the endpoint, http or https.
	URL string
	// Secret keys the signature. Empty: requests are not signed.
	Secret []byte
	// Timeout bounds one request, from connecting to the end of the answer.
	// Default: DefaultTimeout.
	Timeout time.Duration
	// TLS holds root certificates and the like. Default: the system's. The
	// endpoint's certificate is always verified.
	TLS *tls.Config
	// UserAgent is the header of that name. Default: quell.
	UserAgent string
	// Now is the clock of the timestamp. Default: time.Now.
	Now func() time.Time
}

// Validate reports the first field that can't be used. The error never shows
// what a URL may hold in secret: user, password, path, query.
func (c *Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "":
		return errors.New("webhook: url must look like https://host/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("webhook: url has the scheme %q, it must be http or https", u.Scheme)
	case c.Timeout < 0:
		return errors.New("webhook: timeout must not be negative")
	case c.TLS != nil && c.TLS.InsecureSkipVerify:
		return errors.New("webhook: certificates are always verified: give the CA instead")
	}
	return nil
}

// Sink posts events. It is not safe for concurrent use.
type Sink struct {
	cfg    Config
	name   string   // the URL without its secrets
	hidden []string // those, as a server may say them back
	client *http.Client
	trans  *http.Transport
	closed bool

	// settled holds what became of the items of a Write that failed half-way:
	// nil for taken, else the permanent refusal. The next Write passes over them.
	settled map[string]error
}

// New returns a sink that is not yet open.
func New(cfg Config) *Sink {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "quell"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Sink{cfg: cfg, settled: map[string]error{}}
}

// Open checks the configuration. It does not connect.
func (s *Sink) Open(ctx context.Context) error {
	if err := s.cfg.Validate(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("webhook: open: %w", err)
	}
	u, err := url.Parse(s.cfg.URL)
	if err != nil {
		return errors.New("webhook: url can't be parsed")
	}
	// The path is left out as well: with many services it is what they know us by.
	s.name = u.Scheme + "://" + u.Host
	s.hidden = append(sink.URLSecrets(u), string(s.cfg.Secret))
	tc := s.cfg.TLS.Clone()
	if tc == nil {
		tc = &tls.Config{}
	}
	tc.MinVersion = max(tc.MinVersion, tls.VersionTLS12)
	s.trans = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tc, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: s.cfg.Timeout, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 1,
	}
	s.client = &http.Client{
		Transport: s.trans, Timeout: s.cfg.Timeout,
		// A redirect would send the body, and what it is signed with, to someone
		// the user did not name.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// Write posts the items in order and returns nil once the endpoint answered
// each with a status of 2xx. A refusal that concerns one item (400, 413, 422,
// …) does not hold up those behind it and is reported at the end, a sink.PartlyError;
// one that concerns all of them (401, 403, 404, a redirect) ends the write.
// Anything else, 408, 429 and 5xx among it, can be tried again, which passes
// over the items that are settled. With no items it asks for a connection and
// posts nothing, and behind a proxy it believes what it can't see.
func (s *Sink) Write(ctx context.Context, items []sink.Item) error {
	if s.closed || s.client == nil {
		return fmt.Errorf("webhook: write: %w", fs.ErrClosed)
	}
	if len(items) == 0 {
		return s.knock(ctx)
	}
	var refused error
	n := 0
	for i := range items {
		key := items[i].Key()
		err, done := s.settled[key]
		if !done {
			err = s.post(ctx, key, items[i].JSON)
			if err != nil && !errors.Is(err, sink.ErrPermanent) || errors.Is(err, sink.ErrAll) {
				return err
			}
			s.settled[key] = err
		}
		if err != nil {
			n++
			if refused == nil {
				refused = err
			}
		}
	}
	clear(s.settled)
	if n > 0 {
		return &sink.PartlyError{Refused: n, Err: refused}
	}
	return nil
}

// knock says whether somebody listens at the URL.
func (s *Sink) knock(ctx context.Context) error {
	u, err := url.Parse(s.cfg.URL)
	if err != nil {
		return errors.New("webhook: url can't be parsed")
	}
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && proxy != nil {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // net knows both by name
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("webhook: connect to %s: %w", s.name, err)
	}
	if err := c.Close(); err != nil {
		return fmt.Errorf("webhook: connect to %s: %w", s.name, err)
	}
	return nil
}

func (s *Sink) post(ctx context.Context, key string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: post to %s: %w", s.name, sink.WithoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.cfg.UserAgent)
	req.Header.Set("Idempotency-Key", headerValue(key))
	if len(s.cfg.Secret) > 0 {
		at := s.cfg.Now().Unix()
		req.Header.Set(TimestampHeader, strconv.FormatInt(at, 10))
		req.Header.Set(SignatureHeader, Sign(s.cfg.Secret, body))
		req.Header.Set(SignatureV2Header, SignAt(s.cfg.Secret, body, at))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: post to %s: %w", s.name, sink.WithoutURL(err))
	}
	// Reading the answer to its end lets the connection be used again. The
	// status alone decides, so an answer that breaks off changes nothing.
	said, readErr := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	closeErr := resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("webhook: post %s to %s: status %s%s", key, s.name, resp.Status, sink.QuoteAnswer(said, s.hidden...))
	if c := errors.Join(readErr, closeErr); c != nil && len(said) == 0 {
		err = fmt.Errorf("%w (%w)", err, sink.WithoutURL(c))
	}
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500, code < 300:
		return sink.RetryAfter(err, resp.Header.Get("Retry-After"), s.cfg.Now())
	case code < 400:
		return fmt.Errorf("%w: redirects are not followed, put the final address in url: %w", err, sink.ErrAll)
	case code == 401, code == 403, code == 404, code == 405, code == 407, code == 410:
		return fmt.Errorf("%w: %w", err, sink.ErrAll)
	}
	return fmt.Errorf("%w: %w", err, sink.ErrPermanent)
}

// headerValue returns key with all that a header can't carry percent-encoded.
func headerValue(key string) string {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] >= 0x7f {
			return strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
		}
	}
	return key
}

// Sign returns the value of SignatureHeader for a body.
func Sign(secret, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

// Verify says whether signature is that of the body, in constant time.
func Verify(secret, body []byte, signature string) bool {
	return hmac.Equal([]byte(Sign(secret, body)), []byte(signature))
}

// SignAt returns the value of SignatureV2Header for a body that is sent at a time
// in seconds since 1970.
func SignAt(secret, body []byte, at int64) string {
	return Sign(secret, append(append(strconv.AppendInt(nil, at, 10), '.'), body...))
}

// VerifyAt says whether signature, a SignatureV2Header, is that of the body and of
// timestamp, a TimestampHeader that lies no further than tolerance from now.
func VerifyAt(secret, body []byte, timestamp, signature string, now time.Time, tolerance time.Duration) bool {
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > tolerance {
		return false
	}
	return hmac.Equal([]byte(SignAt(secret, body, at)), []byte(signature))
}

// Close lets idle connections go. It may be called more than once.
func (s *Sink) Close(context.Context) error {
	s.closed = true
	if s.trans != nil {
		s.trans.CloseIdleConnections()
	}
	return nil
}
