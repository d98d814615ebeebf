package offline

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/window"
)

// BenchmarkDenoise measures all that quell denoise does: with the base model, its guard
// and the monitor, and how much of that is the guard's.
func BenchmarkDenoise(b *testing.B) {
	m, err := model.Base(8)
	if err != nil {
		b.Fatal(err)
	}
	for _, guard := range []bool{true, false} {
		b.Run(fmt.Sprintf("guard=%v", guard), func(b *testing.B) {
			benchmark(b, pipeline.EngineConfig{Stream: "s", Model: m, Interval: .9, Guard: guard, Watch: true, FitSentinel: train.Sentinel, Seed: 1})
		})
	}
}

// BenchmarkRows measures all but the net and the monitor: reading, the grid,
// matching, writing.
func BenchmarkRows(b *testing.B) { benchmark(b, pipeline.EngineConfig{Stream: "s"}) }

func benchmark(b *testing.B, engine pipeline.EngineConfig) {
	engine.Window = window.Config{RateHz: 1}
	rng := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	text.WriteString("ts,a\n")
	const n = 100_000
	for i := range n {
		fmt.Fprintf(&text, "%d,%.4f\n", i, 20+5*math.Sin(float64(i)/40)+rng.NormFloat64())
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := file.NewReader("in.csv", strings.NewReader(text.String()), file.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Denoise(b.Context(), r, io.Discard, Config{Engine: engine}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "samples_per_second")
}
