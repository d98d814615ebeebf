package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
)

// mostConns bounds the connections at a time: whoever opens them without end must
// not take the files and sockets that the pipeline needs.
const mostConns = 256

// few is a listener that hands a connection out once there is room for it. Where
// there is none, that which has been idle for longest is closed: who keeps
// connections and asks nothing shuts nobody out.
type few struct {
	net.Listener
	room chan struct{}
	done chan struct{}
	once sync.Once

	mu    sync.Mutex
	idle  []*one // oldest first
	wants int    // connections that wait for room and for which none was closed
}

func newFew(ln net.Listener, n int) *few {
	return &few{Listener: ln, room: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for a connection and for room.
func (f *few) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case f.room <- struct{}{}:
		return &one{Conn: c, few: f}, nil
	default:
	}
	f.makeRoom(1)
	defer f.makeRoom(0)
	select {
	case f.room <- struct{}{}:
		return &one{Conn: c, few: f}, nil
	case <-f.done:
		_ = c.Close() // nobody has it
		return nil, net.ErrClosed
	}
}

// makeRoom closes so many idle connections, now or when there are some.
func (f *few) makeRoom(n int) {
	f.mu.Lock()
	f.wants = n
	oldest := f.oldest()
	f.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close() // it is of no more use, whatever becomes of it
	}
}

// oldest returns an idle connection to be closed, nil where none is or none has to be.
// The caller holds mu.
func (f *few) oldest() *one {
	if len(f.idle) == 0 || f.wants == 0 {
		return nil
	}
	f.wants--
	c := f.idle[0]
	f.idle = slices.Delete(f.idle, 0, 1)
	return c
}

// state hears from the server what a connection is doing.
func (f *few) state(c net.Conn, s http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	o, ok := c.(*one)
	if !ok {
		return
	}
	f.mu.Lock()
	if i := slices.Index(f.idle, o); i >= 0 {
		f.idle = slices.Delete(f.idle, i, i+1)
	}
	if s == http.StateIdle {
		f.idle = append(f.idle, o)
	}
	oldest := f.oldest()
	f.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close()
	}
}

// Close ends Accept too.
func (f *few) Close() error {
	f.once.Do(func() { close(f.done) })
	return f.Listener.Close()
}

// one is a connection that gives its room back when it is closed.
type one struct {
	net.Conn
	few  *few
	once sync.Once
}

func (c *one) Close() error {
	c.once.Do(func() { <-c.few.room })
	return c.Conn.Close()
}
