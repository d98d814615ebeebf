//go:build faults

package faults

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clockConfig has a stream whose devices send their own time, s, and one that goes by
// the time of arrival.
const clockConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  in: {type: mqtt, url: "mqtt://@MQTT@", client_id: clock-in}
  out: {type: mqtt, url: "mqtt://@MQTT@", client_id: clock-out}
streams:
  s:
    source: {connection: in, topics: ["clock/own/{series}"], codec: {type: json, series: device, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: 100, lateness: 200ms}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [out]
  arrival:
    source: {connection: in, topics: ["clock/arrival/{series}"], codec: {type: json}}
    channels: [x]
    window: {rate_hz: 100}
    adapt: {mode: off}
    sinks: [out]
sinks:
  out: {type: mqtt, connection: out, topic: "clock/out/{stream}/{series}", emit: all}
`

// device is a series whose stamps are wrong in some way.
type device struct {
	name   string
	sent   []sample
	epochs int   // that it ends in, beside the first
	dead   int64 // samples that go to the dead letter
	dup    int64 // samples that are dropped as identical duplicates
}

// devices returns one of each kind, with n samples each as of a time.
func devices(from int64, n int) []*device {
	at := func(name string, i int, ms int64) sample {
		rnd := rand.New(rand.NewPCG(uint64(i), 5))
		return sample{name, ms, math.Round((math.Sin(float64(i)/15)+0.1*rnd.NormFloat64())*1e6) / 1e6}
	}
	ahead, back := &device{name: "ahead"}, &device{name: "back", epochs: 1, dead: backwardAfter}
	twice, mixed, loose := &device{name: "twice"}, &device{name: "mixed"}, &device{name: "loose"}
	const hour = 3_600_000
	rnd := rand.New(rand.NewPCG(1, 9))
	for i := range n {
		ms := from + step*int64(i)
		forward, backward := ms-2*hour, ms-hour
		if i >= n/2 { // the device's clock jumps
			forward, backward = forward+hour, backward-hour
		}
		ahead.sent = append(ahead.sent, at("ahead", i, forward))
		back.sent = append(back.sent, at("back", i, backward))
		s := at("twice", i, ms-2*hour)
		twice.sent = append(twice.sent, s)
		if rnd.IntN(5) == 0 {
			twice.sent, twice.dup = append(twice.sent, s), twice.dup+1
		}
		mixed.sent = append(mixed.sent, at("mixed", i, ms-2*hour))
		// Irregular: up to half a step off its slot, never into another one's.
		loose.sent = append(loose.sent, at("loose", i, ms-2*hour+int64(rnd.IntN(step/2))-step/4))
	}
	for i := 8; i+8 <= n; i += 8 { // within what lateness allows; a series begins with its first sample
		part := mixed.sent[i : i+8]
		rnd.Shuffle(8, func(a, b int) { part[a], part[b] = part[b], part[a] })
	}
	return []*device{ahead, back, twice, mixed, loose}
}

// backwardAfter is the number of late samples after which a clock counts as set back.
const backwardAfter = 64

// TestClock has clocks of devices and of this machine jump by an hour, and devices
// repeat, mix up and scatter their samples.
func TestClock(t *testing.T) {
	scenario(t, "clock")
	jumps := count(t, 20, 4)
	r := newRow(t, "clock jumps of 1 h, duplicates, reordering, irregular sampling")
	l := newLedger()
	collectMQTT(t, l, "clock/out/#")
	j := newJob(t, clockConfig)
	wrong := filepath.Join(j.dir, "clock")
	set := func(d time.Duration) {
		if err := os.WriteFile(wrong, []byte(d.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	j.env = []string{"QUELL_FAULT_CLOCK=" + wrong}
	set(0)
	j.startReady()
	const each = 3000 // a monitor has learnt after some 2,000
	all := devices(time.Now().UnixMilli(), each)
	s, c := &mqttSender{topic: "clock/own"}, publisher(t)
	arrivals := 0
	var samples int64
	for jump := range jumps {
		// The machine's clock jumps forward, and back again, between parts of it all.
		set(time.Duration(jump%2) * time.Hour)
		for _, d := range all {
			part := d.sent[len(d.sent)*jump/jumps : len(d.sent)*(jump+1)/jumps]
			for len(part) > 0 {
				k := min(len(part), feedBatch)
				if err := s.send(t.Context(), part[:k]); err != nil {
					t.Fatal(err)
				}
				part, samples = part[k:], samples+int64(k)
			}
		}
		for i := range 150 {
			publish(t, c, "clock/arrival/a", fmt.Appendf(nil, `{"x":%g}`, math.Sin(float64(i)/15)))
			time.Sleep(10 * time.Millisecond)
			arrivals++
		}
		// What is on its way when the clock jumps would arrive by another time.
		j.until("all samples have come in", func() bool { return j.metric("quell_ingest_messages_total") >= float64(samples)+float64(arrivals) })
	}
	sums := j.stopAll(r)
	for _, d := range all {
		checkDevice(t, r, l, d)
	}
	own := sums["s"]
	var dead, dup int64
	for _, d := range all {
		dead, dup = dead+d.dead, dup+d.dup
	}
	if own.Fates["duplicate"] != dup || own.Fates["late"] != dead || own.Fates["quarantined"] != 0 {
		r.miss("fates %v, want %d duplicate, %d late, none quarantined", own.Fates, dup, dead)
	}
	// With each jump back samples are late until it is believed, and an epoch opens. On
	// a busy machine a few more arrive in an order of their own.
	backs := (jumps - 1) / 2
	late := sums["arrival"].Fates["late"]
	if least := int64(backs * backwardAfter); late < least || late > least+int64(arrivals/100) {
		r.miss("by arrival %d samples are late after %d jumps back: %v", late, backs, sums["arrival"].Fates)
	}
	if n := l.epochs("arrival", "a"); n != backs {
		r.miss("by arrival %d epochs opened, want %d", n, backs)
	}
	if n := l.events()["drift.opened"]; n != 0 {
		r.miss("%d drift alarms", n)
	}
	t.Logf("own time: %v; by arrival: %v; events %v", own.Fates, sums["arrival"].Fates, l.events())
	r.add(jumps, l.counts, j.peak)
}

// epochs returns the number of epochs of a series beside the first.
func (l *ledger) epochs(stream, series string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.items {
		var it item
		if json.Unmarshal(b, &it) == nil && it.Stream == stream && it.Series == series {
			n = max(n, it.Epoch)
		}
	}
	return n
}

// checkDevice looks for a record of each sample of a device, but for those that are
// late by what is documented, and the last ones of each context.
func checkDevice(t *testing.T, r *row, l *ledger, d *device) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := counts{sent: len(d.sent) - int(d.dup)}
	seen := map[int64]float64{}
	epochs := 0
	for _, b := range l.items {
		var it item
		if json.Unmarshal(b, &it) != nil || it.Type != "record" || it.Series != d.name || it.Rev != 0 {
			continue
		}
		epochs = max(epochs, it.Epoch)
		if v := it.Channels["x"].Raw; v != nil {
			seen[it.TS.UnixMilli()] = *v
		}
	}
	for i, s := range d.sent {
		if i > 0 && s == d.sent[i-1] {
			continue // a duplicate
		}
		// A slot's record bears the time of the slot.
		ok := false
		for off := int64(-step / 2); off <= step/2; off++ {
			if v, is := seen[s.ms+off]; is && v == s.x {
				ok = true
			}
		}
		if ok {
			c.received++
		}
	}
	if lost := c.sent - int(d.dead) - c.received; lost > lookahead {
		c.lost = lost - lookahead
		l.example("%s: %d of %d samples have a record", d.name, c.received, c.sent)
	}
	if epochs != d.epochs {
		r.miss("%s: %d further epochs, want %d", d.name, epochs, d.epochs)
	}
	for _, e := range l.examples {
		t.Log(e)
	}
	l.examples = nil
	r.add(0, c, 0)
}
