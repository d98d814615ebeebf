//go:build faults

package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// secureConfig goes from a source to a file; @SOURCE@ and @CONNECTION@ are put in.
const secureConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  plant: @CONNECTION@
streams:
  s: {source: @SOURCE@, channels: [x], adapt: {mode: off}, sinks: [out]}
sinks: {out: {type: file, path: "@DIR@/out.jsonl", emit: all}}
`

const (
	goodPassword  = "app-secret"
	wrongPassword = "not-the-secret"
)

// TestSecure has certificates, passwords and rights be wrong: one clear line says so,
// and no secret is printed.
func TestSecure(t *testing.T) {
	scenario(t, "secure")
	r := newRow(t, "wrong certificate, wrong password, no right")
	createTopics(t, 1, "secure.in")
	mqttSource := `{connection: plant, topics: ["secure/{series}"], no_data: 2s}`
	kafkaSource := `{connection: plant, topics: [secure.in], group: secure}`
	mqtt := func(ca, password string) string {
		return fmt.Sprintf(`{type: mqtt, url: "mqtts://@MQTTS@", client_id: secure, username: app, password: %s, tls: {ca_file: %q}}`, password, ca)
	}
	kafka := func(ca, password string) string {
		return fmt.Sprintf(`{type: kafka, brokers: ["@KAFKAS@"], tls: {ca_file: %q}, sasl: {mechanism: scram-sha-512, username: app, password: %s}}`, ca, password)
	}
	for _, c := range []struct {
		name, connection, source string
		says                     []string // what the line that tells of it holds
		ends                     bool     // the process ends with exit code 1; else it goes on trying
	}{
		{"mqtt-tls", mqtt(lab.KafkaCA, goodPassword), mqttSource, []string{"certificate", "tls.ca_file"}, true},
		{"kafka-tls", kafka(lab.MQTTCA, goodPassword), kafkaSource, []string{"certificate", "tls.ca_file"}, true},
		{"mqtt-password", mqtt("@MQTT_CA@", wrongPassword), mqttSource, []string{"credentials"}, true},
		{"kafka-password", kafka("@KAFKA_CA@", wrongPassword), kafkaSource, []string{"credentials"}, true},
		{"mqtt-right", mqtt("@MQTT_CA@", goodPassword), mqttSource, []string{"source.no_data"}, false},
		{"kafka-right", kafka("@KAFKA_CA@", goodPassword), kafkaSource, []string{"rights"}, true},
	} { // each broker has an authority of its own, which the other's certificate is not signed by
		t.Run(c.name, func(t *testing.T) {
			j := newJob(t, secureConfig, "@CONNECTION@", c.connection, "@SOURCE@", c.source)
			j.start()
			line := func() string { return lineWith(j.log(), c.says) }
			if c.ends {
				if code := j.exit(); code != 1 {
					r.miss("%s: exit code %d, want 1", c.name, code)
				}
			} else {
				for deadline := time.Now().Add(20 * time.Second); line() == "" && time.Now().Before(deadline); {
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Second) // whoever tries again must not say it again and again
				if j.ended() {
					r.miss("%s: the process has ended (%v)", c.name, j.cmd.ProcessState)
				}
			}
			text := line()
			t.Log(text)
			switch {
			case text == "":
				r.miss("%s: no line of the log holds %q:\n%s", c.name, c.says, j.logTail(10))
			case strings.Count(j.log(), "\n") > 12:
				r.miss("%s: %d lines in the log", c.name, strings.Count(j.log(), "\n"))
			}
			for _, secret := range []string{goodPassword, wrongPassword} {
				if strings.Contains(j.log(), secret) || strings.Contains(j.stdout.String(), secret) {
					r.miss("%s: a password is in the log", c.name)
				}
			}
			r.add(1, counts{}, 0)
		})
	}
}

// lineWith returns the first line that holds all the words.
func lineWith(text string, words []string) string {
next:
	for line := range strings.Lines(text) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return strings.TrimSpace(line)
	}
	return ""
}
