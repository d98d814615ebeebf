package mqtttest

import (
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// gate is mochi's TCP listener with a way to stop it that is no race: mochi counts
// a connection in a moment after it was accepted, while Close may be waiting for
// the count already.
type gate struct {
	*listeners.TCP

	mu       sync.Mutex
	closed   bool
	entering sync.WaitGroup // connections that are accepted and may not be counted yet
}

// Serve implements listeners.Listener.
func (g *gate) Serve(establish listeners.EstablishFn) {
	g.TCP.Serve(func(id string, c net.Conn) error {
		g.mu.Lock()
		if g.closed {
			g.mu.Unlock()
			return c.Close()
		}
		g.entering.Add(1)
		g.mu.Unlock()
		e := &entrant{Conn: c, entered: sync.OnceFunc(g.entering.Done)}
		defer e.entered()
		return establish(id, e)
	})
}

// shut lets nobody in any more, and returns when all who are in have been
// counted.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.entering.Wait()
}

// entrant is a connection that is counted by the time mochi first reads from it
// or closes it.
type entrant struct {
	net.Conn
	entered func()
}

func (e *entrant) Read(b []byte) (int, error) {
	e.entered()
	return e.Conn.Read(b)
}

func (e *entrant) Close() error {
	e.entered()
	return e.Conn.Close()
}
