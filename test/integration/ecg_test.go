//go:build integration

package integration

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	ecgSamples = 60_000
	lookahead  = 8
	// extra samples follow those that count, so that these have their look-ahead.
	extra = 16
)

// ecgConfig goes from MQTT to Kafka. Each test has topics of its own, because
// Mosquitto keeps messages for the sessions of earlier ones.
func ecgConfig(name string) string {
	return strings.ReplaceAll(`
version: 1
state_dir: "@DIR@/state"
http: {listen: "@HTTP@"}
connections:
  plant: {type: mqtt, url: "mqtt://@MQTT@", client_id: NAME}
  cluster: {type: kafka, brokers: ["@KAFKA@"]}
streams:
  ecg:
    source: {connection: plant, topics: ["NAME/sensors/{series}/telemetry"], qos: 1, codec: {type: json, time: ts, time_unit: ns}}
    channels: [mlii]
    window: {rate_hz: 360}
    model: {use: base, lookahead: 8}
    adapt: {mode: off}
    sinks: [clean]
sinks:
  clean: {type: kafka, connection: cluster, topic: NAME.clean}
`, "NAME", name)
}

func ecgMessages(name string, e ecg) []message {
	out := make([]message, len(e.ts))
	for i := range out {
		out[i] = message{topic: name + "/sensors/100/telemetry", payload: fmt.Appendf(nil, `{"ts":%d,"mlii":%s}`, e.ts[i], shortest(e.noisy[i]))}
	}
	return out
}

func TestECG(t *testing.T) {
	needBrokers(t)
	e := readECG(t, ecgSamples+extra)
	var whole *arrivals
	ok := t.Run("denoise", func(t *testing.T) { whole = ecgWhole(t, e) })
	t.Run("latency", func(t *testing.T) { ecgLatency(t, e) })
	if !ok {
		t.Fatal("there is no uninterrupted run to compare the others with")
	}
	t.Run("killed", func(t *testing.T) { ecgKilled(t, e, whole) })
	t.Run("offline", func(t *testing.T) { ecgOffline(t, e, whole) })
}

// ecgWhole runs the recording through the brokers as fast as they take it.
func ecgWhole(t *testing.T, e ecg) *arrivals {
	const name = "ecg-whole"
	createTopic(t, name+".clean")
	j := newJob(t, ecgConfig(name))
	got := consume(t, name+".clean")
	j.startReady()
	start := time.Now()
	if err := publish(t.Context(), mqttClient(t, name+"-sensor"), ecgMessages(name, e), 0, nil); err != nil {
		t.Fatal(err)
	}
	published := time.Since(start)
	j.until("all records are there", func() bool { return got.count() >= len(e.ts)-lookahead })
	took := time.Since(start)
	s := j.stop("ecg")
	drainKafka(t, name+".clean", got)
	got.check(t)
	if n := int64(len(e.ts)); s.In != n || s.Fates["raw"] != n-lookahead || s.Fates["pending"] != lookahead {
		t.Errorf("in %d, fates %v, want %d in and %d pending", s.In, s.Fates, n, lookahead)
	}
	if got.copies > 0 {
		t.Errorf("%d records came twice without a restart", got.copies)
	}
	clean := ecgClean(t, e, got)
	gain := gainDB(e.clean[:ecgSamples], e.noisy[:ecgSamples], clean, 2000)
	t.Logf("%d samples: published in %.2f s, denoised after %.2f s (%.0f samples/s), gain %.2f dB",
		len(e.ts), published.Seconds(), took.Seconds(), float64(len(e.ts))/took.Seconds(), gain)
	if !(gain >= 8) {
		t.Errorf("gain %.2f dB, want at least 8", gain)
	}
	return got
}

// ecgClean checks that every sample has its record with its raw value, and
// returns the clean values.
func ecgClean(t *testing.T, e ecg, got *arrivals) []float64 {
	t.Helper()
	clean := make([]float64, ecgSamples)
	var lost, wrong int
	for i := range clean {
		payload, _, ok := got.get(recordKey("ecg", "100", e.ts[i]))
		if !ok {
			lost++
			continue
		}
		v := parse(t, payload).Channels["mlii"]
		if v.Raw == nil || v.Clean == nil || *v.Raw != e.noisy[i] {
			wrong++
			continue
		}
		clean[i] = *v.Clean
	}
	if lost > 0 || wrong > 0 {
		t.Errorf("of %d samples %d have no record and %d one with another raw value", ecgSamples, lost, wrong)
	}
	return clean
}

// gainDB is by how many decibels y is nearer to clean than x is, from sample
// from on.
func gainDB(clean, x, y []float64, from int) float64 {
	var before, after float64
	for i := from; i < len(clean); i++ {
		before += (x[i] - clean[i]) * (x[i] - clean[i])
		after += (y[i] - clean[i]) * (y[i] - clean[i])
	}
	return 10 * math.Log10(before/after)
}

// ecgLatency measures the time from publishing the last sample that a record
// needs to the record's arrival.
func ecgLatency(t *testing.T, e ecg) {
	const name, n, perSecond = "ecg-paced", 4000, 500
	// Once in a series' life, at slot 1280, the sentinel that was fitted in the
	// background is waited for; the second figure is that of what comes after.
	const watched = 1500
	createTopic(t, name+".clean")
	j := newJob(t, ecgConfig(name))
	got := consume(t, name+".clean")
	j.startReady()
	sent := make([]time.Time, n+extra)
	if err := publish(t.Context(), mqttClient(t, name+"-sensor"), ecgMessages(name, e)[:n+extra], perSecond, sent); err != nil {
		t.Fatal(err)
	}
	j.until("all records are there", func() bool { return got.count() >= n+extra-lookahead })
	j.stop("ecg")
	got.check(t)
	latency := make([]time.Duration, n)
	for i := range latency {
		_, at, ok := got.get(recordKey("ecg", "100", e.ts[i]))
		if !ok {
			t.Fatalf("sample %d has no record", i)
		}
		latency[i] = at.Sub(sent[i+lookahead])
	}
	for what, l := range map[string][]time.Duration{"all": latency, "after its start": slices.Clone(latency[watched:])} {
		slices.Sort(l)
		at := func(share float64) time.Duration { return l[int(share*float64(len(l)-1))].Round(10 * time.Microsecond) }
		t.Logf("latency at %d samples/s beyond the look-ahead, %s: p50 %s, p99 %s, most %s", perSecond, what, at(.5), at(.99), at(1))
	}
}

// ecgKilled does what ecgWhole does and kills the process again and again. What
// comes out must be the same, byte for byte.
func ecgKilled(t *testing.T, e ecg, whole *arrivals) {
	const name = "ecg-killed"
	createTopic(t, name+".clean")
	j := newJob(t, ecgConfig(name))
	got := consume(t, name+".clean")
	j.startReady()
	sensor := mqttClient(t, name+"-sensor")
	sending := inBackground(t, func(ctx context.Context) error { return publish(ctx, sensor, ecgMessages(name, e), 6000, nil) })
	killTenTimes(t, j, got, len(e.ts)-lookahead, 11, 0)
	if err := <-sending; err != nil {
		t.Fatal(err)
	}
	j.until("all records are there", func() bool { return got.count() >= len(e.ts)-lookahead })
	j.ready()
	s := j.stop("ecg")
	drainKafka(t, name+".clean", got)
	got.check(t)
	t.Logf("%d records, %d of them came again; in %d, fates %v", got.count(), got.copies, s.In, s.Fates)
	got.compare(t, whole)
}

// inBackground runs f until it returns or the test ends.
func inBackground(t *testing.T, f func(context.Context) error) <-chan error {
	ctx, cancel := context.WithCancel(context.Background())
	result, over := make(chan error, 1), make(chan struct{})
	go func() { defer close(over); result <- f(ctx) }()
	t.Cleanup(func() { cancel(); <-over })
	return result
}

// ecgOffline compares quell denoise with what came through the brokers.
func ecgOffline(t *testing.T, e ecg, whole *arrivals) {
	online := ecgClean(t, e, whole)
	const part = 20_000
	for _, c := range []struct {
		chunk string
		rows  int // of the file
		same  int // of these, the last ones of a part lack their look-ahead
	}{{"4096", ecgSamples + extra, ecgSamples}, {"1", part, part - lookahead}, {"7", part, part - lookahead}, {"1000", part, part - lookahead}} {
		in := filepath.Join(t.TempDir(), "in.csv")
		writeECG(t, in, e, c.rows)
		cmd := exec.Command(lab.Quell, "denoise", in, "--rate", "360", "--lookahead", "8", "--chunk", c.chunk)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("quell denoise --chunk %s: %v\n%s", c.chunk, err, stderr.String())
		}
		rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != c.rows+1 {
			t.Fatalf("quell denoise --chunk %s: %d rows, want %d", c.chunk, len(rows)-1, c.rows)
		}
		column := slices.Index(rows[0], "mlii_clean")
		differ := 0
		for i := range c.same {
			if got := shortest(number(t, rows[i+1][column])); got != shortest(online[i]) {
				if differ++; differ == 1 {
					t.Errorf("--chunk %s: sample %d: offline %s, online %s", c.chunk, i, got, shortest(online[i]))
				}
			}
		}
		t.Logf("--chunk %s: of %d clean values %d differ from those of quell run", c.chunk, c.same, differ)
	}
}

func writeECG(t *testing.T, path string, e ecg, rows int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("ts,mlii\n")
	for i := range rows {
		fmt.Fprintf(&b, "%s,%s\n", time.Unix(0, e.ts[i]).UTC().Format(time.RFC3339Nano), shortest(e.noisy[i]))
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
