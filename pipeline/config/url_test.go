package config

import (
	"fmt"
	"testing"

	"github.com/quell-stream/quell/conn/mqttconn"
)

// TestURLsConnect: each broker's URL that a check takes is one that a run can connect to,
// and for each scheme some are.
func TestURLsConnect(t *testing.T) {
	taken := map[string]int{}
	take := func(scheme, rest string) {
		url := scheme + "://" + rest
		text := fmt.Sprintf("version: 1\nconnections: {m: {type: mqtt, url: %q}}\nstreams: {s: {source: {connection: m, topics: [\"a/{series}\"]}, channels: [v], sinks: [o]}}\nsinks: {o: {type: stdout}}\n", url)
		cfg, _, err := Parse("x", []byte(text), nil)
		if err != nil {
			return
		}
		taken[scheme]++
		c := mqttconn.Config{URL: cfg.Connections[0].URL}
		if err := c.Validate(); err != nil {
			t.Errorf("check takes %q, which can't be connected to: %v", url, err)
		}
	}
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss", "MQTT", "tcp", "ssl", "tls", "http", "unix", ""} {
		for _, host := range []string{"h", "broker.example", "10.0.0.1", "[::1]", "[fe80::1%25eth0]", "", "ü", "h_h", "-"} {
			take(scheme, host)
		}
		for _, port := range []string{":", ":1883", ":0", ":70000", ":x"} {
			take(scheme, "h"+port)
			take(scheme, "h"+port+"/mqtt")
		}
		for _, rest := range []string{"/", "/mqtt", "/a/b%20c", "/%zz", "?a=b", "#f", "/mqtt?", "//"} {
			take(scheme, "h"+rest)
		}
	}
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
		if taken[scheme] == 0 {
			t.Errorf("no URL with the scheme %s is taken", scheme)
		}
	}
}
