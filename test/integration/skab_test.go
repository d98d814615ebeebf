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

// skabRepeats is how often the recording is sent, one behind the other. The last
// three times the pump is another one: see skabMessages.
const skabRepeats = 7

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
    source: {connection: cluster, topics: [NAME.raw], group: NAME, state_topic: NAME.state, codec: {type: json, time: ts, time_unit: ms}}
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

// reading is one message's time in nanoseconds and its values, by channel.
type reading struct {
	ts     int64
	values []float64
}

// skabMessages are the rows of the recording, again and again on a grid of one
// second. In the last part of the time current and flow are half as large again,
// which a monitor must notice.
func skabMessages(t *testing.T) (out []message, readings []reading) {
	t.Helper()
	header, rows := table(t, shared(t, "skab/valve1_0.csv.gz"), 0)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for k := range skabRepeats {
		for _, row := range rows {
			at := start.Add(time.Duration(len(out)) * time.Second)
			m, r := map[string]any{"ts": at.UnixMilli()}, reading{ts: at.UnixNano()}
			for _, c := range skabChannels {
				v := number(t, row[slices.Index(header, c)])
				if k >= skabRepeats*2/3 && (c == "current" || c == "volume_flow_raterms") {
					v *= 1.5
				}
				m[c] = v
				r.values = append(r.values, v)
			}
			payload, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			out, readings = append(out, message{key: "valve-1", payload: payload}), append(readings, r)
		}
	}
	return out, readings
}

func TestSKAB(t *testing.T) {
	needBrokers(t)
	messages, readings := skabMessages(t)
	var records, alerts *arrivals
	ok := t.Run("denoise", func(t *testing.T) { records, alerts = skabWhole(t, messages, readings) })
	if !ok {
		t.Fatal("there is no uninterrupted run to compare the other with")
	}
	t.Run("killed", func(t *testing.T) { skabKilled(t, messages, records, alerts) })
}

func skabWhole(t *testing.T, messages []message, readings []reading) (records, alerts *arrivals) {
	const name = "skab-whole"
	createTopic(t, name+".raw")
	j := newJob(t, skabConfig(name))
	records = subscribe(t, name+"-records", name+"/clean/#")
	alerts = subscribe(t, name+"-alerts", name+"/alerts/#")
	j.startReady()
	if err := produce(t.Context(), name+".raw", messages, 0, nil); err != nil {
		t.Fatal(err)
	}
	want := len(messages) - lookahead
	j.until("all records are there", func() bool { return records.count() >= want })
	s := j.stop("valve")
	drainMQTT(t, name+"/clean/end", records)
	drainMQTT(t, name+"/alerts/end", alerts)
	records.check(t)
	alerts.check(t)
	lost, wrong := 0, 0
	for _, r := range readings[:want] {
		payload, _, ok := records.get(recordKey("valve", "valve-1", r.ts))
		if !ok {
			lost++
			continue
		}
		channels := parse(t, payload).Channels
		for i, v := range r.values {
			if got := channels[fmt.Sprintf("c%d", i)].Raw; got == nil || *got != v {
				wrong++
			}
		}
	}
	if lost > 0 || wrong > 0 || records.count() != want {
		t.Errorf("%d records of %d messages, %d lost, %d raw values differ", records.count(), len(messages), lost, wrong)
	}
	kinds := events(t, alerts)
	t.Logf("%d messages of %d channels, %d records, fates %v, events %v", len(messages), len(skabChannels), records.count(), s.Fates, kinds)
	if int64(len(alerts.items)) != s.Events || kinds["drift.opened"] == 0 {
		t.Errorf("%d events arrived, %d were sent, by kind %v: there must be a drift", len(alerts.items), s.Events, kinds)
	}
	return records, alerts
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

// withoutOutages leaves out events of sources and sinks, which depend on the clock:
// a group that a kill left takes seconds to be joined again.
func (a *arrivals) withoutOutages(t *testing.T) {
	t.Helper()
	for key, item := range a.items {
		if k := parse(t, item).Kind; strings.HasPrefix(k, "source.") || strings.HasPrefix(k, "sink.") {
			delete(a.items, key)
		}
	}
}

// So that each life of the process has checkpoints to resume from and does not
// race through what piled up, at most so many messages are in Kafka that have no
// record yet, batches come at this pace, and no life is shorter than this.
const (
	skabAhead = 200
	skabPace  = 400 * time.Millisecond
	skabLife  = 1200 * time.Millisecond
)

func skabKilled(t *testing.T, messages []message, wantRecords, wantAlerts *arrivals) {
	const name = "skab-killed"
	createTopic(t, name+".raw")
	j := newJob(t, skabConfig(name))
	records := subscribe(t, name+"-records", name+"/clean/#")
	alerts := subscribe(t, name+"-alerts", name+"/alerts/#")
	j.startReady()
	var latest time.Time
	room := func(i int) bool {
		if i >= records.count()+skabAhead || time.Since(latest) < skabPace {
			return false
		}
		latest = time.Now()
		return true
	}
	sending := inBackground(t, func(ctx context.Context) error { return produce(ctx, name+".raw", messages, 0, room) })
	seen := killTenTimes(t, j, records, len(messages)-lookahead, 12, skabLife)
	if err := <-sending; err != nil {
		t.Fatal(err)
	}
	j.until("all records are there", func() bool { return records.count() >= len(messages)-lookahead })
	j.ready()
	j.stop("valve")
	drainMQTT(t, name+"/clean/end", records)
	drainMQTT(t, name+"/alerts/end", alerts)
	records.check(t)
	alerts.check(t)
	t.Logf("%d records, %d of the %d seen before a kill came again; %d events, %d of them again", records.count(), records.copies, seen, len(alerts.items), alerts.copies)
	if records.copies > seen/2 {
		t.Errorf("%d of %d records came again: the process does not resume where its checkpoints are", records.copies, seen)
	}
	records.compare(t, wantRecords)
	alerts.withoutOutages(t)
	alerts.compare(t, wantAlerts)
}
