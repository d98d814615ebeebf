//go:build ops

package ops

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// patience is how long a test waits for what should happen soon. It bounds a test
// that hangs and says nothing about speed.
const patience = 90 * time.Second

// quell is the path of the binary under test, static as it is shipped.
var quell string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quell-ops-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	quell = filepath.Join(dir, "quell")
	build := exec.Command("go", "build", "-trimpath", "-o", quell, "./cmd/quell")
	build.Dir, build.Env = root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// root is that of the repository.
func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// need skips the test where a tool is not installed; in CI it fails.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if _, err := os.Stat("/usr/sbin/" + tool); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: run scripts/tools.sh", tool)
		}
		t.Skipf("%s is not installed: run scripts/tools.sh", tool)
	}
}

// command runs a tool in the root of the repository and returns what it printed;
// without success it fails the test.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = root()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// await polls until is holds.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := harness.FreePorts(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start runs a program until the test ends and returns its standard error, which is
// shown where the test fails.
func start(t *testing.T, env []string, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(name), log.String())
		}
	})
	return cmd
}

// prometheus is what a running one answers.
type prometheus struct {
	t   *testing.T
	url string
}

// get decodes the data of an answer of the API.
func (p prometheus) get(path string, data any) error {
	resp, err := http.Get(p.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// sample is one series of an answer, with its newest value.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query returns the series that an expression gives; a wrong one fails the test.
func (p prometheus) query(expr string) []sample {
	p.t.Helper()
	var data struct{ Result []sample }
	if err := p.get("/api/v1/query?query="+url.QueryEscape(expr), &data); err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	return data.Result
}
