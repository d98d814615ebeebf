package kafkaconn

import (
	"net"
	"sync/atomic"
	"time"
)

// guarded is a connection without endless waits: where the library sets no
// deadline (it does not for SASL), limit from now holds. A half-open connection
// would otherwise hang a dial for ever.
type guarded struct {
	net.Conn // TCP
	secure   atomic.Pointer[net.Conn]
	owner    *Client
	limit    time.Duration
}

// set puts TLS on top.
func (g *guarded) set(c net.Conn) { g.secure.Store(&c) }

func (g *guarded) top() net.Conn {
	if c := g.secure.Load(); c != nil {
		return *c
	}
	return g.Conn
}

func (g *guarded) Read(b []byte) (int, error)  { return g.top().Read(b) }
func (g *guarded) Write(b []byte) (int, error) { return g.top().Write(b) }

func (g *guarded) SetDeadline(t time.Time) error      { return g.Conn.SetDeadline(g.bound(t)) }
func (g *guarded) SetReadDeadline(t time.Time) error  { return g.Conn.SetReadDeadline(g.bound(t)) }
func (g *guarded) SetWriteDeadline(t time.Time) error { return g.Conn.SetWriteDeadline(g.bound(t)) }

func (g *guarded) bound(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().Add(g.limit)
	}
	return t
}

// Close closes the connection, with a TLS good-bye where there is TLS.
func (g *guarded) Close() error {
	g.owner.forget(g)
	return g.top().Close()
}

// abort closes the TCP connection under everything, without a good-bye that
// could wait for the other side.
func (g *guarded) abort() error { return g.Conn.Close() }
