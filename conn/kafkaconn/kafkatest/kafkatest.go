// Package kafkatest gives the tests of the Kafka drivers a cluster inside the
// process, and a listener that falls silent when a test says so.
package kafkatest

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

// Leaks is for goleak: the fake cluster has a goroutine per connection that
// reads the next request. It ends when the connection is closed, which is after
// whoever closed it goes on, so on a busy machine it may outlive the last test.
var Leaks = goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read.func1")

// Cluster starts a cluster of one broker, unless opts say otherwise, that ends
// with the test.
func Cluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Mute is a listener whose connections swallow all answers while On is true. The
// zero value is ready to be given to a cluster by its option Listen.
type Mute struct {
	net.Listener
	On atomic.Bool
}

// Listen is the option that has a cluster of one broker listen through m.
func (m *Mute) Listen() kfake.Opt {
	return kfake.ListenFn(func(network, addr string) (net.Listener, error) {
		var err error
		m.Listener, err = net.Listen(network, addr)
		return m, err
	})
}

// Accept implements net.Listener.
func (m *Mute) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	return muteConn{c, m}, err
}

type muteConn struct {
	net.Conn
	m *Mute
}

func (c muteConn) Write(b []byte) (int, error) {
	if c.m.On.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
