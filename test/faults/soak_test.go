//go:build faults

package faults

import (
	"bytes"
	"fmt"
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
    source: @MANY@
    channels: [x]
    window: {rate_hz: @MANYHZ@, max_series: 20000}
    model: {use: base, lookahead: 8, scope: shared}
    adapt: {mode: auto, cpu_share: 0.1}
    sinks: [out]
  few:
    source: @FEW@
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
	if err != nil || n < 0 || n == 0 && name != "SOAK_PAST" {
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
// SOAK_MINUTES, SOAK_SERIES and SOAK_RATE samples a second. They have a past of up to
// SOAK_PAST samples each, so that what a series takes has been taken before.
func TestSoak(t *testing.T) {
	scenario(t, "soak")
	length := time.Duration(soakSetting(t, "SOAK_MINUTES", 30)) * time.Minute
	many, rate, past := soakSetting(t, "SOAK_SERIES", 10_000), soakSetting(t, "SOAK_RATE", 2500), soakSetting(t, "SOAK_PAST", 4500)
	r := newRow(t, fmt.Sprintf("soak: %d series, %s of event time in %s", many+few, accelerated*length, length))
	g := newSoakSignal(length, many, rate, past)
	j := newJob(t, soakConfig, g.words(soakLive)...)
	j.bound = 4 * patience // a checkpoint of gigabytes is read and written
	if past > 0 {
		grow(j, r, g)
	}
	j.startReady()
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
	for i := range g.kinds {
		// What was before the soak is in the state, and counted on.
		f := sums[g.kinds[i].name].Fates
		got := int(f["raw"]+f["pending"]) - g.kinds[i].before()
		c.received += got
		c.lost += sent[i] - got
	}
	r.add(1, c, j.peak)
	told, err := os.ReadFile(filepath.Join(j.dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := func(kind string) int { return bytes.Count(told, fmt.Appendf(nil, `"kind":%q`, kind)) }
	t.Logf("%d samples in %s: %.0f a second; of the few a sample each %s, of the many each %s; of the few %d drifts, %d fine-tunes, %d promotions",
		total, took.Round(time.Second), float64(total)/took.Seconds(), fewStep, g.kinds[0].step, kinds("drift.opened"), kinds("finetune.started"), kinds("model.promoted"))
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
