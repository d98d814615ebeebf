package assemble_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/capture"
	"github.com/quell-stream/quell/pipeline/config"
)

// twoRegimes writes a recording of a slow signal that turns into pulses.
func twoRegimes(t *testing.T, path string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("ts,x\n")
	for i := range 6600 {
		v := 30 + 2*math.Sin(float64(i)/40)
		if i >= 3000 {
			v = 30 + 10*math.Exp(8*(math.Cos(float64(i)/8)-1))
		}
		fmt.Fprintf(&b, "%d,%.4f\n", 1767225600+i, v+.6*r.NormFloat64())
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

const captured = `
version: 1
state_dir: DIR/state
http: {listen: "off"}
streams:
  s:
    source: {type: file, path: DIR/in.csv, time: ts, time_unit: s}
    channels: [x]
    window: {rate_hz: 1}
    model: {lookahead: 8}
    sinks: [out]
sinks: {out: {type: stdout, emit: all}}
`

// runOnce runs a configuration to the end of its input and returns what came out.
func runOnce(t *testing.T, cfg *config.Config, opt assemble.Options) string {
	t.Helper()
	var out bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	opt.Log, opt.Registerer, opt.Stdout = slog.New(slog.DiscardHandler), prometheus.NewRegistry(), &out
	opt.Stop, opt.Drain = stop, time.Hour
	opt.Tune = func(c *adapt.Config) { c.Steps = 20 } // the longest part, and enough for this recording
	p, err := assemble.Pipeline(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestReplay captures a run with a drift and a promotion, and runs it again: anew
// with its training, which gives the same bytes, and with the switches that were
// recorded, which gives the same records without any.
func TestReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains three times")
	}
	dir := t.TempDir()
	twoRegimes(t, filepath.Join(dir, "in.csv"))
	cfg, _, err := config.Parse("captured", []byte(strings.ReplaceAll(captured, "DIR", dir)), nil)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := assemble.Captured(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.Create(filepath.Join(dir, "capture"), capture.Header{Streams: kept}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := runOnce(t, cfg, assemble.Options{Keep: w, Deterministic: true})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"drift.opened", "finetune.started", "model.promoted"} {
		if n := strings.Count(first, `"kind":"`+kind+`"`); n == 0 {
			t.Fatalf("%d events of kind %s: the recording shows nothing", n, kind)
		}
	}

	r, err := capture.Open(filepath.Join(dir, "capture"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	again := func(opt assemble.Options) string {
		one, err := assemble.Replayed(cfg, r, r.Header().Streams[0], t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		opt.Play = r
		return runOnce(t, one, opt)
	}
	a, b := again(assemble.Options{Deterministic: true}), again(assemble.Options{Deterministic: true})
	differ(t, "two replays", a, b)
	differ(t, "the captured run and a replay", first, a)

	obey, err := assemble.Decisions(r, "s")
	if err != nil || len(obey) != 1 {
		t.Fatalf("switches of %d partitions, %v", len(obey), err)
	}
	without := func(text string) (out string) {
		for _, line := range strings.SplitAfter(text, "\n") {
			if !strings.Contains(line, `"kind":"finetune.`) {
				out += line
			}
		}
		return out
	}
	c := again(assemble.Options{Obey: map[string]map[string][]pipeline.Switch{"s": obey}})
	differ(t, "the captured run and its switches", without(first), c)
}

// differ reports the first line in which two outputs differ.
func differ(t *testing.T, what, a, b string) {
	t.Helper()
	if a == b {
		return
	}
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			t.Errorf("%s differ in line %d:\n%.300s\n%.300s", what, i+1, x[i], y[i])
			return
		}
	}
	t.Errorf("%s have %d and %d lines", what, len(x), len(y))
}

// TestModelKeptOnce: the state of adaptation of a series names the model that all begin with, and
// one file beside it holds that.
func TestModelKeptOnce(t *testing.T) {
	dir := t.TempDir()
	var in strings.Builder
	in.WriteString("ts,x\n")
	for i := range 300 {
		fmt.Fprintf(&in, "%d,%d\n", 1767225600+i, i%7)
	}
	if err := os.WriteFile(filepath.Join(dir, "in.csv"), []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Parse("captured", []byte(strings.ReplaceAll(captured, "DIR", dir)), nil)
	if err != nil {
		t.Fatal(err)
	}
	runOnce(t, cfg, assemble.Options{})
	files, err := os.ReadDir(filepath.Join(dir, "state", "streams", "s", "adapt"))
	if err != nil {
		t.Fatal(err)
	}
	models, states := 0, 0
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(f.Name(), "model-") {
			models++
			continue
		}
		if filepath.Ext(f.Name()) != ".adapt" {
			continue
		}
		if states++; info.Size() > 64<<10 {
			t.Errorf("the state in %s has %d bytes: it holds the model", f.Name(), info.Size())
		}
	}
	if models != 1 || states != 1 {
		t.Errorf("%d models and %d states, want one of each", models, states)
	}
}
