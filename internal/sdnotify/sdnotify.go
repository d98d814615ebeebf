// Package sdnotify tells the service manager that started the process how it is:
// that it is ready, reloads or stops, and that it is alive. It speaks the protocol of
// sd_notify(3): a datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET names.
//
//	n, err := sdnotify.New(os.Getenv, os.Getpid())
//	...
//	err = n.Ready("2 streams")
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Notifier tells one service manager. A nil one tells nobody: that is what there is
// where nothing asked to be told. It is safe for concurrent use.
type Notifier struct {
	socket   string
	watchdog time.Duration
}

// New returns the notifier that the environment asks for, nil where it asks for none.
// The pid is that of the process: a watchdog that is meant for another one is not fed.
// An error says which variable makes no sense.
func New(getenv func(string) string, pid int) (*Notifier, error) {
	socket := getenv("NOTIFY_SOCKET")
	switch {
	case socket == "":
		return nil, nil
	case socket[0] != '/' && socket[0] != '@':
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q, want a path, or @ and a name", socket)
	}
	n := &Notifier{socket: socket}
	us := getenv("WATCHDOG_USEC")
	if us == "" {
		return n, nil
	}
	if p := getenv("WATCHDOG_PID"); p != "" && p != strconv.Itoa(pid) {
		return n, nil
	}
	d, err := strconv.ParseInt(us, 10, 64)
	if err != nil || d <= 0 || d > int64(maxWatchdog/time.Microsecond) {
		return nil, fmt.Errorf("WATCHDOG_USEC is %q, want a number of microseconds above 0", us)
	}
	n.watchdog = time.Duration(d) * time.Microsecond
	return n, nil
}

// maxWatchdog is far more than anyone asks for, and fits into a Duration.
const maxWatchdog = 10 * 365 * 24 * time.Hour

// Watchdog returns the longest time that may pass between two calls of Alive; 0: the
// service manager does not watch.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that the start, or a reload, is over.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+oneLine(status)) }

// Reloading says that the configuration is being read again; Ready says when it is over.
func (n *Notifier) Reloading() error { return n.send("RELOADING=1") }

// Stopping says that the process is about to end.
func (n *Notifier) Stopping(status string) error {
	return n.send("STOPPING=1", "STATUS="+oneLine(status))
}

// Alive feeds the watchdog.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Status says in words how the process is.
func (n *Notifier) Status(text string) error { return n.send("STATUS=" + oneLine(text)) }

// oneLine keeps a text from setting variables of its own.
func oneLine(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }

func (n *Notifier) send(lines ...string) error {
	if n == nil {
		return nil
	}
	// A leading @ stands for an abstract socket, which package net takes so too.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	// A service manager that hangs must not hang what it watches.
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return errors.Join(fmt.Errorf("service manager: %w", err), c.Close())
	}
	_, err = c.Write([]byte(strings.Join(lines, "\n")))
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}
