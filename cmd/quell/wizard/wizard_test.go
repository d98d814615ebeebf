package wizard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// gateway is what a gateway sends for three devices, twice a second each.
func gateway(topic func(device int) string, payload func(i, device int) string) (out []Message) {
	at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for i := range 40 {
		for d := range 3 {
			out = append(out, Message{topic(d), []byte(payload(i, d)), at.Add(time.Duration(i) * 500 * time.Millisecond)})
		}
	}
	return out
}

func TestPropose(t *testing.T) {
	for _, c := range []struct {
		name string
		plan Plan
		seen []Message
		want string // of the file
	}{
		{"series by topic, seconds", Plan{MQTT: "mqtt://h", Topics: []string{"#"}}, gateway(func(d int) string { return fmt.Sprintf("a/d%d/t", d) },
			func(i, d int) string { return fmt.Sprintf(`{"time":%g,"temp":%d}`, 1.78e9+float64(i)/2, d) }),
			"topics: [\"a/{series}/t\"]|time: time, time_unit: s|rate_hz: 2}|temp: {}"},
		{"series by field, text times, nested", Plan{MQTT: "mqtt://h", Topics: []string{"gw"}}, gateway(func(int) string { return "gw" },
			func(i, d int) string {
				return fmt.Sprintf(`[{"dev":{"id":"d%d"},"at":%q,"v":{"t":1,"h":2},"n":{"t":3}}]`, d, time.Unix(int64(i)*2, 0).UTC().Format(time.RFC3339))
			}),
			"series: dev.id, time: at, time_unit: rfc3339|rate_hz: 0.5}|h: {path: v.h}|v_t: {path: v.t}|t: {path: n.t}"},
		{"plain numbers by channel", Plan{MQTT: "mqtt://h", Topics: []string{"s/{series}/{channel}"}}, gateway(func(d int) string { return fmt.Sprintf("s/x/c%d", d) },
			func(i, d int) string { return "4.5" }), "type: plain|c0: {}|c2: {}|rate_hz: 2}"},
		{"plain numbers, quantities last", Plan{MQTT: "mqtt://h", Topics: []string{"sensors/#"}}, gateway(func(d int) string { return []string{"sensors/p1/temp", "sensors/p2/temp", "sensors/p1/pressure"}[d] },
			func(i, d int) string { return "4.5" }), "topics: [\"sensors/{series}/{channel}\"]|pressure: {}|temp: {}|2 series by level 2"},
		{"plain numbers, quantities first", Plan{MQTT: "mqtt://h", Topics: []string{"#"}}, gateway(func(d int) string { return []string{"temp/p1", "temp/p2", "pressure/p1"}[d] },
			func(i, d int) string { return "4.5" }), "topics: [\"{channel}/{series}\"]|pressure: {}|temp: {}"},
		{"plain numbers, unknown names", Plan{MQTT: "mqtt://h", Topics: []string{"x/#"}}, gateway(func(d int) string { return []string{"x/aa/d1", "x/bb/d1", "x/aa/d2"}[d] },
			func(i, d int) string { return "4.5" }), "topics: [\"x/{channel}/{series}\"]|aa: {}|bb: {}"},
		{"plain numbers, one device of one", Plan{MQTT: "mqtt://h", Topics: []string{"sensors/#"}}, gateway(func(int) string { return "sensors/p1/temp" },
			func(i, d int) string { return "4.5" }), "topics: [\"sensors/{series}/{channel}\"]|temp: {}"},
		{"plain numbers, one per device", Plan{MQTT: "mqtt://h", Topics: []string{"sensors/+"}}, gateway(func(d int) string { return fmt.Sprintf("sensors/p%d", d) },
			func(i, d int) string { return "4.5" }), "topics: [\"sensors/{series}\"]|value: {}"},
		{"plain numbers, the quantities of one device", Plan{MQTT: "mqtt://h", Topics: []string{"boiler/+"}}, gateway(func(d int) string { return []string{"boiler/temp", "boiler/flow", "boiler/level"}[d] },
			func(i, d int) string { return "4.5" }), "topics: [\"boiler/{channel}\"]|flow: {}|default_series: boiler"},
		{"plain numbers, the series given", Plan{MQTT: "mqtt://h", Topics: []string{"s/{series}/#"}}, gateway(func(d int) string { return fmt.Sprintf("s/x/c%d", d) },
			func(i, d int) string { return "4.5" }), "topics: [\"s/{series}/{channel}\"]|c0: {}|c2: {}"},
		{"plain numbers, the channels given", Plan{MQTT: "mqtt://h", Topics: []string{"#"}, Channels: []Channel{{Name: "c1"}}}, gateway(func(d int) string { return fmt.Sprintf("c%d/x", d) },
			func(i, d int) string { return "4.5" }), "topics: [\"{channel}/x\"]|c1: {}|default_series: x"},
		{"topics of several depths", Plan{MQTT: "mqtt://h", Topics: []string{"#"}}, gateway(func(d int) string { return []string{"s/p1/temp", "s/p1/flow", "s/p1/motor/rpm"}[d] },
			func(i, d int) string { return "4.5" }), "topics: [\"s/{series}/{channel}\"]|flow: {}|which are left out: 1"},
		{"what is given stays", Plan{Kafka: []string{"k"}, Topics: []string{"raw"}, Channels: []Channel{{"x", "temp"}}, Time: "t2", Unit: "ns", RateHz: 5, Series: "s"}, gateway(func(int) string { return "raw" },
			func(i, d int) string { return fmt.Sprintf(`{"ts":%d,"device":"d","temp":1}`, 1780000000+i) }), "x: {path: temp}|time: t2, time_unit: ns|series: s,|rate_hz: 5}"},
	} {
		if err := c.plan.Propose(c.seen); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := c.plan.Complete(); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text, err := c.plan.Text()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, w := range strings.Split(c.want, "|") {
			if !strings.Contains(text, w) {
				t.Errorf("%s: nothing says %q:\n%s", c.name, w, text)
			}
		}
	}
	// A topic whose every payload is something else is no channel.
	p := Plan{MQTT: "mqtt://h", Topics: []string{"s/{series}/{channel}"}}
	if err := p.Propose(gateway(func(d int) string { return fmt.Sprintf("s/x/c%d", d) }, func(_, d int) string { return []string{"4.5", "3", "ON"}[d] })); err != nil {
		t.Fatal(err)
	}
	if len(p.Channels) != 2 || p.Channels[0].Name != "c0" || p.Channels[1].Name != "c1" {
		t.Errorf("proposed %v", p.Channels)
	}
	twins := gateway(func(d int) string { return []string{"s/north/p1/temp", "s/south/p1/temp", "s/south/p2/temp"}[d] }, func(i, d int) string { return "1" })
	for _, seen := range [][]Message{nil, twins, {{Topic: "a", Payload: []byte("<xml/>")}}, {{Topic: "a", Payload: []byte(`{"a":"b"}`)}}} {
		p := Plan{MQTT: "mqtt://h", Topics: []string{"#"}}
		if err := p.Propose(seen); err == nil {
			t.Errorf("%v: proposed %+v", seen, p)
		}
	}
}

// FuzzPropose: whatever comes in, what is proposed is a configuration or an error.
func FuzzPropose(f *testing.F) {
	f.Add("a/b/c", `{"ts":1780000000,"x":1}`, "a/d/c", `{"ts":1780000001,"x":{"y":[1]}}`)
	f.Add("#", "1", "", "2")
	f.Add("a", `[{"id":"x","time":"2026-01-01T00:00:00Z","v":1e300}]`, "a/$x", "{}")
	f.Fuzz(func(t *testing.T, topic1, payload1, topic2, payload2 string) {
		var seen []Message
		for i := range 8 {
			m := Message{topic1, []byte(payload1), time.Unix(int64(i), 0)}
			if i%2 == 1 {
				m.Topic, m.Payload = topic2, []byte(payload2)
			}
			seen = append(seen, m)
		}
		p := Plan{MQTT: "mqtt://h", Topics: []string{"#"}}
		if p.Propose(seen) != nil || p.Complete() != nil {
			return
		}
		if len(p.Channels) > mostChannels || slices.Contains(p.Channels, Channel{}) {
			t.Fatalf("channels %v", p.Channels)
		}
		// Names that no configuration may have are an error, not a panic.
		_, _ = p.Text()
	})
}

// TestNames: what is read names the stream and its state, as far as its name can be one.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		plan Plan
		want string
	}{
		{Plan{File: "data/history.csv"}, "history"},
		{Plan{File: "Halle 3, März.csv.gz"}, "Halle-3-M-rz"},
		{Plan{File: "135_UCR.txt"}, "135_UCR"},
		{Plan{File: "温度.csv"}, "sensors"},
		{Plan{File: ".csv"}, "sensors"},
		{Plan{File: strings.Repeat("x", 99) + ".csv"}, strings.Repeat("x", 40)},
		{Plan{MQTT: "mqtt://h", Topics: []string{"{series}/+/boiler/t"}}, "boiler"},
		{Plan{MQTT: "mqtt://h", Topics: []string{"{series}/{channel}"}}, "sensors"},
		{Plan{Kafka: []string{"k"}, Topics: []string{"telemetry.raw"}}, "telemetry-raw"},
		{Plan{File: "a.csv", Stream: "mine"}, "mine"},
	} {
		c.plan.Channels = []Channel{{Name: "v"}}
		if err := c.plan.Complete(); err != nil {
			t.Fatal(err)
		}
		text, err := c.plan.Text()
		if err != nil {
			t.Fatalf("%s: %v", c.want, err)
		}
		for _, line := range []string{"\nstate_dir: quell-state-" + c.want + " ", "path: quell-state-" + c.want + "/dlq}", "\n  " + c.want + ":\n    source:"} {
			if !strings.Contains(text, line) {
				t.Errorf("%q is not in\n%s", line, text)
			}
		}
	}
}
