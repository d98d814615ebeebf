package kafkaconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// ErrClosed is what dialling says after Client.Close.
var ErrClosed = errors.New("kafka: the client is closed")

// Client opens connections to one cluster and can end them all. Its methods are
// safe for concurrent use.
type Client struct {
	cfg       Config
	mechanism sasl.Mechanism
	transport *kafka.Transport
	addr      net.Addr
	brokers   []string
	cancel    context.CancelFunc

	mu     sync.Mutex
	conns  map[*guarded]struct{}
	closed bool
}

// New returns a client that knows of the named topics only: metadata of others
// is never asked for. Without topics it knows them all. Nothing is dialled yet.
func New(c Config, topics ...string) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	if c.ClientID == "" {
		c.ClientID = "quell"
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 10 * time.Second
	}
	m, err := c.SASL.mechanism()
	if err != nil {
		return nil, fmt.Errorf("kafka: sasl: user name or password: %w", err)
	}
	k := &Client{cfg: c, mechanism: m, conns: make(map[*guarded]struct{})}
	for _, b := range c.Brokers {
		a, err := address(b)
		if err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		k.brokers = append(k.brokers, a)
	}
	k.addr = kafka.TCP(k.brokers...)
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	// TLS is made by Dial, for both ways of connecting alike.
	k.transport = &kafka.Transport{
		Dial:           k.Dial,
		DialTimeout:    c.DialTimeout,
		MetadataTTL:    c.LayoutAge,
		MetadataTopics: topics,
		ClientID:       c.ClientID,
		SASL:           m,
		Context:        ctx,
	}
	return k, nil
}

// Brokers returns the configured addresses, each with its port.
func (k *Client) Brokers() []string { return k.brokers }

// Dial opens a connection to a broker, TLS included, and remembers it.
func (k *Client) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.DialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	g := &guarded{Conn: raw, owner: k, limit: k.cfg.DialTimeout}
	if !k.remember(g) {
		return nil, errors.Join(ErrClosed, raw.Close())
	}
	if k.cfg.TLS != nil {
		c := k.cfg.TLS
		if c.ServerName == "" && !c.InsecureSkipVerify {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, errors.Join(err, g.Close())
			}
			c = c.Clone()
			c.ServerName = host
		}
		secure := tls.Client(raw, c)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("TLS with %s: %w", addr, err), g.Close())
		}
		g.set(secure)
	}
	// What follows until the first deadline of its own (version and SASL
	// negotiation) must not hang either.
	if err := g.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Dialer returns a dialer for connections that are used one by one. A dial
// function may be put in its DialFunc that wraps Dial.
func (k *Client) Dialer() *kafka.Dialer {
	return &kafka.Dialer{ClientID: k.cfg.ClientID, Timeout: k.cfg.DialTimeout, DialFunc: k.Dial, SASLMechanism: k.mechanism}
}

// Requests returns a client for requests to the cluster, each of which takes at
// most timeout.
func (k *Client) Requests(timeout time.Duration) *kafka.Client {
	return &kafka.Client{Addr: k.addr, Transport: k.transport, Timeout: timeout}
}

// Refresh forgets the layout of the cluster, so that the next request learns it
// anew. By itself it is asked for once per Config.LayoutAge.
func (k *Client) Refresh() { k.transport.CloseIdleConnections() }

// Close ends every connection; requests under way fail, and so does everything
// dialled later.
func (k *Client) Close() {
	k.mu.Lock()
	k.closed = true
	conns := k.conns
	k.conns = make(map[*guarded]struct{})
	k.mu.Unlock()
	k.cancel()
	k.transport.CloseIdleConnections()
	for c := range conns {
		// The connection is given up: how it ends no longer matters.
		c.abort()
	}
}

func (k *Client) remember(g *guarded) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	k.conns[g] = struct{}{}
	return true
}

func (k *Client) forget(g *guarded) {
	k.mu.Lock()
	delete(k.conns, g)
	k.mu.Unlock()
}

// Check connects to the configured brokers, authentication included, until one
// takes us. It returns nil then, else why each of them didn't, classified.
func (k *Client) Check(ctx context.Context) error {
	var errs []error
	d := k.Dialer()
	for _, b := range k.brokers {
		c, err := d.DialContext(ctx, "tcp", b)
		if err == nil {
			// Without SASL the dial alone has not spoken Kafka yet.
			if err = c.SetDeadline(time.Now().Add(k.cfg.DialTimeout)); err == nil {
				_, err = c.ApiVersions()
			}
			if err = errors.Join(err, c.Close()); err == nil {
				return nil
			}
		}
		errs = append(errs, fmt.Errorf("kafka: broker %s: %w", b, Classify(err)))
	}
	return errors.Join(errs...)
}

// Explain looks for a refusal behind an error of a request made through
// Requests, and returns it, else the error classified. The pooled connections of
// the library report a broker that hangs up on wrong credentials, as some do,
// like any other broken connection.
func (k *Client) Explain(ctx context.Context, err error) error {
	err = unnamed(err)
	hungUp := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if !hungUp || k.mechanism == nil && k.cfg.TLS == nil {
		return Classify(err)
	}
	if probe := k.Check(ctx); Rejected(probe) {
		return probe
	}
	return err
}

// unnamed takes the name of the library's call, such as kafka.(*Client).Metadata, off an
// error: it tells people nothing.
func unnamed(err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), "kafka.(*Client).") {
		return err
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
