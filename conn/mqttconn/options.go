package mqttconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/quell-stream/quell/conn"
)

// Options returns paho options for one connection: MQTT 3.1.1, buffered both
// ways, ordered handlers, no reconnecting of paho's own and nothing stored for
// it. Callers that don't use Connect may change them.
func Options(cfg Config) (*paho.ClientOptions, error) {
	return options(context.Background(), cfg, false, func(*bufConn) {})
}

// options dials under ctx and tells opened each connection before a byte is
// sent on it. publisher says that the connection mostly waits for PUBACKs.
func options(ctx context.Context, cfg Config, publisher bool, opened func(*bufConn)) (*paho.ClientOptions, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	a, err := cfg.address()
	if err != nil {
		return nil, err
	}
	var tc *tls.Config
	if a.secure {
		if tc, err = cfg.TLS.Config(a.host); err != nil {
			return nil, fmt.Errorf("mqtt: %w", err)
		}
	}
	o := paho.NewClientOptions().
		AddBroker(a.String()).
		SetClientID(cfg.ClientID).
		SetUsername(a.username).
		SetPassword(a.password).
		SetProtocolVersion(4). // explicit, or paho would try a refused connection again as 3.1
		SetKeepAlive(cfg.KeepAlive).
		SetPingTimeout(PingTimeout).
		SetConnectTimeout(cfg.ConnectTimeout).
		SetWriteTimeout(cfg.WriteTimeout).
		SetOrderMatters(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetStore(noStore{})
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
		defer cancel()
		c, err := dial(ctx, a, tc)
		if err != nil {
			return nil, err
		}
		quick := tcpOf(c)
		if a.web {
			if c, err = upgrade(ctx, a, c); err != nil {
				return nil, err
			}
		}
		if !publisher {
			quick = nil
		}
		b := newBufConn(c, cfg.WriteTimeout, quick)
		opened(b)
		return b, nil
	})
	return o, nil
}

func dial(ctx context.Context, a address, tc *tls.Config) (net.Conn, error) {
	if tc == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", a.dial())
	}
	return (&tls.Dialer{Config: tc}).DialContext(ctx, "tcp", a.dial())
}

// tcpOf returns the TCP connection under one that may have TLS.
func tcpOf(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// Classify adds conn.ErrRejected to errors by which the broker says that it
// does not want us as we are: bad credentials, not authorised, client id
// refused, protocol refused, certificate not accepted. Every other error, a
// busy broker's too, is returned as it is.
func Classify(err error) error {
	why := ""
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		why = "the broker does not accept the username or password"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		why = "the broker does not authorise this client: check username, password and client id"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		why = "the broker does not accept the client id"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		why = "the broker does not speak MQTT 3.1.1"
	default:
		return conn.Classify(plain(err))
	}
	return fmt.Errorf("%w: %s", conn.ErrRejected, why) // paho's words add nothing
}

// plain strips paho's "network Error : " from an error.
func plain(err error) error {
	if m, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(err, packets.ErrorNetworkError) {
		if all := m.Unwrap(); len(all) == 2 && all[0] == packets.ErrorNetworkError && all[1] != nil {
			return all[1]
		}
	}
	return err
}

// noStore keeps nothing. A client lives for one connection, so there is nothing
// to resume from a store; the default one costs a map entry per message.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
