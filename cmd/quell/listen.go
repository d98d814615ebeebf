package main

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"syscall"

	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
)

// nearPorts is how many ports are tried where the default one is taken.
const nearPorts = 20

// randomToken returns a token for the life of the process.
func randomToken() string { return rand.Text() }

// listenNear starts to serve on addr, or where that is the default and taken, on the
// next free port.
func listenNear(addr string, c web.Config, log *slog.Logger) (*web.Server, error) {
	srv, err := web.Listen(addr, c, log)
	if addr != config.DefaultListen {
		return srv, err
	}
	host, text, e := net.SplitHostPort(addr)
	port, e2 := strconv.Atoi(text)
	if e != nil || e2 != nil {
		return srv, err
	}
	for n := 1; n < nearPorts && errors.Is(err, syscall.EADDRINUSE); n++ {
		srv, err = web.Listen(net.JoinHostPort(host, strconv.Itoa(port+n)), c, log)
	}
	return srv, err
}
