//go:build integration

package integration

import (
	"os/exec"
	"strings"
	"testing"
)

// secureConfig goes from MQTT with TLS and a password to Kafka with TLS and SCRAM.
const secureConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  plant: {type: mqtt, url: "mqtts://@MQTTS@", client_id: secure, username: app, password: MQTT_PASS, tls: {ca_file: "@MQTT_CA@"}}
  cluster: {type: kafka, brokers: ["@KAFKAS@"], tls: {ca_file: "@KAFKA_CA@"}, sasl: {mechanism: scram-sha-512, username: app, password: KAFKA_PASS}}
streams:
  s:
    source: {connection: plant, topics: ["sensors/{series}"], codec: {type: json, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: 1}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [clean]
sinks:
  clean: {type: kafka, connection: cluster, topic: secure.clean}
`

const password = "app-secret"

func secure(mqttPassword, kafkaPassword string) string {
	return strings.NewReplacer("MQTT_PASS", mqttPassword, "KAFKA_PASS", kafkaPassword).Replace(secureConfig)
}

func TestSecure(t *testing.T) {
	needBrokers(t)
	createTopic(t, "secure.clean")
	got := consume(t, "secure.clean")
	j := newJob(t, secure(password, password))
	j.startReady()
	// The doctor asks Kafka itself, over TLS and SCRAM, what it may do.
	out, err := exec.Command(lab.Quell, "doctor", "-c", j.config, "--json").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "secure.clean may be written") {
		t.Errorf("quell doctor: %v\n%s", err, out)
	}
	var messages []message
	for i := range 20 {
		messages = append(messages, message{topic: "sensors/a", payload: []byte(`{"ts":` + shortest(float64(1767225600000+1000*i)) + `,"x":` + shortest(float64(i%5)) + `}`)})
	}
	if err := publish(t.Context(), mqttClient(t, "secure-sensor"), messages, 0, nil); err != nil {
		t.Fatal(err)
	}
	j.until("the records have come through TLS", func() bool { return got.count() >= len(messages)-lookahead })
	j.stop("s")
	got.check(t)
}
