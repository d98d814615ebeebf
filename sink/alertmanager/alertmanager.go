package alertmanager

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quell-stream/quell/sink"
)

// Sink sends alerts. Its methods are called by one goroutine, as those of every
// sink; another one of its own sends open alerts again, from Open to Close.
type Sink struct {
	cfg     Config
	members []*member
	again   context.CancelFunc
	wg      sync.WaitGroup
	closed  bool

	mu     sync.Mutex // guards what follows
	alerts map[string]*alert
	dirty  bool  // alerts are not as the state file has them
	down   error // of the latest request, as long as no member took it
}

// member is one Alertmanager of a cluster.
type member struct {
	url, name string   // name is the URL without its secrets
	hidden    []string // those, as a server may say them back
	client    *http.Client
	trans     *http.Transport
	down      bool // told so; guarded by Sink.mu
}

// New returns a sink that is not yet open. Zero fields of cfg take their defaults.
func New(cfg Config) *Sink { return &Sink{cfg: cfg.defaults(), alerts: map[string]*alert{}} }

// Open checks the configuration, reads the alerts that were open, and begins to
// send them again. It does not connect.
func (s *Sink) Open(ctx context.Context) error {
	if err := s.cfg.Validate(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("alertmanager: open: %w", err)
	}
	if err := s.load(); err != nil {
		return err
	}
	for _, text := range s.cfg.URLs {
		m, err := s.member(text)
		if err != nil {
			return err
		}
		s.members = append(s.members, m)
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.again = cancel
	left := len(s.alerts) > 0
	s.wg.Go(func() { s.resend(own, left) })
	return nil
}

func (s *Sink) member(text string) (*member, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("alertmanager: url can't be parsed")
	}
	tc := &tls.Config{}
	if s.cfg.TLS != nil {
		if tc, err = s.cfg.TLS(u.Hostname()); err != nil {
			return nil, fmt.Errorf("alertmanager: %w", err)
		}
	}
	tc.MinVersion = max(tc.MinVersion, tls.VersionTLS12)
	m := &member{url: endpoint(text), name: u.Scheme + "://" + u.Host}
	m.hidden = append(sink.URLSecrets(u), s.cfg.Token)
	if s.cfg.Username != "" {
		m.hidden = append(m.hidden, sink.BasicSecrets(s.cfg.Username, s.cfg.Password)...)
	}
	m.trans = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: tc, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: s.cfg.Timeout, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 1}
	m.client = &http.Client{Transport: m.trans, Timeout: s.cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return m, nil
}

// Write takes the alerts' events of items and returns nil once one member of the
// cluster has all that they changed. Where each member refuses them with a status
// of 4xx, the error is permanent; else, 408, 429 and 5xx among it, it can be tried
// again. With no items it asks whether a member is there.
func (s *Sink) Write(ctx context.Context, items []sink.Item) error {
	if s.closed || s.again == nil {
		return fmt.Errorf("alertmanager: write: %w", fs.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("alertmanager: write: %w", err)
	}
	if len(items) == 0 {
		return s.post(ctx, []byte("[]"))
	}
	ids, err := s.take(items)
	if err != nil {
		return err
	}
	return s.send(ctx, ids)
}

// take applies items, keeps what they changed and returns the alerts that they are
// of. They are sent even where nothing changed: an earlier Write may have failed
// after it did.
func (s *Sink) take(items []sink.Item) (ids []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for i := range items {
		e := items[i].Event
		if e == nil {
			continue
		}
		if id, phase := e.Alert(); phase != sink.NoAlert {
			s.dirty = s.apply(e) || s.dirty
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, s.save()
}

// resend sends what is open, and for a while what was resolved, again and again; at
// once where an earlier process left something.
func (s *Sink) resend(ctx context.Context, now bool) {
	tick := time.NewTicker(s.cfg.Resend)
	defer tick.Stop()
	for ; ; now = false {
		if !now {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		s.mu.Lock()
		s.settle(s.cfg.Now())
		ids := slices.Sorted(maps.Keys(s.alerts))
		err := s.save() // where it could not be, it is tried again
		s.mu.Unlock()
		if err != nil {
			s.cfg.Log.Warn("open alerts are unknown after a restart", "err", err)
		}
		was, _ := s.Status()
		if err := s.send(ctx, ids); err != nil && was && ctx.Err() == nil {
			s.cfg.Log.Warn("open alerts can't be sent again", "err", err)
		}
	}
}

// mostPosted bounds the alerts of one request.
const mostPosted = 500

func (s *Sink) send(ctx context.Context, ids []string) error {
	for part := range slices.Chunk(ids, mostPosted) {
		s.mu.Lock()
		body, err := s.body(part, s.cfg.Now())
		s.mu.Unlock()
		if err != nil {
			return fmt.Errorf("alertmanager: %w", err)
		}
		if body == nil {
			continue
		}
		if err := s.post(ctx, body); err != nil {
			return err
		}
	}
	return nil
}

// post sends a body to all members at once and returns nil if one took it.
func (s *Sink) post(ctx context.Context, body []byte) error {
	errs := make([]error, len(s.members))
	var wg sync.WaitGroup
	for i, m := range s.members {
		wg.Go(func() { errs[i] = s.postTo(ctx, m, body) })
	}
	wg.Wait()
	taken := false
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, err := range errs {
		m := s.members[i]
		if err != nil && !m.down && len(errs) > 1 && ctx.Err() == nil {
			s.cfg.Log.Warn("a member of the cluster does not take alerts", "err", err)
		}
		m.down = err != nil
		taken = taken || err == nil
	}
	if taken {
		s.down = nil
		return nil
	}
	err := verdict(errs)
	if ctx.Err() == nil {
		s.down = err
	}
	return err
}

// verdict makes one error of those of all members. It is permanent where all are,
// and asks for the wait that the first of them does who is willing then.
func verdict(errs []error) error {
	permanent, after := true, time.Duration(math.MaxInt64)
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
		permanent = permanent && errors.Is(err, sink.ErrPermanent)
		var r *sink.RetryError
		if errors.As(err, &r) {
			after = min(after, r.After)
		} else if !errors.Is(err, sink.ErrPermanent) {
			after = 0 // it may be back at any time
		}
	}
	err := errors.New(strings.Join(texts, "; "))
	switch {
	case permanent:
		return errors.Join(errs...)
	case after > 0:
		return &sink.RetryError{After: after, Err: err}
	}
	return err
}

// Status says whether the latest request was taken. It is safe for concurrent use.
func (s *Sink) Status() (up bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down == nil, s.down
}

func (s *Sink) postTo(ctx context.Context, m *member, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("alertmanager: post to %s: %w", m.name, sink.WithoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.cfg.UserAgent)
	switch {
	case s.cfg.Token != "":
		req.Header.Set("Authorization", "Bearer "+s.cfg.Token)
	case s.cfg.Username != "":
		req.SetBasicAuth(s.cfg.Username, s.cfg.Password)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return fmt.Errorf("alertmanager: post to %s: %w", m.name, sink.WithoutURL(err))
	}
	// Reading the answer to its end lets the connection be used again; the status
	// alone decides.
	said, readErr := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	closeErr := resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("alertmanager: post to %s: status %s%s", m.name, resp.Status, sink.QuoteAnswer(said, m.hidden...))
	if c := errors.Join(readErr, closeErr); c != nil && len(said) == 0 {
		err = fmt.Errorf("%w (%w)", err, sink.WithoutURL(c))
	}
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500, code < 300:
		return sink.RetryAfter(err, resp.Header.Get("Retry-After"), s.cfg.Now())
	case code < 400:
		return fmt.Errorf("%w: redirects are not followed, put the final address in url: %w", err, sink.ErrPermanent)
	}
	return fmt.Errorf("%w: %w", err, sink.ErrPermanent)
}

// Close stops sending. Open alerts stay open until they time out or the next
// process, which knows them by the state file, takes over. It may be called more
// than once.
func (s *Sink) Close(context.Context) error {
	s.closed = true
	if s.again != nil {
		s.again()
	}
	s.wg.Wait()
	for _, m := range s.members {
		m.trans.CloseIdleConnections()
	}
	return nil
}
