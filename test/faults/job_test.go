//go:build faults

package faults

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// job is one configuration and the folder it is run in, by processes one after the
// other.
type job struct {
	t            *testing.T
	dir          string
	config       string
	address, url string   // of the HTTP listener
	within       []string // what the process is started with, such as nsenter
	env          []string
	bound        time.Duration // of waits for a start and an end; 0: patience

	cmd    *exec.Cmd
	stdout *bytes.Buffer
	done   chan struct{} // closed once the process has ended
	peak   int64         // resident memory of all processes at most, bytes
}

// newJob writes a configuration in which @DIR@ is the job's folder, @HTTP@ a free
// address, @MQTT@, @MQTTS@, @KAFKA@ and @KAFKAS@ are the brokers' addresses, and
// further pairs of words stand for each other.
func newJob(t *testing.T, config string, pairs ...string) *job {
	t.Helper()
	dir := t.TempDir()
	port, err := harness.FreePorts(lab.From, 1)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, dir: dir, config: filepath.Join(dir, "quell.yaml"), address: harness.Address(port), url: "http://" + harness.Address(port)}
	j.configure(config, pairs...)
	t.Cleanup(func() {
		if j.cmd != nil {
			j.kill()
		}
		if t.Failed() {
			t.Logf("end of the log of quell:\n%s", j.logTail(30))
		}
	})
	return j
}

// configure writes a configuration for the processes that are started from now on, with
// the words of newJob.
func (j *job) configure(config string, pairs ...string) {
	j.t.Helper()
	pairs = append(pairs[:len(pairs):len(pairs)], "@DIR@", j.dir, "@HTTP@", j.address,
		"@MQTTS@", harness.Address(lab.MQTTPort+1), "@MQTT@", harness.Address(lab.MQTTPort), "@MQTT_CA@", lab.MQTTCA,
		"@KAFKAS@", harness.Address(lab.KafkaPort+1), "@KAFKA@", harness.Address(lab.KafkaPort), "@KAFKA_CA@", lab.KafkaCA)
	// Twice, since what is put in may hold words itself.
	r := strings.NewReplacer(pairs...)
	if err := os.WriteFile(j.config, []byte(r.Replace(r.Replace(config))), 0o600); err != nil {
		j.t.Fatal(err)
	}
}

func (j *job) logPath() string { return filepath.Join(j.dir, "stderr.log") }

// start runs quell on the job's configuration.
func (j *job) start() { j.t.Helper(); j.run("run", "-c", j.config, "--json") }

// run runs quell.
func (j *job) run(args ...string) {
	j.t.Helper()
	log, err := os.OpenFile(j.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		j.t.Fatal(err)
	}
	line := append(append(j.within[:len(j.within):len(j.within)], lab.Quell), args...)
	cmd, done := exec.Command(line[0], line[1:]...), make(chan struct{})
	j.stdout = new(bytes.Buffer)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = j.dir, append(os.Environ(), j.env...), j.stdout, log
	if err := cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	go func() {
		defer close(done)
		_ = cmd.Wait() // ProcessState says how it ended
		log.Close()
	}()
	j.cmd, j.done = cmd, done
}

func (j *job) startReady() { j.t.Helper(); j.start(); j.ready() }

// ready waits until the process's source and sinks are up.
func (j *job) ready() {
	j.t.Helper()
	j.untilWithin(cmp.Or(j.bound, patience), "quell is ready", j.isReady)
}

func (j *job) isReady() bool {
	resp, err := http.Get(j.url + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// until waits for a condition while the process runs.
func (j *job) until(what string, done func() bool) { j.t.Helper(); j.untilWithin(patience, what, done) }

func (j *job) untilWithin(bound time.Duration, what string, done func() bool) {
	j.t.Helper()
	for deadline := time.Now().Add(bound); !done(); {
		j.look()
		select {
		case <-j.done:
			j.t.Fatalf("quell ended (%v) before this: %s", j.cmd.ProcessState, what)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			j.t.Fatalf("waited %s in vain for this: %s", bound, what)
		}
	}
}

// look takes the process's peak of resident memory.
func (j *job) look() {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", j.cmd.Process.Pid))
	if err != nil {
		return // it has ended
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64); err == nil {
				j.peak = max(j.peak, kb<<10)
			}
		}
	}
}

// kill ends the process with SIGKILL and waits for its end.
func (j *job) kill() {
	j.look()
	if err := j.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		j.t.Error(err)
	}
	<-j.done
}

// ended says whether the process has.
func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// exit waits until the process has ended by itself and returns its exit code.
func (j *job) exit() int {
	j.t.Helper()
	bound := cmp.Or(j.bound, patience)
	select {
	case <-j.done:
	case <-time.After(bound):
		j.t.Fatalf("quell did not end within %s", bound)
	}
	return j.cmd.ProcessState.ExitCode()
}

// summary is what quell run --json says of one stream.
type summary struct {
	In      int64            `json:"in"`
	Fates   map[string]int64 `json:"fates"`
	Records int64            `json:"records"`
	Events  int64            `json:"events"`
	Series  int              `json:"series"`
}

// signal asks the process to end in order.
func (j *job) signal() {
	j.t.Helper()
	j.look()
	if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		j.t.Fatal(err)
	}
}

// stop ends the process in order and returns the summary of the stream s.
func (j *job) stop(r *row) summary { j.t.Helper(); return j.stopAll(r)["s"] }

// stopAll ends the process in order and returns the summaries of its streams, whose
// fates must add up.
func (j *job) stopAll(r *row) map[string]summary {
	j.t.Helper()
	j.signal()
	if code := j.exit(); code != 0 {
		j.t.Fatalf("quell run: exit code %d, want 0", code)
	}
	var all struct{ Streams map[string]summary }
	if err := json.Unmarshal(j.stdout.Bytes(), &all); err != nil {
		j.t.Fatalf("quell run --json printed %q: %v", j.stdout.String(), err)
	}
	for name, s := range all.Streams {
		var sum int64
		for _, n := range s.Fates {
			sum += n
		}
		if sum != s.In {
			r.miss("stream %s: the fates %v add up to %d, but %d samples came in", name, s.Fates, sum, s.In)
		}
	}
	return all.Streams
}

// log returns what all processes of the job have logged.
func (j *job) log() string {
	b, err := os.ReadFile(j.logPath())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (j *job) logTail(lines int) string {
	all := strings.Split(strings.TrimSpace(j.log()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// metric returns the sum of a metric over its labels, 0 where it is not told.
func (j *job) metric(name string) (sum float64) {
	resp, err := http.Get(j.url + "/metrics")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		return 0
	}
	for line := range strings.Lines(b.String()) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		fields := strings.Fields(line)
		if v, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += v
		}
	}
	return sum
}
