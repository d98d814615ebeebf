//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// captureConfig goes from MQTT, stamped at arrival, to a file.
const captureConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  plant: {type: mqtt, url: "mqtt://@MQTT@", client_id: capture}
streams:
  s:
    source: {connection: plant, topics: ["capture/{series}"], codec: {type: json}}
    channels: [x]
    window: {rate_hz: 100, max_gap: 1m}
    model: {use: base, lookahead: 8}
    sinks: [all]
sinks:
  all: {type: file, path: "@DIR@/all.jsonl", emit: all}
`

// TestCaptureMQTT captures messages whose time is that of their arrival, garbage
// among them, stops in the middle, and runs them again: what comes out, sample for
// sample, is what came out at first.
func TestCaptureMQTT(t *testing.T) {
	needBrokers(t)
	j := newJob(t, captureConfig)
	j.verb = []string{"capture", "-o", filepath.Join(j.dir, "capture")}
	j.startReady()
	var messages []message
	for i := range 2000 {
		payload := fmt.Appendf(nil, `{"x":%g}`, math.Sin(float64(i)/9))
		if i%100 == 50 {
			payload = []byte("garbage")
		}
		messages = append(messages, message{topic: "capture/" + string(rune('a'+i%3)), payload: payload})
	}
	if err := publish(t.Context(), mqttClient(t, "capture-sensor"), messages, 500, nil); err != nil {
		t.Fatal(err)
	}
	all := filepath.Join(j.dir, "all.jsonl")
	j.until("records come out", func() bool { s, err := os.Stat(all); return err == nil && s.Size() > 100_000 })
	sum := j.stop("s")
	if sum.Fates["malformed"] == 0 || sum.Records < 100 {
		t.Fatalf("the capture has little to show: %+v", sum)
	}

	var out [2][]byte
	for i := range out {
		path := filepath.Join(j.dir, fmt.Sprintf("replay%d.jsonl", i))
		cmd := exec.Command(lab.Quell, "replay", filepath.Join(j.dir, "capture"), "-c", j.config, "--deterministic", "-o", path, "--json")
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if out[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"malformed":%d`, sum.Fates["malformed"]); !bytes.Contains(text, []byte(want)) {
			t.Errorf("replay %d says %s, want %s", i, text, want)
		}
	}
	if !bytes.Equal(out[0], out[1]) {
		t.Error("two replays differ")
	}
	live, err := os.ReadFile(all)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := sorted(live), sorted(out[0]); !slices.Equal(a, b) {
		t.Errorf("the captured run gave %d lines and the replay %d, or others", len(a), len(b))
	}
}

// sorted returns the lines of an output in an order that does not depend on how the
// series took turns.
func sorted(b []byte) []string {
	out := strings.Split(string(b), "\n")
	slices.Sort(out)
	return out
}
