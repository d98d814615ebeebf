package mqttconn

import (
	"context"
	"errors"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/conn"
)

// Session says what a connection is for.
type Session struct {
	// Clean asks the broker to forget the session when the connection ends. A
	// persistent session (false) needs a fixed client id.
	Clean bool
	// OnMessage gets every message that arrives, in order, from one goroutine.
	// It may wait for a short time or for Client.Lost, but must not publish. Nil:
	// the connection only publishes. QoS 1 messages are acknowledged by
	// Client.Ack alone.
	OnMessage func(*Client, paho.Message)
}

// Client is one connection to a broker, from CONNACK to its end. It is safe for
// concurrent use.
type Client struct {
	paho.Client
	// SessionPresent says that the broker still knew the session, with its
	// subscriptions and unacknowledged messages.
	SessionPresent bool

	conn *bufConn
}

// Connect connects once. The error is classified, names the broker, and wraps
// the context's where that ended first.
func Connect(ctx context.Context, cfg Config, s Session) (*Client, error) {
	c := new(Client)
	cancel := func() bool { return true }
	o, err := options(ctx, cfg, s.OnMessage == nil, func(b *bufConn) {
		c.conn = b
		cancel = context.AfterFunc(ctx, b.abort) // while waiting for the CONNACK
	})
	if err != nil {
		return nil, err
	}
	if !s.Clean && cfg.ClientID == "" {
		return nil, errors.New("mqtt: a persistent session needs a client_id")
	}
	o.SetCleanSession(s.Clean).SetAutoAckDisabled(true)
	// Before connecting: the messages of a persistent session may come right
	// behind the CONNACK.
	if s.OnMessage != nil {
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { s.OnMessage(c, m) })
	}
	c.Client = paho.NewClient(o)
	token := c.Client.Connect().(*paho.ConnectToken)
	<-token.Done() // dialling and waiting both end with ctx
	fired := !cancel()
	if err := token.Error(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("mqtt: connect to %s: %w", cfg.Broker(), Classify(err))
	}
	if fired {
		c.Abort()
		return nil, fmt.Errorf("mqtt: connect to %s: %w", cfg.Broker(), ctx.Err())
	}
	c.SessionPresent = token.SessionPresent()
	return c, nil
}

// Lost is closed when the connection is of no more use, whoever ended it. It
// comes before paho notices, and also while a handler waits.
func (c *Client) Lost() <-chan struct{} { return c.conn.dead }

// LostReason says why the connection ended, nil while it has not.
func (c *Client) LostReason() error { return c.conn.lostReason() }

// Ack sends a PUBACK for each packet identifier, all in one write. It goes
// around paho, which takes four goroutine switches for each. An error means
// that the connection is lost: the broker will send the messages again.
func (c *Client) Ack(ids []uint16) error {
	const puback, length = 0x40, 2
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = append(b, puback, length, byte(id>>8), byte(id))
	}
	_, err := c.conn.Write(b)
	return err
}

// Subscribe subscribes to the filters with one quality of service, and returns
// those that the broker refuses, and those that it grants with a lower one. An
// error means that there was no answer. The filters must be different.
func (c *Client) Subscribe(ctx context.Context, filters []string, qos byte) (refused, weaker []string, err error) {
	want := make(map[string]byte, len(filters))
	for _, f := range filters {
		want[f] = qos
	}
	token := c.Client.SubscribeMultiple(want, nil).(*paho.SubscribeToken)
	if err := c.wait(ctx, token); err != nil {
		return nil, nil, fmt.Errorf("mqtt: subscribe: %w", err)
	}
	got := token.Result()
	for _, f := range filters {
		switch code, ok := got[f]; {
		case !ok || code&0x80 != 0:
			refused = append(refused, f)
		case code < qos:
			weaker = append(weaker, f)
		}
	}
	return refused, weaker, nil
}

// wait waits for a token without trusting paho to complete it.
func (c *Client) wait(ctx context.Context, t paho.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-c.Lost():
		return c.LostReason()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close says good-bye to the broker and closes the connection, as fast as ctx
// demands, within a second otherwise.
func (c *Client) Close(ctx context.Context) {
	quiesce := time.Second
	if d, ok := ctx.Deadline(); ok {
		quiesce = min(quiesce, max(0, time.Until(d)))
	}
	if ctx.Err() != nil {
		quiesce = 0
	}
	c.Client.Disconnect(uint(quiesce.Milliseconds()))
	c.Abort() // does nothing after a clean end
}

// Abort drops the connection. Everything that waits for it fails.
func (c *Client) Abort() { c.conn.abort() }

// Rejected says that err is a refusal that waiting can't mend.
func Rejected(err error) bool { return errors.Is(err, conn.ErrRejected) }
