//go:build faults

package faults

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// soakConfig has many series that send seldom, and a few that send often and whose
// noise and process change, so that there are drifts and fine-tunes.
const soakConfig = `
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  in: {type: mqtt, url: "mqtt://@MQTT@", client_id: soak}
streams:
  many:
    source: {connection: in, topics: ["soak/many/{series}"], journal_bytes: 64MiB, codec: {type: json, series: device, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: @MANYHZ@, max_series: 20000}
    model: {use: base, lookahead: 8, scope: shared}
    adapt: {mode: auto, cpu_share: 0.1}
    sinks: [out]
  few:
    source: {connection: in, topics: ["soak/few/{series}"], journal_bytes: 64MiB, codec: {type: json, series: device, time: ts, time_unit: ms}}
    channels: [x]
    window: {rate_hz: @FEWHZ@}
    model: {use: base, lookahead: 8}
    adapt: {mode: auto, cpu_share: 0.2, replay_bytes: 1MiB}
    sinks: [out, events]
sinks:
  out: {type: file, path: "@DIR@/out.jsonl", max_bytes: 16MiB, keep: 2}
  events: {type: file, path: "@DIR@/events.jsonl", emit: events}
`

// The soak's event time: a day in half an hour, whatever part of it is run.
const (
	accelerated = 48
	few         = 20
	fewStep     = 5 * time.Second // event time between samples of the few
)

// soakSetting reads a whole number of the environment.
func soakSetting(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number", name, text)
	}
	return n
}

// look is what is measured of a soak now and then.
type look struct {
	after          time.Duration
	rss, disk      float64 // bytes
	goroutines     float64
	sent, finished int
}

// TestSoak runs 10,000 series for half an hour, a day of their own time, or for
// SOAK_MINUTES, SOAK_SERIES and SOAK_RATE samples a second.
func TestSoak(t *testing.T) {
	scenario(t, "soak")
	length := time.Duration(soakSetting(t, "SOAK_MINUTES", 30)) * time.Minute
	many, rate := soakSetting(t, "SOAK_SERIES", 10_000), soakSetting(t, "SOAK_RATE", 2500)
	r := newRow(t, fmt.Sprintf("soak: %d series, %s of event time in %s", many+few, accelerated*length, length))
	// The few take their share, what is left goes round the many.
	fewRate := float64(few*accelerated) / fewStep.Seconds()
	manyStep := time.Duration(float64(many*accelerated) / (float64(rate) - fewRate) * float64(time.Second)).Truncate(time.Millisecond)
	j := newJob(t, soakConfig, "@MANYHZ@", fmt.Sprint(1/manyStep.Seconds()), "@FEWHZ@", fmt.Sprint(1/fewStep.Seconds()))
	j.startReady()
	g := &soakSignal{began: time.Now().Add(-accelerated * length), manyStep: manyStep, many: many}
	s := [2]*mqttSender{{topic: "soak/many"}, {topic: "soak/few"}}
	var looks []look
	began := time.Now()
	sent := [2]int{}
	for elapsed := time.Duration(0); elapsed < length; elapsed = time.Since(began) {
		for i, batch := range g.until(accelerated * elapsed) {
			for len(batch) > 0 {
				n := min(len(batch), 500)
				if err := s[i].send(t.Context(), batch[:n]); err != nil {
					t.Fatal(err)
				}
				batch, sent[i] = batch[n:], sent[i]+n
			}
		}
		if j.look(); len(looks) == 0 || elapsed-looks[len(looks)-1].after > length/60 {
			l := j.measure(elapsed)
			l.sent = sent[0] + sent[1]
			looks = append(looks, l)
			t.Logf("%6s: %d sent, %d finished, %.0f MiB, %.0f MiB on disk, %.0f goroutines",
				elapsed.Round(time.Second), l.sent, l.finished, l.rss/(1<<20), l.disk/(1<<20), l.goroutines)
		}
		time.Sleep(20 * time.Millisecond)
	}
	total := sent[0] + sent[1]
	j.untilWithin(3*patience, "what was sent is read", func() bool { return j.metric("quell_ingest_messages_total") >= float64(total) })
	took := time.Since(began)
	sums := j.stopAll(r)
	c := counts{sent: total}
	for name, want := range map[string]int{"many": sent[0], "few": sent[1]} {
		f := sums[name].Fates
		got := int(f["raw"] + f["pending"])
		c.received += got
		c.lost += want - got
	}
	r.add(1, c, j.peak)
	told, err := os.ReadFile(filepath.Join(j.dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := func(kind string) int { return bytes.Count(told, fmt.Appendf(nil, `"kind":%q`, kind)) }
	t.Logf("%d samples in %s: %.0f a second; of the few a sample each %s, of the many each %s; of the few %d drifts, %d fine-tunes, %d promotions",
		total, took.Round(time.Second), float64(total)/took.Seconds(), fewStep, manyStep, kinds("drift.opened"), kinds("finetune.started"), kinds("model.promoted"))
	flat(t, r, looks, length >= 10*time.Minute)
}

// measure asks the process for what must not grow.
func (j *job) measure(after time.Duration) look {
	l := look{after: after, rss: j.metric("process_resident_memory_bytes"), goroutines: j.metric("go_goroutines"),
		finished: int(j.metric("quell_ingest_messages_total"))}
	_ = filepath.WalkDir(j.dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // a file that is gone meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			l.disk += float64(info.Size())
		}
		return nil
	})
	return l
}

// flat compares the last quarter of a soak with its second one: by then every series
// is there and every buffer has been needed. A short run is not held to it.
func flat(t *testing.T, r *row, looks []look, judged bool) {
	t.Helper()
	n := len(looks)
	for _, c := range []struct {
		what  string
		of    func(look) float64
		over  func(values []float64) float64
		grows float64 // more than this share
	}{
		{"resident memory on average", func(l look) float64 { return l.rss }, mean, 1.1},
		{"disk at most", func(l look) float64 { return l.disk }, slices.Max[[]float64], 1.2},
		{"goroutines at least", func(l look) float64 { return l.goroutines }, slices.Min[[]float64], 1.1},
	} {
		var values []float64
		for _, l := range looks {
			values = append(values, c.of(l))
		}
		before, after := c.over(values[n/4:n/2]), c.over(values[3*n/4:])
		t.Logf("%s: %.0f in the second quarter, %.0f in the last", c.what, before, after)
		if judged && after > c.grows*before {
			r.miss("%s grew from %.0f to %.0f", c.what, before, after)
		}
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// soakSignal is what the devices of a soak measure.
type soakSignal struct {
	began    time.Time
	manyStep time.Duration
	many     int
	next     [2]int
}

// until returns what the many and the few have measured up to an event time since
// the beginning.
func (g *soakSignal) until(at time.Duration) (out [2][]sample) {
	for i, c := range []struct {
		name string
		n    int
		step time.Duration
	}{{"m", g.many, g.manyStep}, {"f", few, fewStep}} {
		// Series k measures k/n of a step after the first one, at times of its own grid.
		for {
			k, slot := g.next[i]%c.n, g.next[i]/c.n
			due := time.Duration(slot)*c.step + c.step*time.Duration(k)/time.Duration(c.n)
			if due > at {
				break
			}
			ms := g.began.Add(time.Duration(slot) * c.step).UnixMilli()
			out[i] = append(out[i], sample{fmt.Sprint(c.name, k), ms, g.value(i, k, slot)})
			g.next[i]++
		}
	}
	return out
}

func (g *soakSignal) value(kind, k, slot int) float64 {
	rnd := rand.New(rand.NewPCG(uint64(k)<<1|uint64(kind), uint64(slot)))
	period, noise := 15+float64(k%40), 0.1
	if kind == 1 {
		// Every 5,000 samples another noise, every 7,000 another process.
		noise *= []float64{1, 3, 0.5}[(slot+700*k)/5000%3]
		period *= []float64{1, 0.4, 1.7}[(slot+900*k)/7000%3]
	}
	return math.Round((math.Sin(2*math.Pi*float64(slot)/period)+noise*rnd.NormFloat64())*1e4) / 1e4
}
