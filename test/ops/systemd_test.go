//go:build ops

package ops

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// booted is a systemd that is the first process of namespaces of its own. What it mounts,
// and what its units do to /run, /var/lib and the accounts, nobody else sees.
type booted struct{ pid string }

// seeCgroups, enter and leave: a cgroup of our own, and what is left of it taken away.
const (
	seeCgroups = "set -e\nmount --make-rprivate /\nmount -t cgroup2 none /sys/fs/cgroup\n"
	enter      = seeCgroups + "mkdir -p /sys/fs/cgroup/$NAME\necho $$ > /sys/fs/cgroup/$NAME/cgroup.procs\n"
	leave      = seeCgroups + "find /sys/fs/cgroup/$NAME -depth -type d -exec rmdir {} +"
)

// namespaces is what stands between this machine and a systemd of our own: an empty
// cgroup, /run and /var/lib in memory, and an account for the service.
const namespaces = enter + `exec unshare --cgroup --mount sh -c '
set -e
umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run && mount -t tmpfs none /var/lib
mkdir /run/q && cp "$DIR"/quell /run/q/ && mkdir /run/q/etc /run/q/units && cp "$DIR"/units/* /run/q/units/ && cp "$DIR"/quell.yaml /run/q/etc/ && chmod -R a+rX /run/q
mount --bind "$DIR"/passwd /etc/passwd && mount --bind "$DIR"/group /etc/group
export container=test SYSTEMD_UNIT_PATH=/run/q/units SYSTEMD_LOG_TARGET=console
exec /lib/systemd/systemd --system --unit=quell-test.target --show-status=no'
`

// boot starts a systemd that knows the unit, and ends it with the test. It skips the test
// where this user, or this machine, may have no namespaces.
func boot(t *testing.T, config string, dropIn string) *booted {
	t.Helper()
	need(t, "unshare", "nsenter", "systemctl")
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil || os.Getuid() != 0 {
		t.Skip("to start a systemd of its own this test must be root, on a machine that has systemd")
	}
	dir := t.TempDir()
	env := append(os.Environ(), "DIR="+dir, fmt.Sprintf("NAME=quell-ops-%d", os.Getpid()))
	apart := func(script string) *exec.Cmd {
		cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--ipc", "--uts", "sh", "-c", script)
		cmd.Env = env
		return cmd
	}
	t.Cleanup(func() {
		for i := 0; i < 50 && apart(leave).Run() != nil; i++ { // its processes are on their way out
			time.Sleep(100 * time.Millisecond)
		}
	})
	if out, err := apart(enter + "exec unshare --cgroup --mount true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces may be made here: %v: %s", err, out)
	}
	unit := strings.NewReplacer("/usr/bin/quell", "/run/q/quell", "/etc/quell/", "/run/q/etc/").Replace(read(t, unitFile))
	unit += "\n[Service]\n" + dropIn
	if err := os.Mkdir(filepath.Join(dir, "units"), 0o755); err != nil {
		t.Fatal(err)
	}
	bare := "[Unit]\nDefaultDependencies=no\n"
	for name, text := range map[string]string{
		"quell.service": unit, "quell-test.target": bare + "Requires=basic.target\nAfter=basic.target\n",
		"basic.target": bare, "sysinit.target": bare, "shutdown.target": bare, "network-online.target": bare,
		"dumb.service": "[Service]\nType=notify\nExecStart=/bin/sleep 60\nTimeoutStartSec=1s\n",
	} {
		write(t, filepath.Join(dir, "units", name), text)
	}
	write(t, filepath.Join(dir, "quell.yaml"), config)
	write(t, filepath.Join(dir, "passwd"), "root:x:0:0::/:/bin/sh\nquell:x:64321:64321::/:/bin/false\n")
	write(t, filepath.Join(dir, "group"), "root:x:0:\nquell:x:64321:\n")
	command(t, "cp", quell, filepath.Join(dir, "quell"))
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := apart(namespaces)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with it, by --kill-child, all of the namespace
		_ = cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("systemd's log:\n%s", b)
		}
	})
	s := &booted{}
	up := func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		s.pid = strings.TrimSpace(string(b))
		return s.pid != "" && s.run("is-system-running") == nil
	}
	for end := time.Now().Add(patience); !up(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) { // without a unit of ours yet: the machine, and not the unit, is at fault
			b, _ := os.ReadFile(log.Name())
			t.Skipf("systemd does not come up in namespaces of its own here:\n%s", b)
		}
	}
	return s
}

func (s *booted) in(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target", s.pid, "--all"}, args...)...)
}

// run has systemctl do something, and returns what went wrong.
func (s *booted) run(args ...string) error {
	out, err := s.in(append([]string{"systemctl", "--no-pager"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// show returns a property of the service.
func (s *booted) show(t *testing.T, property string) string {
	t.Helper()
	out, err := s.in("systemctl", "show", "--value", "--property", property, "quell.service").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// until waits for a property to be as it should.
func (s *booted) until(t *testing.T, property string, is func(string) bool) {
	t.Helper()
	before := s.show(t, property)
	defer func() {
		if t.Failed() {
			out, _ := s.in("systemctl", "status", "--no-pager", "--full", "quell.service").CombinedOutput()
			t.Logf("%s was %q:\n%s", property, before, out)
		}
	}()
	await(t, "another "+property+" than "+before, func() bool { return is(s.show(t, property)) })
}

const oneStream = `
version: 1
state_dir: state
http: {listen: off}
streams:
  sim: {source: {type: sim, seed: 1}, adapt: {mode: off}, sinks: [clean]}
sinks: {clean: {type: file, path: clean.jsonl}}
`

// TestUnitRuns has a real systemd run the unit as it is shipped, sandbox included: it
// hears READY and the watchdog's food, a reload takes over what changed and refuses what
// is wrong, a process that stands still is ended and begun anew, and a stop is clean.
func TestUnitRuns(t *testing.T) {
	s := boot(t, oneStream, "WatchdogSec=15s\nRestartSec=100ms\n")
	if err := s.run("start", "dumb.service"); err == nil {
		t.Fatal("a service that never says READY counts as started")
	}
	if err := s.run("start", "quell.service"); err != nil {
		out, _ := s.in("systemctl", "status", "--no-pager", "--full", "quell.service").CombinedOutput()
		t.Fatalf("%v\n%s", err, out)
	}
	if got := s.show(t, "ActiveState"); got != "active" {
		t.Fatalf("the service is %s", got)
	}
	t.Logf("ready: %s", s.show(t, "StatusText"))
	s.until(t, "StatusText", func(v string) bool { return v != "" })
	fed := s.show(t, "WatchdogTimestampMonotonic")
	s.until(t, "WatchdogTimestampMonotonic", func(v string) bool { return v != fed && v != "0" })

	config := "/proc/" + s.pid + "/root/run/q/etc/quell.yaml"
	pid := s.show(t, "MainPID")
	write(t, config, strings.Replace(oneStream, "sinks: {clean:", "  other: {source: {type: sim, seed: 2}, adapt: {mode: off}, sinks: [more]}\nsinks: {more: {type: file, path: more.jsonl}, clean:", 1))
	if err := s.run("reload", "quell.service"); err != nil {
		t.Fatal(err)
	}
	s.until(t, "ActiveState", func(v string) bool { return v == "active" })
	await(t, "records of the stream that was added", func() bool {
		info, err := os.Stat("/proc/" + s.pid + "/root/var/lib/quell/more.jsonl")
		return err == nil && info.Size() > 0
	})
	write(t, config, strings.Replace(oneStream, "streams:", "steams:", 1))
	if err := s.run("reload", "quell.service"); err == nil {
		t.Error("a configuration that is wrong is taken")
	}
	if state, now := s.show(t, "ActiveState"), s.show(t, "MainPID"); state != "active" || now != pid {
		t.Errorf("after two reloads the service is %s with process %s, it was %s", state, now, pid)
	}
	write(t, config, oneStream)

	if err := s.run("kill", "--signal=STOP", "--kill-who=main", "quell.service"); err != nil {
		t.Fatal(err)
	}
	s.until(t, "NRestarts", func(v string) bool { return v != "0" })
	s.until(t, "ActiveState", func(v string) bool { return v == "active" })
	if now := s.show(t, "MainPID"); now == pid || now == "0" {
		t.Errorf("process %s serves, and %s stood still", now, pid)
	}
	if err := s.run("stop", "quell.service"); err != nil {
		t.Fatal(err)
	}
	if result, status := s.show(t, "Result"), s.show(t, "ExecMainStatus"); result != "success" || status != "0" {
		t.Errorf("the stop ended with %s, status %s", result, status)
	}
}
