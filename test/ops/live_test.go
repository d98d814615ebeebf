//go:build ops

package ops

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// everything is a configuration in which each metric has a reason to be: a journal, a
// spool, a sink that is away, a model that is known at the start.
const everything = `
version: 1
state_dir: state
http: {listen: "127.0.0.1:@HTTP@"}
connections: {plant: {type: mqtt, url: "mqtt://127.0.0.1:@MQTT@", client_id: ops}}
streams:
  pumps:
    source: {connection: plant, topics: ["ops/{series}"], codec: {type: json, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: 10, lateness: 100ms}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [clean, hook]
  sim:
    source: {type: sim, seed: 1}
    window: {rate_hz: 100}
    model: {use: "@MODEL@"}
    adapt: {mode: off}
    sinks: [clean]
sinks:
  clean: {type: file, path: clean.jsonl}
  hook: {type: webhook, url: "http://127.0.0.1:1/hook", required: false, spool: {max_bytes: 4MiB, spill_after: 1s}}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startBroker starts a Mosquitto and returns its port and what kills it.
func startBroker(t *testing.T) (port int, kill func()) {
	t.Helper()
	need(t, "mosquitto")
	dir, port := t.TempDir(), freePort(t)
	script := func(verb string, args ...string) {
		cmd := exec.Command(filepath.Join(root(), "scripts/mosquitto.sh"), append([]string{verb, dir}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil && verb == "up" {
			t.Fatalf("mosquitto: %v\n%s", err, out)
		}
	}
	script("up", fmt.Sprint(port))
	kill = func() { script("kill") }
	t.Cleanup(kill)
	return port, kill
}

// send publishes readings of two sensors, and now and then what no one can read,
// until the test ends.
func send(t *testing.T, port int) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)).SetClientID("sender").SetConnectRetry(true))
	if tok := c.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal("the broker takes nobody: ", tok.Error())
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(quit); <-ended; c.Disconnect(0) })
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-quit:
				return
			}
			text := fmt.Sprintf(`{"ts":%d,"x":%d}`, time.Now().UnixMilli(), i%7)
			if i%20 == 0 {
				text = "{"
			}
			c.Publish(fmt.Sprintf("ops/p%d", i%2), 1, false, text)
		}
	}()
}

// startPrometheus starts one with the configuration that is shipped, in a hurry, and
// with a Quell on a port of its own.
func startPrometheus(t *testing.T, quellPort int) prometheus {
	t.Helper()
	need(t, "prometheus")
	dir, port := t.TempDir(), freePort(t)
	for _, name := range []string{rulesFile, alertsFile} {
		write(t, filepath.Join(dir, filepath.Base(name)), read(t, name))
	}
	conf := strings.NewReplacer("127.0.0.1:7070", fmt.Sprintf("127.0.0.1:%d", quellPort), "interval: 15s", "interval: 1s").Replace(read(t, "deploy/prometheus/prometheus.yaml"))
	write(t, filepath.Join(dir, "prometheus.yaml"), conf)
	start(t, nil, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--log.level=warn")
	p := prometheus{t, fmt.Sprintf("http://127.0.0.1:%d", port)}
	await(t, "Prometheus has scraped Quell", func() bool {
		var data struct{ Result []sample }
		return p.get(`/api/v1/query?query=up%20%3D%3D%201`, &data) == nil && len(data.Result) > 0
	})
	return p
}

// startQuell runs a configuration and returns the port of its HTTP server.
func startQuell(t *testing.T, config string, env ...string) int {
	t.Helper()
	port, path := freePort(t), filepath.Join(t.TempDir(), "quell.yaml")
	write(t, path, strings.ReplaceAll(config, "@HTTP@", fmt.Sprint(port)))
	start(t, env, quell, "run", "-c", path)
	await(t, "quell answers", func() bool { return scrape(port) != "" })
	return port
}

func scrape(port int) string {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(b)
}

// TestLive runs all rules and every query of the dashboard on a real Prometheus that
// scrapes a running Quell: each selector finds something, each panel has data. Then the
// broker dies, and that shows.
func TestLive(t *testing.T) {
	mqttPort, kill := startBroker(t)
	send(t, mqttPort)
	named := filepath.Join(t.TempDir(), "base.onnx")
	command(t, quell, "model", "export", "base", "-o", named)
	port := startQuell(t, strings.NewReplacer("@MQTT@", fmt.Sprint(mqttPort), "@MODEL@", named).Replace(everything))
	p := startPrometheus(t, port)

	for _, s := range selectors(read(t, rulesFile) + read(t, alertsFile)) {
		await(t, "a rule's selector finds something: "+s, func() bool { return len(p.query(s)) > 0 })
	}
	for _, q := range dashboardQueries(t) {
		await(t, "a panel has data: "+q, func() bool { return len(p.query(q)) > 0 })
	}
	await(t, "every rule was evaluated", func() bool { return unevaluated(t, p) == 0 })
	documented(t, scrape(port))
	checkMetrics(t, scrape(port))

	kill()
	await(t, "the source is down", func() bool { return len(p.query(`quell_source_up{stream="pumps"} == 0`)) == 1 })
	await(t, "its alert is on its way", func() bool {
		return len(p.query(`ALERTS{alertname="QuellSourceDown",stream="pumps"}`)) == 1
	})
	if got := p.query(`quell_source_up{stream="sim"} == 1`); len(got) != 1 {
		t.Errorf("the other source: %v, want it up", got)
	}
	await(t, "the sink that is away has its alert on its way", func() bool { return len(p.query(`ALERTS{alertname="QuellSinkDown",sink="hook"}`)) == 1 })
}

// checkMetrics holds what is scraped against what promtool takes for well made: names, units,
// types.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// unevaluated counts the rules that were not evaluated yet; one that can't be fails
// the test.
func unevaluated(t *testing.T, p prometheus) (n int) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := p.get("/api/v1/rules", &data); err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			all++
			switch r.Health {
			case "ok":
			case "unknown":
				n++
			default:
				t.Errorf("rule %s: %s", r.Name, r.LastError)
			}
		}
	}
	if want := strings.Count(read(t, rulesFile), "- record:") + strings.Count(read(t, alertsFile), "- alert:"); all != want {
		t.Errorf("Prometheus has %d rules, want %d", all, want)
	}
	return n
}

var (
	comment  = regexp.MustCompile(`(?m)\s*#.*$|^\s*(summary|description|runbook_url):.*$`)
	selector = regexp.MustCompile(`\b(?:quell[_:][\w:]+|process_\w+|go_\w+|up)(?:\{[^}]*\})?`)
)

// selectors returns the selectors of the expressions of a file, each once.
func selectors(text string) []string {
	var out []string
	for l := range strings.Lines(comment.ReplaceAllString(text, "")) {
		if strings.Contains(l, "- alert:") || strings.Contains(l, "labels:") || strings.Contains(l, "rule_files") {
			continue
		}
		out = append(out, selector.FindAllString(l, -1)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// dashboardQueries returns the queries of the dashboard, of its variables and
// annotations too, as Grafana would send them with everything chosen.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct {
				Name  string
				Query json.RawMessage
			}
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/quell.json")), &d); err != nil {
		t.Fatal(err)
	}
	chosen := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$instance", ".*", "$stream", ".*", "$sink", ".*")
	var out []string
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, q := range p.Targets {
			out = append(out, chosen.Replace(q.Expr))
		}
	}
	values := regexp.MustCompile(`label_values\((.*), (\w+)\)`)
	for _, v := range d.Templating.List {
		if m := values.FindStringSubmatch(strings.ReplaceAll(string(v.Query), `\"`, `"`)); m != nil {
			out = append(out, fmt.Sprintf("count by (%s) (%s)", m[2], chosen.Replace(m[1])))
		}
	}
	for _, a := range d.Annotations.List {
		out = append(out, strings.TrimSuffix(chosen.Replace(a.Expr), " > 0")) // nothing has started again
	}
	for _, q := range out {
		if strings.Contains(q, "$") {
			t.Errorf("a variable is left in %s", q)
		}
	}
	return out
}

// documented compares what is exposed with the table of docs/operations.md.
func documented(t *testing.T, exposed string) {
	t.Helper()
	is := names(regexp.MustCompile(`(?m)^# TYPE (quell_\w+) `), exposed)
	var table strings.Builder
	for l := range strings.Lines(read(t, "docs/operations.md")) {
		if strings.HasPrefix(l, "| `quell_") {
			table.WriteString(strings.SplitN(l, " | ", 2)[0] + "\n")
		}
	}
	said := names(regexp.MustCompile("`(quell_\\w+)"), table.String())
	if !slices.Equal(is, said) {
		t.Errorf("exposed are\n%v\nin the table of docs/operations.md\n%v", is, said)
	}
}
