//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// alertsConfig tells of drifts and outages to Alertmanager, and beside it to a file.
const alertsConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
links: {dashboard: "http://dash/?series={series}"}
connections:
  plant: {type: mqtt, url: "mqtt://@MQTT@", client_id: alerts}
  cluster: {type: kafka, brokers: ["@KAFKA@"]}
streams:
  s:
    source: {connection: plant, topics: ["alerts/{series}"], codec: {type: json, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: 1}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [pager, events, bus, log]
sinks:
  pager: {type: alertmanager, url: "AM", labels: {team: water}, resend: 1s, resolve_timeout: 10s}
  events: {type: file, path: "@DIR@/events.jsonl", emit: events}
  bus: {type: mqtt, connection: plant, topic: "events/{stream}/{series}", emit: events}
  log: {type: kafka, connection: cluster, topic: quell.events, emit: events}
`

// fired is an alert as Alertmanager tells of it.
type fired struct {
	Labels, Annotations map[string]string
	StartsAt            time.Time
	GeneratorURL        string
}

// firing returns the alerts that Alertmanager holds to be open; without one that
// answers, it fails the test.
func firing(t *testing.T, url string) []fired {
	t.Helper()
	resp, err := http.Get(url + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []fired
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// startAlertmanager starts a private one and returns its folder, port and address.
func startAlertmanager(t *testing.T) (dir, port, url string) {
	t.Helper()
	n, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	dir, port = t.TempDir(), strconv.Itoa(n)
	t.Cleanup(func() { _ = script("alertmanager.sh", "kill", dir) })
	if err := script("alertmanager.sh", "up", dir, port); err != nil {
		t.Fatal(err)
	}
	return dir, port, "http://" + address(n)
}

// readings returns n messages of a sensor from slot from on, with noise of a
// deviation.
func readings(r *rand.Rand, from, n int, dev float64) (out []message) {
	for i := from; i < from+n; i++ {
		x := math.Sin(2*math.Pi*float64(i)/50) + dev*r.NormFloat64()
		out = append(out, message{topic: "alerts/pump-1", payload: fmt.Appendf(nil, `{"ts":%d,"x":%g}`, 1767225600000+1000*int64(i), x)})
	}
	return out
}

// TestAlertmanager takes a drift through its life: opened, kept open over a kill of
// quell and a restart of Alertmanager without its memory, and resolved; and tells
// elsewhere that Alertmanager was away.
func TestAlertmanager(t *testing.T) {
	needBrokers(t)
	am, port, url := startAlertmanager(t)
	createTopic(t, "quell.events")
	bus, log := subscribe(t, "alerts-reader", "events/#"), consume(t, "quell.events")
	j := newJob(t, strings.ReplaceAll(alertsConfig, "AM", url))
	j.startReady()
	c, r := mqttClient(t, "alerts-sensor"), rand.New(rand.NewPCG(1, 2))
	send := func(from, n int, dev float64) {
		t.Helper()
		if err := publish(t.Context(), c, readings(r, from, n, dev), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 3000, .1)
	send(3000, 1000, .8)
	j.until("Alertmanager has the drift", func() bool { return len(firing(t, url)) > 0 })
	first := firing(t, url)[0]
	for name, want := range map[string]string{"alertname": "QuellDrift", "stream": "s", "series": "pump-1", "severity": "warning", "team": "water"} {
		if first.Labels[name] != want {
			t.Errorf("label %s is %q, want %q", name, first.Labels[name], want)
		}
	}
	if first.Annotations["why"] == "" || first.Annotations["link"] != "http://dash/?series=pump-1" || first.GeneratorURL != first.Annotations["link"] {
		t.Errorf("annotations %v, generator %q", first.Annotations, first.GeneratorURL)
	}

	j.kill()
	j.startReady()
	if err := script("alertmanager.sh", "kill", am); err != nil {
		t.Fatal(err)
	}
	j.until("quell tells that Alertmanager is away", func() bool { return told(t, j, "sink.down") > 0 })
	if err := os.RemoveAll(filepath.Join(am, "data")); err != nil {
		t.Fatal(err)
	}
	if err := script("alertmanager.sh", "up", am, port); err != nil {
		t.Fatal(err)
	}
	find := func() (drift *fired) {
		for _, f := range firing(t, url) {
			if f.Labels["alertname"] == "QuellDrift" {
				drift = &f
			}
		}
		return drift
	}
	j.until("the open drift was sent again", func() bool { return find() != nil })
	if again := find(); !again.StartsAt.Equal(first.StartsAt) {
		t.Errorf("after the restarts the alert began at %s, it was %s", again.StartsAt, first.StartsAt)
	}

	send(4000, 1000, .1)
	j.until("the drift is resolved", func() bool { return find() == nil })
	j.until("quell tells that Alertmanager is back", func() bool { return told(t, j, "sink.up") > 0 })
	j.until("nothing fires any more", func() bool { return len(firing(t, url)) == 0 })
	j.stop("s")
	for name, a := range map[string]*arrivals{"MQTT": bus, "Kafka": log} {
		waitFor(t, "the events on "+name, func() bool { return a.kind("sink.up") == 1 })
		for _, kind := range []string{"drift.opened", "drift.resolved", "sink.down"} {
			if n := a.kind(kind); n != 1 {
				t.Errorf("%s brought %d different events of kind %s, want 1", name, n, kind)
			}
		}
	}
	for kind, want := range map[string]int{"drift.opened": 1, "drift.resolved": 1, "sink.down": 1, "sink.up": 1, "source.down": 0} {
		if n := told(t, j, kind); n != want {
			t.Errorf("%d different events of kind %s, want %d", n, kind, want)
		}
	}
}

// kind returns how many different events of a kind have arrived.
func (a *arrivals) kind(kind string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.items {
		if e := (record{}); json.Unmarshal(b, &e) == nil && e.Kind == kind {
			n++
		}
	}
	return n
}

// told returns how many different events of a kind quell wrote to its file.
func told(t *testing.T, j *job, kind string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(j.dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, line := range strings.Split(string(b), "\n") {
		if e := (record{}); json.Unmarshal([]byte(line), &e) == nil && e.Kind == kind {
			ids[e.ID] = true
		}
	}
	return len(ids)
}

// TestAlertsExample runs configs/alerts.yaml with a real Alertmanager in its place.
func TestAlertsExample(t *testing.T) {
	needBrokers(t)
	_, _, url := startAlertmanager(t)
	b, err := os.ReadFile(filepath.Join(root(), "configs", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(t, strings.ReplaceAll(string(b), "http://localhost:9093", url)+"\nhttp: {listen: \"@HTTP@\"}\n")
	j.startReady()
	records := filepath.Join(j.dir, "clean.jsonl")
	j.until("records come out", func() bool { s, err := os.Stat(records); return err == nil && s.Size() > 0 })
	j.until("nobody listens to the webhook, and quell says so", func() bool {
		for _, f := range firing(t, url) {
			if f.Labels["alertname"] == "QuellSink" && f.Labels["sink"] == "hook" && f.Annotations["why"] != "" {
				return true
			}
		}
		return false
	})
	// Events go to standard output here, so that there is no summary to read.
	if err := j.child.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := j.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
