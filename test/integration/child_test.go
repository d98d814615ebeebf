//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen soon. It bounds a
// test that hangs and says nothing about speed.
const patience = 60 * time.Second

// job is one configuration and the folder it is run in, possibly by several
// processes one after the other.
type job struct {
	t      *testing.T
	dir    string
	config string
	url    string   // of the HTTP listener
	verb   []string // what quell is to do, default run
	child  *child
}

// child is one process of a job.
type child struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	log    *os.File
	done   chan struct{} // closed once the process has ended
}

// newJob writes a configuration in which @DIR@ is the job's folder, @HTTP@ a free
// address, and @MQTT@, @MQTTS@, @KAFKA@ and @KAFKAS@ are the brokers' addresses.
func newJob(t *testing.T, config string) *job {
	t.Helper()
	dir := t.TempDir()
	port, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, dir: dir, config: filepath.Join(dir, "quell.yaml"), url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	text := strings.NewReplacer("@DIR@", dir, "@HTTP@", strings.TrimPrefix(j.url, "http://"),
		"@MQTTS@", address(lab.MQTTPort+1), "@MQTT@", address(lab.MQTTPort), "@MQTT_CA@", lab.MQTTCA,
		"@KAFKAS@", address(lab.KafkaPort+1), "@KAFKA@", address(lab.KafkaPort), "@KAFKA_CA@", lab.KafkaCA).Replace(config)
	if err := os.WriteFile(j.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if j.child != nil {
			j.kill()
		}
		if t.Failed() {
			t.Logf("end of the log of quell:\n%s", j.logTail(30))
		}
	})
	return j
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// start runs quell on the job's configuration.
func (j *job) start() {
	j.t.Helper()
	log, err := os.OpenFile(j.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		j.t.Fatal(err)
	}
	verb := j.verb
	if verb == nil {
		verb = []string{"run"}
	}
	c := &child{cmd: exec.Command(lab.Quell, append(verb[:len(verb):len(verb)], "-c", j.config, "--json")...), log: log, done: make(chan struct{})}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = j.dir, &c.stdout, log
	if err := c.cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // ProcessState says how it ended
		log.Close()
	}()
	j.child = c
}

func (j *job) logPath() string { return filepath.Join(j.dir, "stderr.log") }

// startReady starts the process and waits until its source and sinks are up, so
// that an MQTT broker keeps messages for it from here on.
func (j *job) startReady() {
	j.t.Helper()
	j.start()
	j.ready()
}

// ready waits until the process's source and sinks are up. A signal that comes
// before it listens for signals would just end it.
func (j *job) ready() {
	j.t.Helper()
	j.until("quell is ready", func() bool {
		resp, err := http.Get(j.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// until waits for a condition while the process runs.
func (j *job) until(what string, done func() bool) {
	j.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		select {
		case <-j.child.done:
			j.t.Fatalf("quell ended (%v) before this: %s", j.child.cmd.ProcessState, what)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			j.t.Fatalf("waited %s in vain for this: %s", patience, what)
		}
	}
}

// kill ends the process with SIGKILL and waits for its end.
func (j *job) kill() {
	if err := j.child.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		j.t.Error(err)
	}
	<-j.child.done
}

// exit waits until the process has ended by itself and returns its exit code.
func (j *job) exit() int {
	j.t.Helper()
	select {
	case <-j.child.done:
	case <-time.After(patience):
		j.t.Fatalf("quell did not end within %s", patience)
	}
	return j.child.cmd.ProcessState.ExitCode()
}

// summary is what quell run --json says of one stream.
type summary struct {
	In      int64            `json:"in"`
	Fates   map[string]int64 `json:"fates"`
	Records int64            `json:"records"`
	Events  int64            `json:"events"`
	Series  int              `json:"series"`
}

// dead returns the number of samples that went to the dead letter.
func (s summary) dead() int64 {
	return s.Fates["late"] + s.Fates["conflicting"] + s.Fates["quarantined"] + s.Fates["surplus"] + s.Fates["malformed"]
}

// stop ends the process in order and returns the summary of the stream.
func (j *job) stop(stream string) summary {
	j.t.Helper()
	if err := j.child.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		j.t.Fatal(err)
	}
	return j.summary(stream)
}

// summary waits for the end, which must be a good one, and returns the summary
// of the stream, whose fates must add up.
func (j *job) summary(stream string) summary {
	j.t.Helper()
	if code := j.exit(); code != 0 {
		j.t.Fatalf("quell run: exit code %d, want 0", code)
	}
	var all struct{ Streams map[string]summary }
	if err := json.Unmarshal(j.child.stdout.Bytes(), &all); err != nil {
		j.t.Fatalf("quell run --json printed %q: %v", j.child.stdout.String(), err)
	}
	s, ok := all.Streams[stream]
	if !ok {
		j.t.Fatalf("the summary lacks the stream %s: %s", stream, j.child.stdout.String())
	}
	var sum int64
	for _, n := range s.Fates {
		sum += n
	}
	if sum != s.In {
		j.t.Errorf("the fates %v add up to %d, but %d samples came in", s.Fates, sum, s.In)
	}
	return s
}

// logTail returns the last lines of the log of all processes of the job.
func (j *job) logTail(lines int) string {
	b, err := os.ReadFile(j.logPath())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
