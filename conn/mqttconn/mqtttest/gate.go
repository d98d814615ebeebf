package mqtttest

import (
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// gate is mochi's TCP listener with a way to stop it that is no race: mochi counts
// a connection in a moment after it was accepted, while Close may be waiting for
// the count already; and it asks for its clients under a lock that it takes twice, which
// hangs where one comes or goes in between.
type gate struct {
	*listeners.TCP

	mu       sync.Mutex
	closed   bool
	entering sync.WaitGroup // connections that are accepted and may not be counted yet
	inside   map[*entrant]bool
	leaving  sync.WaitGroup // connections that are served
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
		g.leaving.Add(1)
		e := &entrant{Conn: c, entered: sync.OnceFunc(g.entering.Done)}
		if g.inside == nil {
			g.inside = map[*entrant]bool{}
		}
		g.inside[e] = true
		g.mu.Unlock()
		defer g.leave(e)
		return establish(id, e)
	})
}

func (g *gate) leave(e *entrant) {
	e.entered()
	g.mu.Lock()
	delete(g.inside, e)
	g.mu.Unlock()
	g.leaving.Done()
}

// shut lets nobody in any more, closes the connections of all who are in once they have been
// counted, and returns when nobody is.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.entering.Wait()
	g.mu.Lock()
	for e := range g.inside {
		e.Close()
	}
	g.mu.Unlock()
	g.leaving.Wait()
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
