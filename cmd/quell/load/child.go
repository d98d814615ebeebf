package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Child is a process that is weighed by what the system says of it in /proc.
type Child struct {
	cmd  *exec.Cmd
	tail *tail
	done chan struct{}
	err  error
}

// Start starts a program with at most so many threads at work.
func Start(exe string, threads int, args ...string) (*Child, error) {
	c := &Child{cmd: exec.Command(exe, args...), tail: new(tail), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(threads))
	c.cmd.Stderr = c.tail
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.done)
		c.err = c.cmd.Wait()
	}()
	return c, nil
}

// CPU returns the time that the process has spent on processors, to a hundredth of a
// second.
func (c *Child) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("what a process costs is read from /proc, which Linux has: %w", err)
	}
	// The second field is the name in parentheses, which may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const utime, stime, perSecond = 11, 12, 100
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", c.cmd.Process.Pid, len(fields))
	}
	u, err1 := strconv.ParseInt(fields[utime], 10, 64)
	s, err2 := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(u+s) * (time.Second / perSecond), errors.Join(err1, err2)
}

// Memory returns how much memory of the process is resident, and how much was at most.
func (c *Child) Memory() (now, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		switch {
		case strings.HasPrefix(line, "VmRSS:"):
			_, err = fmt.Sscanf(line, "VmRSS: %d kB", &kb)
			now = kb << 10
		case strings.HasPrefix(line, "VmHWM:"):
			_, err = fmt.Sscanf(line, "VmHWM: %d kB", &kb)
			peak = kb << 10
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return now, peak, nil
}

// Ready waits until the process answers on an address that it is ready.
func (c *Child) Ready(ctx context.Context, address string) error {
	for {
		if r, err := http.Get("http://" + address + "/readyz"); err == nil {
			_ = r.Body.Close() // nothing was written
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-c.done:
			return fmt.Errorf("quell ended: %w: %s", c.err, c.tail)
		case <-ctx.Done():
			return fmt.Errorf("quell does not become ready: %w: %s", ctx.Err(), c.tail)
		}
	}
}

// Stop asks the process to end and waits until it has.
func (c *Child) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.done:
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
	if c.err != nil {
		return fmt.Errorf("quell ended: %w: %s", c.err, c.tail)
	}
	return nil
}

// FreeAddress returns an address of this machine that nobody listens on. Its port is below
// those that outgoing connections are given: one of them may take a port before the child
// listens on it.
func FreeAddress() (string, error) {
	var first error
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		first = cmp.Or(first, err)
	}
	return "", first
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - 2048; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
