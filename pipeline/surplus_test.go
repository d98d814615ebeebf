package pipeline

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/window"
)

// TestSurplusIsTold: a series whose rate was learnt, and that then sends quicker by less than
// what has the rate learnt anew, is told of once; so is one with a rate that the file gives.
// One that sends as the grid has slots is not. Arrivals that
// come all at once are told of as such.
func TestSurplusIsTold(t *testing.T) {
	for _, c := range []struct {
		name    string
		given   float64
		quicker float64
		source  ingest.TimeSource
		want    string
	}{
		{"learnt", 0, 1.4, ingest.TimePayload, "set window.rate_hz to the rate that is seen, or higher\" series=a rate_hz=1 rate_from=learnt seen_hz=1.4 surplus_share=0.2"},
		{"given", 2, 3, ingest.TimeArrival, "set window.rate_hz to the rate that is seen, or higher\" series=a rate_hz=2 rate_from=window.rate_hz seen_hz=3 surplus_share=0.3"},
		{"waited", 1, 50, ingest.TimeArrival, "have devices send a time with each reading\" series=a rate_hz=1 rate_from=window.rate_hz seen_hz=65 surplus_share=0.985"},
		{"as the grid", 1, 1, ingest.TimePayload, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			w := &worker{name: "s", log: slog.New(slog.NewTextHandler(&log, nil)), met: NewMetrics(prometheus.NewRegistry()), parts: []part{{name: "p"}}, cur: &batch{}}
			w.cfg.Engine = EngineConfig{Stream: "s", Channels: []string{"x"}, Window: window.Config{RateHz: c.given}}
			var err error
			if w.eng, err = NewEngine(w.cfg.Engine, w); err != nil {
				t.Fatal(err)
			}
			defer w.eng.Close()
			at := 0.0
			push := func(n int, every float64) {
				for k := range n {
					if k%100 == 99 {
						w.eng.Run()
					}
					at += every
					if err := w.eng.Push("p", []ingest.Sample{{Series: "a", Time: int64(math.Round(at * 1e9)), Value: at, TimeSource: c.source}}, 0); err != nil {
						t.Fatal(err)
					}
				}
				w.eng.Run()
			}
			if c.given == 0 {
				push(300, 1)
			}
			push(1500, 1/c.quicker)
			text := log.String()
			if c.want == "" {
				if text != "" {
					t.Errorf("told %q", text)
				}
				return
			}
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, c.want) {
				t.Errorf("told %q, want %q in it", text, c.want)
			}
		})
	}
}
