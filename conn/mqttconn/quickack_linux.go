package mqttconn

import (
	"net"
	"syscall"
)

// ackAtOnce asks the kernel to acknowledge what was received without delay.
//
// A broker with Nagle's algorithm on, Mosquitto by default, holds back its next
// PUBACKs until the last ones are acknowledged, and a receiver with nothing to
// send delays that by 40 ms: a publisher that waits for its PUBACKs would wait
// for that timer time and again. The kernel forgets the wish, so it is repeated
// after each read.
func ackAtOnce(c net.Conn) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return
	}
	// Without it everything works, only slower.
	_ = rc.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
