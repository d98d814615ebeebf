package assemble

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink"
)

const channelsFile = `version: 1
state_dir: %[1]s/state
http: {listen: off}
connections: {m: {type: mqtt, url: "%[2]s"}}
streams:
  a: {source: {connection: m, topics: ["a/{series}"], codec: {type: json, time: ts, time_unit: ms}}, channels: [%[3]s], window: {rate_hz: 100}, sinks: [a]}
sinks:
  a: {type: file, path: %[1]s/a.jsonl}
`

// TestReloadChannels reloads a stream with one channel more, in another order, with one
// less, and with others altogether: each is told beforehand and applied, each message is
// taken, and none of a channel is given out as that of another.
func TestReloadChannels(t *testing.T) {
	broker := mqtttest.Start(t, mqtttest.Rules{})
	dir := t.TempDir()
	path := filepath.Join(dir, "quell.yaml")
	write := func(channels string) {
		t.Helper()
		if err := os.WriteFile(path, fmt.Appendf(nil, channelsFile, dir, broker.URL, channels), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("u")
	p, r := running(t, path)
	sent, start := 0, time.Now().UnixMilli()
	send := func() {
		t.Helper()
		awaitReady(t, p)
		for range 200 {
			broker.Publish(t, "a/x", fmt.Sprintf(`{"ts":%d,"u":%d,"v":%d}`, start+int64(10*sent), sent%3, 100+sent%5), false)
			sent++
		}
		awaitMessages(t, p, map[string]int{"a": sent})
	}
	send()
	for _, step := range []struct{ channels, told string }{
		{"u, v", "of the channels u, and u, v are configured: at the next start or reload what is known of u goes on, v begins cold"},
		{"v, u", "what is known of v, u goes on, the monitors"},
		{"v", "what is known of v goes on, what is known of u is dropped"},
		{"u", "they begin anew"},
	} {
		write(step.channels)
		cfg, _, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		awaitState(t, cfg, step.told)
		if changed, _, err := r.Reload(t.Context()); err != nil || len(changed) != 1 {
			t.Fatalf("channels %s: changed %v, %v", step.channels, changed, err)
		}
		send()
	}
	lines, err := os.ReadFile(filepath.Join(dir, "a.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(lines)) {
		rec, err := sink.ParseRecord([]byte(line))
		if err != nil {
			continue // an event
		}
		seen[strings.Join(rec.Channels, ", ")] = true
		for i, name := range rec.Channels {
			if v := rec.Values[i].Clean; v == v && v > 50 != (name == "v") { // a new channel has none at first
				t.Fatalf("channel %s is %g: %s", name, v, line)
			}
		}
	}
	for _, channels := range []string{"u", "u, v", "v, u", "v"} {
		if !seen[channels] {
			t.Errorf("no record of channels %s", channels)
		}
	}
}

// awaitState waits until a check tells of the state on the disk what is wanted: a
// checkpoint comes in its time.
func awaitState(t *testing.T, cfg *config.Config, want string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		told := strings.Join(OtherChannels(cfg), "\n")
		if strings.Contains(told, want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a check says %q, want %q", told, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
	var finding Finding
	Doctor(t.Context(), &config.Config{StateDir: cfg.StateDir, Streams: cfg.Streams, HTTP: cfg.HTTP}, time.Second, func(f Finding) {
		if f.Subject == "streams.a" && f.Check == "state" {
			finding = f
		}
	})
	if finding.Status != FindingWarn || !strings.Contains(finding.Detail, want) {
		t.Errorf("the doctor says %+v", finding)
	}
}
