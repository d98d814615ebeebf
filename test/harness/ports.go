package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Address is a port of this machine.
func Address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// FreePorts returns the first of n successive ports from a port on, 0 standing for
// 20,000, that nobody listens on. They are below those that outgoing connections, and
// listeners on port 0, are given: one of them may take a port between the look and the
// start of who is to listen.
func FreePorts(from, n int) (int, error) {
	if from == 0 {
		from = 20_000
	}
	const to = 32_000
	for range 100 {
		first := from + rand.IntN(to-from)
		if free(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("found no %d free ports in a row", n)
}

func free(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", Address(port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
