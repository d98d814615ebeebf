//go:build !linux

package mqttconn

import "net"

// ackAtOnce does nothing here.
func ackAtOnce(net.Conn) {}
