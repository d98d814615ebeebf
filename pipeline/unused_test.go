package pipeline

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// warned runs readings, each stored at the time of stored where that is not nil, and returns
// what the log warns of.
func warned(t *testing.T, c window.Config, in []ingest.Sample, stored func(i int) int64) ([]string, *worker) {
	t.Helper()
	var log bytes.Buffer
	w := &worker{name: "s", log: slog.New(slog.NewTextHandler(&log, nil)), met: NewMetrics(prometheus.NewRegistry()), parts: []part{{name: "p"}}, cur: &batch{}, letters: view.NewRing[view.Letter](8)}
	w.cfg.Engine = EngineConfig{Stream: "s", Channels: []string{"x"}, Window: c}
	var err error
	if w.eng, err = NewEngine(w.cfg.Engine, w); err != nil {
		t.Fatal(err)
	}
	defer w.eng.Close()
	for i, s := range in {
		at := int64(0)
		if stored != nil {
			at = stored(i)
		}
		if err := w.eng.Push("p", []ingest.Sample{s}, at); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			w.eng.Run()
		}
	}
	w.eng.Run()
	var lines []string
	for line := range strings.Lines(log.String()) {
		if _, line, _ = strings.Cut(line, "level="); strings.HasPrefix(line, "WARN") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines, w
}

// readings returns readings of one series at the seconds that at gives.
func readings(n int, at func(i int) float64) []ingest.Sample {
	in := make([]ingest.Sample, n)
	for i := range in {
		in[i] = ingest.Sample{Series: "a", Time: 1690000000e9 + int64(at(i)*1e9), Value: float64(i)}
	}
	return in
}

// TestUnusedIsTold: readings that are late, or that have the time of others, are told of once
// a series where they are many, and what helps by where their time comes from.
func TestUnusedIsTold(t *testing.T) {
	fixed := window.Config{RateHz: 1}
	untimed := func(in []ingest.Sample) []ingest.Sample {
		for i := range in {
			in[i].TimeSource = ingest.TimeArrival
		}
		return in
	}
	behind := func(i int) float64 { // every second one belongs to a clock that is 30.1 s behind
		return float64(i/2) - float64(i%2)*30.1
	}
	for _, c := range []struct {
		name string
		in   []ingest.Sample
		want []string
	}{
		{"late", readings(400, behind), []string{"raise window.lateness", "series=a late_share=0.5", "behind=30.1s lateness=2s"}},
		{"late without a time", untimed(readings(400, behind)), []string{"have devices send a time with each reading", "late_share=0.5"}},
		{"descending", readings(400, func(i int) float64 { return float64(-i) }), []string{"sort a file that is not in order of time", "late_share=1"}},
		{"conflicting", readings(400, func(i int) float64 { return float64(i / 2) }), []string{"give devices that share a name one each", "series=a conflicting_share=0.5"}},
		{"a few late", readings(2000, func(i int) float64 {
			if i%25 == 24 {
				return float64(i - 10)
			}
			return float64(i)
		}), nil},
		{"in order", readings(400, func(i int) float64 { return float64(i) }), nil},
	} {
		lines, _ := warned(t, fixed, c.in, nil)
		if len(lines) != min(len(c.want), 1) {
			t.Errorf("%s: told %q", c.name, lines)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(lines[0], want) {
				t.Errorf("%s: told %q, want %q in it", c.name, lines[0], want)
			}
		}
	}
}

// TestStrayIsTold: a device whose clock is wrong is told of once, with how far and what is
// taken, and so does each dead letter.
func TestStrayIsTold(t *testing.T) {
	in := readings(100, func(i int) float64 { return float64(i) })
	for _, c := range []struct {
		name  string
		ahead time.Duration
		want  string
	}{
		{"local time", 2*time.Hour - 300*time.Millisecond, "the time is 2h0m0s ahead of when the message was stored, more than 1h0m0s: set the device's clock, or have it send UTC if it sends its local time"},
		{"another clock", 2*time.Hour + 7*time.Minute, "the time is 2h7m0s ahead of when the message was stored, more than 1h0m0s: set the device's clock"},
		{"within the limit", time.Hour, ""},
	} {
		lines, w := warned(t, window.Config{RateHz: 1}, in, func(i int) int64 { return in[i].Time - int64(c.ahead) })
		if c.want == "" {
			if len(lines) > 0 {
				t.Errorf("%s: told %q", c.name, lines)
			}
			continue
		}
		if len(lines) != 1 || !strings.Contains(lines[0], c.want+`" series=a`) {
			t.Errorf("%s: told %q, want %q", c.name, lines, c.want)
		}
		if got, _, _ := w.letters.Since(0); len(got) == 0 || got[0].Error != c.want {
			t.Errorf("%s: the letters say %+v", c.name, got)
		}
		stored := string(sink.AppendTime(nil, in[0].Time-int64(c.ahead)))
		if !strings.Contains(string(w.cur.json), `"stored":"`+stored+`"`) {
			t.Errorf("%s: no letter says that it was stored at %s", c.name, stored)
		}
	}
}

// TestOldStrayIsTold: a reading of more than a day before the newest says so.
func TestOldStrayIsTold(t *testing.T) {
	in := readings(100, func(i int) float64 { return float64(i) - float64(i/90)*30*3600 })
	lines, _ := warned(t, window.Config{RateHz: 1}, in, func(int) int64 { return in[0].Time })
	if want := "the time is 29h59m59s behind the newest of the series, more than 24h0m0s"; len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("told %q, want %q", lines, want)
	}
}

// TestSparseIsTold: where the rate of the file is too high nearly every reading stands alone,
// which is told of once; readings that are missing here and there, or even every other one,
// are not.
func TestSparseIsTold(t *testing.T) {
	for _, c := range []struct {
		name string
		hz   float64
		at   func(i int) float64
		want string
	}{
		{"ten times", 10, func(i int) float64 { return float64(i) }, "series=a rate_hz=10 seen_hz=1"},
		{"three times", 3, func(i int) float64 { return float64(i) }, "series=a rate_hz=3 seen_hz=1"},
		{"right", 1, func(i int) float64 { return float64(i) }, ""},
		{"every third is missing", 1, func(i int) float64 { return float64(i + i/2) }, ""},
		{"learnt", 0, func(i int) float64 { return float64(i) }, ""},
	} {
		lines, _ := warned(t, window.Config{RateHz: c.hz}, readings(400, c.at), nil)
		switch {
		case c.want == "" && len(lines) > 0:
			t.Errorf("%s: told %q", c.name, lines)
		case c.want != "" && (len(lines) != 1 || !strings.Contains(lines[0], c.want)):
			t.Errorf("%s: told %q, want %q in it", c.name, lines, c.want)
		}
	}
}
