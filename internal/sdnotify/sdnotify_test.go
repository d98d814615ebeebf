package sdnotify

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manager listens as a service manager does.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func hear(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestWhatIsTold(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@quell-test-%d", time.Now().UnixNano())} {
		c := manager(t, socket)
		n, err := New(env("NOTIFY_SOCKET", socket), 1)
		if err != nil {
			t.Fatal(err)
		}
		for want, say := range map[string]func() error{
			"READY=1\nSTATUS=2 streams":              func() error { return n.Ready("2 streams") },
			"RELOADING=1":                            n.Reloading,
			"STOPPING=1\nSTATUS=waiting for a, b":    func() error { return n.Stopping("waiting for a, b") },
			"WATCHDOG=1":                             n.Alive,
			"STATUS=a name with READY=1  in it":      func() error { return n.Status("a name with READY=1\r\nin it") },
			"STATUS=" + strings.Repeat("long ", 500): func() error { return n.Status(strings.Repeat("long ", 500)) },
		} {
			if err := say(); err != nil {
				t.Fatal(err)
			}
			if got := hear(t, c); got != want {
				t.Errorf("%s: got %q, want %q", socket, got, want)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  []string
		none bool
		want time.Duration
		err  string
	}{
		{nil, true, 0, ""},
		{[]string{"WATCHDOG_USEC", "60000000"}, true, 0, ""},
		{[]string{"NOTIFY_SOCKET", "/run/x"}, false, 0, ""},
		{[]string{"NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "60000000"}, false, time.Minute, ""},
		{[]string{"NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "60000000", "WATCHDOG_PID", "7"}, false, time.Minute, ""},
		{[]string{"NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "60000000", "WATCHDOG_PID", "8"}, false, 0, ""},
		{[]string{"NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "soon"}, true, 0, "WATCHDOG_USEC"},
		{[]string{"NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "0"}, true, 0, "WATCHDOG_USEC"},
		{[]string{"NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "9223372036854775807"}, true, 0, "WATCHDOG_USEC"},
		{[]string{"NOTIFY_SOCKET", "run/x"}, true, 0, "NOTIFY_SOCKET"},
	} {
		n, err := New(env(c.env...), 7)
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) || c.err == "" && err != nil {
			t.Errorf("%v: error %v, want %q", c.env, err, c.err)
		}
		if (n == nil) != c.none || n.Watchdog() != c.want {
			t.Errorf("%v: got %v every %s, want none %v, %s", c.env, n, n.Watchdog(), c.none, c.want)
		}
	}
}

// TestNobodyListens: a nil notifier does nothing, and one whose manager has gone says so.
func TestNobodyListens(t *testing.T) {
	var none *Notifier
	if err := none.Ready("x"); err != nil {
		t.Error(err)
	}
	n, err := New(env("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone")), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Alive(); err == nil || !strings.Contains(err.Error(), "service manager") {
		t.Errorf("nobody listens: %v", err)
	}
}
