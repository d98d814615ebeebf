//go:build faults

package faults

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// rubbish is a payload of some kind that no device should send.
type rubbish struct {
	kind    string
	payload []byte
	missing bool // it is read, as a sample without a value
	sample  bool // it may be read; its sample goes to the dead letter then
}

// rubbishOf returns one payload of each kind, drawn anew.
func rubbishOf(rnd *rand.Rand, n int) (out []rubbish) {
	add := func(kind string, payload []byte) { out = append(out, rubbish{kind: kind, payload: payload}) }
	noise := make([]byte, 1+rnd.IntN(2000))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	add("noise", noise)
	whole := sample{"p0", start, 1.5}.payload()
	add("cut off", whole[:1+rnd.IntN(len(whole)-2)])
	broken := bytes.Clone(whole)
	broken[0] ^= 1 << rnd.IntN(7)
	add("a flipped bit", broken)
	add("deep arrays", bytes.Repeat([]byte("["), 100_000))
	deep := bytes.Repeat([]byte(`{"x":`), 50_000)
	add("deep objects", append(append(deep, '1'), bytes.Repeat([]byte("}"), 50_000)...))
	add("no field", []byte(`{}`))
	add("no number", []byte(`{"ts":1767225600000,"device":"p0","x":"warm"}`))
	add("another time", []byte(`{"ts":"yesterday","device":"p0","x":1}`))
	add("an endless time", []byte(`{"ts":1e300,"device":"p0","x":1}`))
	add("a name of control characters", []byte(`{"ts":1767225600000,"device":"a\u0000b","x":1}`))
	add("a name without end", fmt.Appendf(nil, `{"ts":1767225600000,"device":%q,"x":1}`, strings.Repeat("n", 300)))
	add("two million zeros", append(append([]byte(`{"ts":1767225600000,"device":"p0","x":1`), bytes.Repeat([]byte("0"), 2_000_000)...), '}'))
	out = append(out,
		rubbish{"far future", []byte(`{"ts":9000000000000,"device":"p0","x":1}`), false, true},
		rubbish{"long ago", []byte(`{"ts":-9000000000000,"device":"p0","x":1}`), false, true})
	for i, x := range []string{"NaN", "-Infinity", "Infinity", "1e999", "null"} {
		// A series of its own, whose samples are all missing.
		ms := start + step*int64(n*5+i)
		out = append(out, rubbish{"x is " + x, fmt.Appendf(nil, `{"ts":%d,"device":"odd","x":%s}`, ms, x), true, false})
	}
	return out
}

// rubbishBound is what a process may take that is sent many messages of 2 MB: those that
// are read at once, and the text of their dead letters in the batches that wait.
const rubbishBound = 320 << 20

// payloadBound is what a process may take that is sent 100 MB at once. The packet is in
// memory whole as it comes, in the journal's buffer, and as the text of its dead letter.
const payloadBound = rubbishBound + 8*100_000_000

// TestPayload sends what can't be read, and what can but should not be.
func TestPayload(t *testing.T) {
	scenario(t, "payload")
	n := count(t, 100, 3)
	t.Run("mqtt", func(t *testing.T) { payloadMQTT(t, n) })
	t.Run("kafka", func(t *testing.T) { payloadKafka(t, n) })
	t.Run("yaml", yamlBombs)
}

func payloadMQTT(t *testing.T, n int) {
	r := newRow(t, "rubbish and 100 MB by MQTT")
	l := newLedger()
	collectMQTT(t, l, "rubbish/out/#")
	// Room for all of it: the oldest would go first.
	j := newJob(t, mqttConfig+"dead_letter: {type: file, max_bytes: 2GiB}\n", plain("rubbish", "@MQTT@", "@MQTT@")...)
	j.startReady()
	c, g, s := publisher(t), &signal{prefix: "p", series: 2}, &mqttSender{topic: "rubbish/in"}
	rnd := rand.New(rand.NewPCG(19, 1))
	var all []rubbish
	// What is good comes between, and comes out.
	good := func() {
		batch := g.take(10)
		l.send(batch)
		if err := s.send(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	good()
	for i := range n {
		for _, b := range rubbishOf(rnd, i) {
			publish(t, c, "rubbish/in/p0", b.payload)
			all = append(all, b)
			j.look()
		}
		good()
	}
	j.until("the rubbish is read", func() bool { return j.metric("quell_ingest_messages_total") >= float64(len(all)) })
	plain := j.peak
	huge := bytes.Repeat([]byte("0123456789"), 10_000_000)
	publish(t, c, "rubbish/in/p0", huge)
	all = append(all, rubbish{kind: "100 MB", payload: huge})
	good()
	settle(t, l, j)
	sum := j.stop(r)
	t.Logf("%d messages of rubbish: %v; %d MiB before the 100 MB, %d MiB at most", len(all), sum.Fates, plain>>20, j.peak>>20)
	checkLetters(t, r, j, all)
	bal := l.balance(t)
	bal.sent += len(all)
	r.add(len(all), bal, j.peak)
	if plain > rubbishBound || j.peak > payloadBound {
		r.miss("%d MiB of memory, and %d with 100 MB: the bounds are %d and %d", plain>>20, j.peak>>20, rubbishBound>>20, payloadBound>>20)
	}
}

// letter is what the suite looks at in a dead letter.
type letter struct {
	Series string
	Data   struct {
		Reason  string
		Payload *string
		Base64  string `json:"payload_base64"`
		Headers []struct{ Key, Value string }
	}
}

// letters reads the dead letters of a job.
func letters(t *testing.T, j *job) (out []letter) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(j.dir, "state", "dlq", "*.jsonl")) // it is rotated
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var d letter
			if err := json.Unmarshal(line, &d); err != nil {
				t.Fatalf("%v in the dead letter %.200s", err, line)
			}
			out = append(out, d)
		}
	}
	return out
}

// payload is the original, or its first bytes.
func (d letter) payload() []byte {
	if d.Data.Payload != nil {
		return []byte(*d.Data.Payload)
	}
	b, err := base64.StdEncoding.DecodeString(d.Data.Base64)
	if err != nil {
		return nil
	}
	return b
}

// checkLetters looks for the original of each message that could not be read, and
// counts those whose sample could not be used.
func checkLetters(t *testing.T, r *row, j *job, all []rubbish) {
	t.Helper()
	have, reasons, quarantined := map[string]int{}, map[string]int{}, 0
	for _, d := range letters(t, j) {
		reasons[d.Data.Reason]++
		switch p := d.payload(); {
		case d.Data.Reason == "quarantined":
			quarantined++
		default:
			have[string(p)]++
		}
	}
	t.Logf("dead letters by reason: %v", reasons)
	c := counts{}
	for _, b := range all {
		key := string(b.payload)
		switch {
		case b.missing:
			c.received++
		case have[key] > 0:
			have[key]--
			c.received++
		case b.sample && quarantined > 0:
			quarantined--
			c.received++
		default:
			c.lost++
			t.Logf("%s: no dead letter has %.80q", b.kind, b.payload)
		}
	}
	r.add(0, c, 0)
}

func payloadKafka(t *testing.T, n int) {
	r := newRow(t, "rubbish by Kafka")
	l := newLedger()
	createTopics(t, 1, "rubbish.in", "rubbish.out")
	collectKafka(t, l, "rubbish.out")
	j := newJob(t, kafkaConfig, plain("rubbish", "@KAFKA@", "@KAFKA@")...)
	j.startReady()
	s, g := newKafkaSender(t, "rubbish.in"), &signal{prefix: "p", series: 2}
	s.w.BatchBytes = 4 << 20
	rnd := rand.New(rand.NewPCG(23, 1))
	var all []rubbish
	for i := range n {
		for _, b := range rubbishOf(rnd, i) {
			if len(b.payload) > 900_000 {
				continue // no message of the broker's is as large
			}
			m := kafka.Message{Key: []byte("p0"), Value: b.payload, Headers: []kafka.Header{{Key: "from", Value: []byte(b.kind)}}}
			if err := s.w.WriteMessages(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		batch := g.take(10)
		l.send(batch)
		if err := s.send(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, l, j)
	j.stop(r)
	checkLetters(t, r, j, all)
	for _, d := range letters(t, j) {
		if d.Data.Reason != "quarantined" && (len(d.Data.Headers) != 1 || d.Data.Headers[0].Key != "from") {
			r.miss("a dead letter has the headers %v", d.Data.Headers)
			break
		}
	}
	c := l.balance(t)
	c.sent += len(all)
	r.add(len(all), c, j.peak)
	if j.peak > memoryBound {
		r.miss("%d MiB of memory at most, the bound is %d", j.peak>>20, memoryBound>>20)
	}
}

// yamlBombs has quell check look at configurations that would grow without end.
func yamlBombs(t *testing.T) {
	r := newRow(t, "YAML bombs")
	var laughs strings.Builder
	laughs.WriteString("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for name, text := range map[string]string{
		"aliases":    laughs.String(),
		"merges":     "a: &a {x: 1}\n" + strings.Repeat("b: {<<: *a}\n", 50_000),
		"deep":       "streams: " + strings.Repeat("[", 200_000),
		"deep maps":  "streams: " + strings.Repeat("{a: ", 100_000),
		"large":      "version: 1 # " + strings.Repeat("x", 20<<20),
		"many":       "streams:\n" + strings.Repeat("  s: {}\n", 100_000),
		"itself":     "version: 1\nstreams: &s {s: *s}\n",
		"not a text": string(bytes.Repeat([]byte{0xff, 0}, 1000)),
	} {
		path := filepath.Join(t.TempDir(), "bomb.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j := newJob(t, "")
		j.run("check", "-c", path)
		for deadline := time.Now().Add(patience); !j.ended(); time.Sleep(2 * time.Millisecond) {
			if j.look(); time.Now().After(deadline) {
				t.Fatalf("%s: quell check does not end", name)
			}
		}
		out := j.log()
		if code := j.exit(); code != 78 {
			r.miss("%s: exit code %d, want 78: %.300s", name, code, out)
		}
		if strings.Contains(out, "goroutine ") || len(out) > 64<<10 {
			r.miss("%s: %d bytes were printed: %.300s", name, len(out), out)
		}
		if j.peak > memoryBound {
			r.miss("%s: %d MiB", name, j.peak>>20)
		}
		r.add(1, counts{}, j.peak)
	}
}
