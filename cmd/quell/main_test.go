package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/test/harness"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"quell": main,
	})
}

// exitCode runs a command and compares its exit code: exitcode N COMMAND…
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command…")
	}
	code := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// cut takes bytes off the end of the last segment of a capture: cut CAPTURE BYTES.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut CAPTURE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	segs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.seg"))
	ts.Check(err)
	if len(segs) == 0 {
		ts.Fatalf("%s is no capture", args[0])
	}
	last := segs[len(segs)-1]
	info, err := os.Stat(last)
	ts.Check(err)
	ts.Check(os.Truncate(last, info.Size()-int64(n)))
}

// freePort puts a port that nobody listens on into the environment: freeport NAME.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	port, err := harness.FreePorts(0, 1)
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}

// await waits until a URL, asked with a token, answers with a text in it: await URL TOKEN
// TEXT.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await URL TOKEN TEXT")
	}
	req, err := http.NewRequest(http.MethodGet, args[0], nil)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[1])
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var b []byte
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			b, err = io.ReadAll(res.Body)
			ts.Check(res.Body.Close())
		}
		if strings.Contains(string(b), args[2]) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no answer with %q: %s, %v", args[2], b, err)
		}
	}
}

// inbox is what a broker was given, a line each.
type inbox struct {
	mu    sync.Mutex
	lines []string
}

func (b *inbox) add(m mqtttest.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, fmt.Sprintf("%s %q\n", m.Topic, m.Payload))
}

// published puts what the broker of $BROKER was given into stdout.
func (b *inbox) published(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: published")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs("published"), []byte(strings.Join(b.lines, "")), 0o600))
	ts.Check(ts.Exec("cat", "published"))
}

// talk has two devices publish below look/ for as long as the test goes on, ten times a
// second by their own clocks.
func talk(t *testing.T, b *mqtttest.Broker) {
	quit, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(quit); <-done })
	go func() {
		defer close(done)
		for i := int64(0); ; i++ {
			for _, device := range []string{"d1", "d2"} {
				text := fmt.Sprintf(`{"ts":%d,"v":{"temp":%d.5},"state":"on"}`, 1_780_000_000_000+100*i, 20+i%3)
				for topic, payload := range map[string]string{"look/" + device + "/t": text, "plain/" + device + "/temp": "20.5", "plain/" + device + "/flow": "3"} {
					if err := b.Server.Publish(topic, []byte(payload), false, 0); err != nil {
						return // the broker has ended
					}
				}
			}
			select {
			case <-quit:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
}

// TestScripts runs each script of testdata/script: one behaviour per file, as a
// user would type it. $CONFIGS is the folder of shipped examples, $MODELS that of
// the model packages with their golden files, $BROKER the URL of an MQTT broker, and
// $TALKER that of one on which two devices publish, JSON and plain numbers.
func TestScripts(t *testing.T) {
	configs, err := filepath.Abs("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	models, err := filepath.Abs("../../model")
	if err != nil {
		t.Fatal(err)
	}
	in := &inbox{}
	broker := mqtttest.Start(t, mqtttest.Rules{Published: in.add})
	talker := mqtttest.Start(t, mqtttest.Rules{})
	talk(t, talker)
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode, "published": in.published, "cut": cut, "gen": gen, "genfaults": genFaults, "freeport": freePort, "await": await},
		Setup: func(e *testscript.Env) error {
			e.Setenv("CONFIGS", configs)
			e.Setenv("BROKER", broker.URL)
			e.Setenv("TALKER", talker.URL)
			e.Setenv("MODELS", models)
			return nil
		},
	})
}
