//go:build integration

package integration

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

const timeConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections: {m: {type: mqtt, url: "mqtt://@MQTT@", client_id: time}}
streams:
  t:
    source: {connection: m, topics: ["time/{series}"], codec: {type: json, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: 10, lateness: 200ms, late: revise, allowed_lateness: 4s, max_gap: 1s, idle_flush: 3s, state_ttl: 20s}
    model: {lookahead: 8}
    adapt: {mode: off}
    sinks: [out]
sinks: {out: {type: mqtt, connection: m, topic: "timed/{series}", emit: all}}
`

// timed are the messages of n slots of a series at 10 Hz, from slot first on.
func timed(series string, start int64, first, n int) (out []message) {
	for i := first; i < first+n; i++ {
		out = append(out, message{topic: "time/" + series, payload: fmt.Appendf(nil, `{"ts":%d,"x":%.3f}`, start+100*int64(i), math.Sin(float64(i)/9))})
	}
	return out
}

// TestTime has a series fall silent, its process killed, and a sample come late: what
// waits comes as provisional records and then for good, the late one revises its
// record, and the series is forgotten once others have gone on for long enough.
func TestTime(t *testing.T) {
	needBrokers(t)
	got := subscribe(t, "time-reader", "timed/#")
	j := newJob(t, timeConfig)
	j.startReady()
	c := mqttClient(t, "time-sensor")
	start := time.Now().Add(-time.Minute).UnixMilli()
	key := func(series string, slot, rev int) string {
		return fmt.Sprintf("t/%s/0/%d/%d", series, (start+100*int64(slot))*1e6, rev)
	}
	there := func(key string) func() bool {
		return func() bool { _, _, ok := got.get(key); return ok }
	}
	send := func(m ...message) {
		t.Helper()
		if err := publish(t.Context(), c, m, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	all := timed("a", start, 0, 100)
	late := all[40]
	send(all[:40]...)
	send(all[41:60]...)
	send(late)
	j.until("the late sample revises its record", there(key("a", 40, 1)))
	j.until("what waits comes as a provisional record", there(key("a", 59, -1)))
	j.kill()
	j.start()
	send(all[60:]...)
	j.until("the final record follows", there(key("a", 91, 0)))
	j.until("what waits comes again as a provisional record", there(key("a", 99, -1)))
	send(timed("b", start, 350, 20)...)
	j.until("the series is forgotten", func() bool { return got.kind("series.reset") > 0 })
	j.until("what waited of it has a final record", there(key("a", 99, 0)))

	sum := j.stop("t")
	if sum.Fates["raw"]+sum.Fates["pending"] != 120 || sum.dead() != 0 {
		t.Errorf("fates %v, want 120 samples raw or pending", sum.Fates)
	}
	got.check(t)
	for i := range 100 {
		if !there(key("a", i, 0))() {
			t.Errorf("slot %d has no final record", i)
		}
	}
	first, _, _ := got.get(key("a", 40, 0))
	then, _, _ := got.get(key("a", 40, 1))
	if r := parse(t, first).Channels["x"]; r.Raw != nil || r.Quality != "filled" {
		t.Errorf("before the late sample: %s", first)
	}
	if r := parse(t, then).Channels["x"]; r.Raw == nil || r.Quality != "good" || !strings.Contains(string(late.payload), fmt.Sprintf("%.3f", *r.Raw)) {
		t.Errorf("after the late sample: %s", then)
	}
}
