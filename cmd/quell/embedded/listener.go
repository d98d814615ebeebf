package embedded

import (
	"log/slog"
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// listener is a TCP listener of the broker. The server's own one asks at its end for its
// clients, under a lock that is taken twice for that: where a client comes or goes between the
// two, both wait for ever. Here all connections are closed first, and those that serve them
// have ended.
type listener struct {
	net.Listener

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
	served sync.WaitGroup
}

var _ listeners.Listener = (*listener)(nil)

// listen listens on a free port of loopback.
func listen() (*listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, open: map[net.Conn]bool{}}, nil
}

func (l *listener) Init(*slog.Logger) error { return nil }
func (l *listener) ID() string              { return "quell" }
func (l *listener) Address() string         { return l.Addr().String() }
func (l *listener) Protocol() string        { return "tcp" }

// Serve has each connection established until the listener is closed.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if !l.enter(c) {
			c.Close()
			continue
		}
		go func() {
			defer l.leave(c)
			_ = establish(l.ID(), c) // how a connection ended
		}()
	}
}

func (l *listener) enter(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open[c] = true
	l.served.Add(1)
	return true
}

func (l *listener) leave(c net.Conn) {
	c.Close()
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
	l.served.Done()
}

// Close closes the listener and its connections, and waits for those that serve them.
func (l *listener) Close(listeners.CloseFn) {
	l.mu.Lock()
	l.closed = true
	l.Listener.Close()
	for c := range l.open {
		c.Close()
	}
	l.mu.Unlock()
	l.served.Wait()
}
