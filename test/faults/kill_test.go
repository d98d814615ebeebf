//go:build faults

package faults

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// streamConfig is the part that the streams of all scenarios have in common.
const streamConfig = `
    channels: [x]
    window: {rate_hz: 100}
    model: {use: base, lookahead: 8}
    adapt: {mode: @ADAPT@}
    sinks: [out]
`

// mqttConfig goes from Mosquitto to Mosquitto, over any address.
const mqttConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  in: {type: mqtt, url: "mqtt://@IN@", client_id: "@NAME@-in"}
  out: {type: mqtt, url: "mqtt://@OUT@", client_id: "@NAME@-out"}
streams:
  s:
    source: {connection: in, topics: ["@NAME@/in/{series}"]@JOURNAL@, codec: {type: json, series: device, time: ts, time_unit: ms}}` + streamConfig + `
sinks:
  out: {type: mqtt, connection: out, topic: "@NAME@/out/{series}", emit: @EMIT@@SPOOL@}
`

// kafkaConfig goes from Kafka to Kafka.
const kafkaConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  in: {type: kafka, brokers: ["@IN@"]}
  out: {type: kafka, brokers: ["@OUT@"]}
streams:
  s:
    source: {connection: in, topics: ["@NAME@.in"], group: "@NAME@", state_topic: "@NAME@.state", codec: {type: json, series: device, time: ts, time_unit: ms}}` + streamConfig + `
sinks:
  out: {type: kafka, connection: out, topic: "@NAME@.out", emit: @EMIT@}
`

// fileConfig reads what was sent from a file.
const fileConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: off}
streams:
  s:
    source: {type: file, path: "@DIR@/in.jsonl", format: jsonl, series: device, time: ts, time_unit: ms}` + streamConfig + `
sinks:
  out: {type: file, path: "@DIR@/out.jsonl"}
`

// plain are the words of a configuration without anything special.
func plain(name, in, out string) []string {
	return []string{"@NAME@", name, "@IN@", in, "@OUT@", out, "@ADAPT@", "off", "@EMIT@", "records", "@SPOOL@", "", "@JOURNAL@", ""}
}

// uninterrupted runs what a ledger has sent from a file, without a fault, and
// returns its records by key.
func uninterrupted(t *testing.T, l *ledger) map[string][]byte {
	t.Helper()
	j := newJob(t, fileConfig, "@ADAPT@", "off")
	f, err := os.Create(filepath.Join(j.dir, "in.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for _, s := range l.sent {
		w.Write(append(s.payload(), '\n')) // Flush tells
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	j.start()
	select {
	case <-j.done:
	case <-time.After(5 * time.Minute):
		t.Fatal("the uninterrupted run takes more than five minutes")
	}
	if code := j.exit(); code != 0 {
		t.Fatalf("the uninterrupted run: exit code %d", code)
	}
	whole := newLedger()
	out, err := os.ReadFile(filepath.Join(j.dir, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < len(out); {
		to := from
		for out[to] != '\n' {
			to++
		}
		whole.receive(out[from:to])
		from = to + 1
	}
	// At the end of a file what waits is given out without its look-ahead: a stream
	// that goes on has no such records.
	due := map[slot]bool{}
	for _, s := range l.due() {
		due[slot{s.series, s.ms}] = true
	}
	for s := range whole.have {
		if !due[s] {
			delete(whole.items, fmt.Sprintf("s/%s/0/%d/0", s.series, s.ms*1e6))
		}
	}
	return whole.items
}

// killing kills a job's process n times at drawn moments, some of them while it is
// still starting.
func killing(t *testing.T, j *job, l *ledger, n int, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range n {
		if rnd.IntN(4) == 0 {
			time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
		} else {
			before := l.progress()
			j.until("records arrive", func() bool { return l.progress() > before })
			time.Sleep(time.Duration(rnd.IntN(1200)) * time.Millisecond)
		}
		j.kill()
		j.start()
	}
	before := l.progress()
	j.until("records arrive after the last kill", func() bool { return l.progress() > before })
}

func TestKill(t *testing.T) {
	scenario(t, "kill")
	n := count(t, 100, 5)
	t.Run("mqtt", func(t *testing.T) {
		r := newRow(t, "SIGKILL, MQTT to MQTT")
		killMQTT(t, r, "kill", n, "off")
	})
	t.Run("mqtt-adapt", func(t *testing.T) {
		r := newRow(t, "SIGKILL, MQTT to MQTT, adaptation on")
		killMQTT(t, r, "killadapt", max(1, n/2), "auto")
	})
	t.Run("kafka", func(t *testing.T) {
		r := newRow(t, "SIGKILL, Kafka to Kafka")
		// A group waits for a member that was killed. Side by side that is no time lost.
		lanes := min(5, n)
		t.Run("lanes", func(t *testing.T) {
			for lane := range lanes {
				t.Run(fmt.Sprint(lane), func(t *testing.T) {
					t.Parallel()
					killKafka(t, r, fmt.Sprintf("kill%d", lane), (n+lane)/lanes, uint64(lane))
				})
			}
		})
	})
}

func killMQTT(t *testing.T, r *row, name string, n int, adapt string) {
	l := newLedger()
	words := append([]string{"@ADAPT@", adapt}, plain(name, "@MQTT@", "@MQTT@")...)
	collectMQTT(t, l, name+"/out/#")
	j := newJob(t, mqttConfig, words...)
	j.startReady()
	f := feed(t, &mqttSender{topic: name + "/in"}, l, &signal{prefix: "p", series: 4}, 800)
	killing(t, j, l, n, 7)
	f.stop(t)
	settle(t, l, j)
	j.ready()
	j.stop(r)
	r.add(n, l.balance(t), j.peak)
	if adapt == "off" {
		whole(t, r, l)
	}
}

func killKafka(t *testing.T, r *row, name string, n int, seed uint64) {
	l := newLedger()
	createTopics(t, 1, name+".in", name+".out")
	collectKafka(t, l, name+".out")
	j := newJob(t, kafkaConfig, plain(name, "@KAFKA@", "@KAFKA@")...)
	j.startReady()
	f := feed(t, newKafkaSender(t, name+".in"), l, &signal{prefix: "p", series: 4}, 160)
	killing(t, j, l, n, seed)
	f.stop(t)
	settle(t, l, j)
	j.ready()
	j.stop(r)
	r.add(n, l.balance(t), j.peak)
	whole(t, r, l)
}

// whole compares what came out with what an uninterrupted run gives, bit for bit.
func whole(t *testing.T, r *row, l *ledger) {
	t.Helper()
	if d := l.differ(t, uninterrupted(t, l)); d > 0 {
		r.miss("%d records differ from those of an uninterrupted run", d)
	}
}
