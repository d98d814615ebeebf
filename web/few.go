package web

import (
	"net"
	"sync"
)

// mostConns bounds the connections at a time: whoever opens them without end must
// not take the files and sockets that the pipeline needs.
const mostConns = 256

// few is a listener that accepts a connection once there is room for it.
type few struct {
	net.Listener
	room chan struct{}
	done chan struct{}
	once sync.Once
}

func newFew(ln net.Listener, n int) *few {
	return &few{Listener: ln, room: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for room and for a connection.
func (f *few) Accept() (net.Conn, error) {
	select {
	case f.room <- struct{}{}:
	case <-f.done:
		return nil, net.ErrClosed
	}
	c, err := f.Listener.Accept()
	if err != nil {
		<-f.room
		return nil, err
	}
	return &one{Conn: c, room: f.room}, nil
}

// Close ends Accept too.
func (f *few) Close() error {
	f.once.Do(func() { close(f.done) })
	return f.Listener.Close()
}

// one is a connection that gives its room back when it is closed.
type one struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

func (c *one) Close() error {
	c.once.Do(func() { <-c.room })
	return c.Conn.Close()
}
