package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// nowhere counts what comes out.
type nowhere struct{ records int }

func (n *nowhere) Record(*sink.Record)             { n.records++ }
func (n *nowhere) Event(sink.Event)                {}
func (n *nowhere) Dead(ingest.Sample, window.Fate) {}

// BenchmarkEngine takes one sample of each of many series through grid, scaler
// and net; an operation is one sample.
func BenchmarkEngine(b *testing.B) {
	m, err := model.Base(8)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		series int
		own    bool // a model of its own for each
	}{{1, false}, {16, false}, {1000, false}, {200, true}} {
		count := c.series
		b.Run(fmt.Sprintf("series=%d/own=%v", count, c.own), func(b *testing.B) {
			out := &nowhere{}
			cfg := EngineConfig{Stream: "s", Channels: []string{"v"}, Model: m, Window: window.Config{RateHz: 1}, Interval: .9}
			if c.own {
				cfg.AtRate = func(float64) (*model.Model, monitor.Rate) {
					own, err := model.New(m.Header(), m.Net())
					if err != nil {
						b.Fatal(err)
					}
					return own, 0
				}
			}
			e, err := NewEngine(cfg, out)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			rng := rand.New(rand.NewPCG(1, 1))
			names := make([]string, count)
			for i := range names {
				names[i] = fmt.Sprintf("series-%04d", i)
			}
			t := int64(0)
			sample := make([]ingest.Sample, 1)
			step := func() {
				t += 1e9
				for _, name := range names {
					sample[0] = ingest.Sample{Series: name, Time: t, Value: rng.NormFloat64()}
					if err := e.Push("p", sample, 0); err != nil {
						b.Fatal(err)
					}
				}
				e.Run()
			}
			for range 300 {
				step()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += count {
				step()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "samples_per_second")
		})
	}
}
