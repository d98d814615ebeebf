package embedded

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// TestCloseWhileClientsComeAndGo: a broker ends though clients connect and leave meanwhile.
// The server's own listener hangs then, now and then.
func TestCloseWhileClientsComeAndGo(t *testing.T) {
	for range 100 {
		b, err := StartMQTT()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		known := make(chan struct{}, 1)
		for range 8 {
			wg.Go(func() {
				for {
					c, err := net.Dial("tcp", strings.TrimPrefix(b.URL, "mqtt://"))
					if err != nil {
						return // it is closed
					}
					// CONNECT of a clean session with no identifier, then gone.
					_, _ = c.Write([]byte{0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 0})
					_, _ = c.Read(make([]byte, 4))
					c.Close()
					select {
					case known <- struct{}{}:
					default:
					}
				}
			})
		}
		<-known
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}
