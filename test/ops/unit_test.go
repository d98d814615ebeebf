//go:build ops

package ops

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unitFile = "deploy/systemd/quell.service"

// TestUnitExposure: what systemd itself says about the sandbox.
func TestUnitExposure(t *testing.T) {
	need(t, "systemd-analyze")
	out := command(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", unitFile)
	level := regexp.MustCompile(`Overall exposure level for quell\.service: ([\d.]+)`).FindStringSubmatch(out)
	if level == nil {
		t.Fatalf("no level in\n%s", out)
	}
	t.Logf("exposure %s, at most 2.0", level[1])
	// The threshold counts: without the sandbox the same command fails.
	bare := filepath.Join(t.TempDir(), "quell.service")
	write(t, bare, "[Service]\nExecStart=/usr/bin/quell run\n")
	if err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", bare).Run(); err == nil {
		t.Error("a unit without any sandbox passes too")
	}
}

// TestUnitIsUnderstood: systemd knows every line of the unit.
func TestUnitIsUnderstood(t *testing.T) {
	need(t, "systemd-analyze")
	unit := regexp.MustCompile(`/usr/bin/quell`).ReplaceAllString(read(t, unitFile), quell)
	unit = regexp.MustCompile(`(?m)^Documentation=.*$`).ReplaceAllString(unit, "") // the man page comes with the package
	// What is only a comment for the user to take up is to be right too.
	unit = regexp.MustCompile(`(?m)^#(LoadCredential|EnvironmentFile|MemoryMax)`).ReplaceAllString(unit, "$1")
	if told := verify(t, strings.Replace(unit, "[Service]", "[Service]\nNonsense=1", 1)); !strings.Contains(told, "Nonsense") {
		t.Fatalf("a key that does not exist is not told of: %q", told)
	}
	if told := verify(t, unit); told != "" {
		t.Errorf("systemd-analyze verify: %s", told)
	}
}

// verify returns what systemd-analyze says of the unit.
func verify(t *testing.T, unit string) (told string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "quell.service")
	write(t, path, unit)
	// It fails for units of this machine too.
	out, _ := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	for l := range strings.Lines(string(out)) {
		if strings.Contains(l, "quell.service") {
			told += l
		}
	}
	return told
}

// TestUnitAllowsWhatQuellCalls compares the system calls of a run with those that the
// unit allows; TestUnitRuns tries the sandbox itself, where it may, with less work in it.
func TestUnitAllowsWhatQuellCalls(t *testing.T) {
	need(t, "systemd-analyze", "strace")
	allowed := map[string]bool{}
	for _, group := range []string{"@default", "@system-service"} {
		for _, s := range members(t, group) {
			allowed[s] = true
		}
	}
	filters := regexp.MustCompile(`(?m)^SystemCallFilter=(.*)$`).FindAllStringSubmatch(read(t, unitFile), -1)
	if len(filters) != 2 || filters[0][1] != "@system-service" || !strings.HasPrefix(filters[1][1], "~") {
		t.Fatalf("the unit filters by %v: teach this test", filters)
	}
	for _, group := range strings.Fields(filters[1][1][1:]) {
		for _, s := range members(t, group) {
			delete(allowed, s)
		}
	}
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	mqttPort, _ := startBroker(t)
	send(t, mqttPort)
	config := strings.NewReplacer("@HTTP@", fmt.Sprint(freePort(t)), "@MQTT@", fmt.Sprint(mqttPort), "@MODEL@", "base").Replace(everything)
	write(t, filepath.Join(dir, "quell.yaml"), config)
	cmd := exec.Command("strace", "-f", "-qq", "-o", trace, quell, "run", "-c", "quell.yaml", "--for", "5s")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	log, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	called := names(regexp.MustCompile(`(?m)^\d+ +(\w+)\(`), string(log))
	if !slices.Contains(called, "fsync") || !slices.Contains(called, "connect") {
		t.Fatalf("the run called %v: it did not do its work", called)
	}
	for _, c := range called {
		if !allowed[c] && !harmless[c] {
			t.Errorf("the unit does not allow %s", c)
		}
	}
}

// harmless are calls whose refusal changes nothing, with the reason.
var harmless = map[string]bool{
	"execve": true, // strace's own first call
}

// members returns the system calls of a group.
func members(t *testing.T, group string) (out []string) {
	t.Helper()
	for l := range strings.Lines(command(t, "systemd-analyze", "syscall-filter", group)) {
		l = strings.TrimSpace(l)
		switch {
		case l == group || l == "" || strings.HasPrefix(l, "#"):
		case strings.HasPrefix(l, "@"):
			out = append(out, members(t, l)...)
		default:
			out = append(out, l)
		}
	}
	return out
}

// TestServiceManagerHears runs the binary as systemd does: it is told READY once, fed,
// and told of the stop; and a process that stands still feeds nobody.
func TestServiceManagerHears(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hear := func(want string) {
		t.Helper()
		for {
			if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 4096)
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("waiting for %q: %v", want, err)
			}
			if strings.HasPrefix(string(b[:n]), want) {
				return
			}
		}
	}
	path := filepath.Join(t.TempDir(), "quell.yaml")
	write(t, path, `
version: 1
state_dir: state
http: {listen: off}
streams:
  sim: {source: {type: sim, seed: 1}, adapt: {mode: off}, sinks: [clean]}
sinks: {clean: {type: file, path: clean.jsonl}}
`)
	cmd := start(t, []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=2000000"}, quell, "run", "-c", path)
	hear("READY=1")
	hear("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hear("RELOADING=1")
	hear("READY=1")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	quiet(t, c)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	hear("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hear("STOPPING=1")
}

// quiet reads what is on its way, and then for the time of a watchdog hears nothing.
func quiet(t *testing.T, c *net.UnixConn) {
	t.Helper()
	b := make([]byte, 4096)
	for _, wait := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
		for {
			if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
				t.Fatal(err)
			}
			n, err := c.Read(b)
			if err != nil {
				break
			}
			if wait > time.Second {
				t.Fatalf("a process that stands still says %q", b[:n])
			}
		}
	}
}
