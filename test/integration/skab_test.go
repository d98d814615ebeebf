//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// skabChannels are the sensors of the valve test bed, as its file names them.
var skabChannels = []string{"accelerometer1rms", "accelerometer2rms", "current", "pressure", "temperature", "thermocouple", "voltage", "volume_flow_raterms"}

// skabRepeats is how often the recording is sent, one behind the other.
const skabRepeats = 6

// skabConfig goes from Kafka to MQTT, alerts on a topic of their own.
func skabConfig(name string) string {
	text := `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  plant: {type: mqtt, url: "mqtt://@MQTT@", client_id: NAME}
  cluster: {type: kafka, brokers: ["@KAFKA@"]}
streams:
  valve:
    source: {connection: cluster, topics: [NAME.raw], group: NAME, codec: {type: json, time: ts, time_unit: ms}}
    channels: {CHANNELS}
    window: {rate_hz: 1}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [clean, alerts]
sinks:
  clean: {type: mqtt, connection: plant, topic: "NAME/clean/{series}"}
  alerts: {type: mqtt, connection: plant, topic: "NAME/alerts/{series}", emit: events}
`
	var list []string
	for i, c := range skabChannels {
		list = append(list, fmt.Sprintf("c%d: {path: %q}", i, c))
	}
	return strings.NewReplacer("NAME", name, "CHANNELS", strings.Join(list, ", ")).Replace(text)
}

// skabMessages are the rows of the recording, again and again on a grid of one
// second, and the times they carry in nanoseconds.
func skabMessages(t *testing.T) (out []message, ts []int64) {
	t.Helper()
	header, rows := table(t, shared(t, "skab/valve1_0.csv.gz"), 0)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range skabRepeats {
		for _, row := range rows {
			at := start.Add(time.Duration(len(out)) * time.Second)
			m := map[string]any{"ts": at.UnixMilli()}
			for _, c := range skabChannels {
				m[c] = number(t, row[slices.Index(header, c)])
			}
			payload, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, message{key: "valve-1", payload: payload})
			ts = append(ts, at.UnixNano())
		}
	}
	return out, ts
}

func TestSKAB(t *testing.T) {
	needBrokers(t)
	messages, ts := skabMessages(t)
	var whole *arrivals
	ok := t.Run("denoise", func(t *testing.T) { whole = skabWhole(t, messages, ts) })
	if !ok {
		t.Fatal("there is no uninterrupted run to compare the other with")
	}
	t.Run("killed", func(t *testing.T) { skabKilled(t, messages, whole) })
}

func skabWhole(t *testing.T, messages []message, ts []int64) *arrivals {
	const name = "skab-whole"
	createTopic(t, name+".raw")
	j := newJob(t, skabConfig(name))
	records := subscribe(t, name+"-records", name+"/clean/#")
	alerts := subscribe(t, name+"-alerts", name+"/alerts/#")
	j.startReady()
	if err := produce(t.Context(), name+".raw", messages, 0); err != nil {
		t.Fatal(err)
	}
	want := len(messages) - lookahead
	j.until("all records are there", func() bool { return records.count() >= want })
	s := j.stop("valve")
	drainMQTT(t, name+"/clean/end", records)
	drainMQTT(t, name+"/alerts/end", alerts)
	records.check(t)
	alerts.check(t)
	lost := 0
	for _, at := range ts[:want] {
		if _, _, ok := records.get(recordKey("valve", "valve-1", at)); !ok {
			lost++
		}
	}
	if lost > 0 || records.count() != want {
		t.Errorf("%d records of %d messages, %d lost", records.count(), len(messages), lost)
	}
	events := events(t, alerts)
	t.Logf("%d messages of %d channels, %d records, fates %v, events %v", len(messages), len(skabChannels), records.count(), s.Fates, events)
	if int64(len(alerts.items)) != s.Events {
		t.Errorf("%d events arrived, %d were sent", len(alerts.items), s.Events)
	}
	return records
}

// events counts events by kind and prints each.
func events(t *testing.T, a *arrivals) map[string]int {
	t.Helper()
	kinds := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(a.items)) {
		e := parse(t, a.items[key])
		kinds[e.Kind]++
		t.Logf("%s %s: %s", e.TS.Format(time.TimeOnly), e.Kind, e.Why)
	}
	return kinds
}

func skabKilled(t *testing.T, messages []message, whole *arrivals) {
	const name = "skab-killed"
	createTopic(t, name+".raw")
	j := newJob(t, skabConfig(name))
	records := subscribe(t, name+"-records", name+"/clean/#")
	j.startReady()
	sending := inBackground(t, func(ctx context.Context) error { return produce(ctx, name+".raw", messages, 1500) })
	killTenTimes(t, j, records, len(messages)-lookahead, 12)
	if err := <-sending; err != nil {
		t.Fatal(err)
	}
	j.until("all records are there", func() bool { return records.count() >= len(messages)-lookahead })
	j.stop("valve")
	drainMQTT(t, name+"/clean/end", records)
	records.check(t)
	t.Logf("%d records, %d of them came again", records.count(), records.copies)
	records.compare(t, whole)
}
