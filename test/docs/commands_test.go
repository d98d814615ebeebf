//go:build docs

package docs

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// patience is how long a command may take. It bounds one that hangs.
const patience = 2 * time.Minute

// TestCommands runs the commands of all documents.
func TestCommands(t *testing.T) {
	ran := 0
	for _, doc := range lab.docs {
		all, err := blocks(doc, read(t, doc))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(langs(all), " sh ") {
			continue
		}
		t.Run(strings.ReplaceAll(doc, "/", "_"), func(t *testing.T) {
			s := newShell(t, clone(t))
			for _, b := range all {
				ran += s.run(b)
			}
			s.interruptAll()
		})
	}
	if ran < 20 && flag.Lookup("test.run").Value.String() == "" {
		t.Errorf("%d commands were run: are the blocks found?", ran)
	}
	t.Logf("%d commands were run", ran)
}

func langs(all []*block) string {
	s := " "
	for _, b := range all {
		s += b.lang + " "
	}
	return s
}

// shell runs the commands of one document.
type shell struct {
	t     *testing.T
	dir   string
	env   []string
	going []*process // in the background
	aside []*process // what goes on beside the reader, and may end as it likes
}

type process struct {
	what  string
	cmd   *exec.Cmd
	out   *bytes.Buffer
	ended chan error
	began time.Time
}

func newShell(t *testing.T, dir string) *shell {
	port, err := harness.FreePorts(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH")+":/usr/sbin", fmt.Sprintf("PORT=%d", port), "NO_COLOR=1")
	s := &shell{t: t, dir: dir, env: env}
	t.Cleanup(func() {
		for _, p := range append(s.going, s.aside...) {
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
			<-p.ended
		}
	})
	return s
}

// run runs one block and returns the number of commands that were run.
func (s *shell) run(b *block) (n int) {
	s.t.Helper()
	if b.file != "" {
		text := b.text
		for _, a := range b.as {
			text = strings.ReplaceAll(text, a[0], s.expand(a[1]))
		}
		if err := os.WriteFile(filepath.Join(s.dir, b.file), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	if b.lang != "sh" {
		return 0
	}
	if b.skip != "" {
		s.t.Logf("%s is not run: %s", b, b.skip)
		return 0
	}
	commands, err := b.commands()
	if err != nil {
		s.t.Error(err)
		return 0
	}
	for _, c := range b.first {
		if p := s.start(c); s.wait(p, 0) != 0 {
			s.t.Fatalf("%s: first: %s\n%s", b, c, p.out)
		}
	}
	for _, c := range b.with {
		s.aside = append(s.aside, s.start(c))
		if strings.Contains(c, "$PORT") {
			s.answering()
		}
	}
	for _, c := range commands {
		p := s.start(c)
		n++
		if b.background > 0 {
			select {
			case err := <-p.ended:
				s.t.Fatalf("%s: %s\nended after less than %s (%v)\n%s", b, c, b.background, err, p.out)
			case <-time.After(b.background):
			}
			s.going = append(s.going, p)
			continue
		}
		interrupt := b.ctrlC
		if !strings.HasPrefix(c, b.begin) {
			interrupt = 0
		}
		if code := s.wait(p, interrupt); code != b.exit {
			s.t.Fatalf("%s: %s\nexit code %d, want %d\n%s", b, c, code, b.exit, p.out)
		}
		s.t.Logf("%s: %.1f s: %s", b, time.Since(p.began).Seconds(), c)
	}
	return n
}

// answering waits until what was started beside the commands takes connections at $PORT.
func (s *shell) answering() {
	s.t.Helper()
	addr := s.expand("127.0.0.1:$PORT")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close() // that it was there is what counts
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("nothing answers at %s: %v", addr, err)
		}
	}
}

func (s *shell) expand(text string) string {
	for _, e := range s.env {
		if v, ok := strings.CutPrefix(e, "PORT="); ok {
			text = strings.ReplaceAll(text, "$PORT", v)
		}
	}
	return text
}

// start starts a command in a group of its own.
func (s *shell) start(command string) *process {
	p := &process{what: command, out: new(bytes.Buffer), ended: make(chan error, 1), began: time.Now()}
	p.cmd = exec.Command("bash", "-o", "pipefail", "-c", command)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.dir, s.env, p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p
}

// wait returns the exit code of a command, which is interrupted after a while unless
// that is 0, as by Ctrl-C.
func (s *shell) wait(p *process, interrupt time.Duration) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var after <-chan time.Time
	if interrupt > 0 {
		after = time.After(interrupt)
	}
	for {
		select {
		case err := <-p.ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return exit.ExitCode()
			}
			return 0
		case <-after:
			after = nil
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT)
		case <-ctx.Done():
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
			<-p.ended
			s.t.Fatalf("%s\ndid not end within %s\n%s", p.what, patience, p.out)
		}
	}
}

// interruptAll ends what runs in the background, the latest first, and wants it to end
// well.
func (s *shell) interruptAll() {
	for len(s.going) > 0 {
		p := s.going[len(s.going)-1]
		s.going = s.going[:len(s.going)-1]
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT)
		if code := s.wait(p, 0); code != 0 {
			s.t.Errorf("%s\nexit code %d after Ctrl-C\n%s", p.what, code, p.out)
		}
	}
}
