package offline

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/window"
)

// BenchmarkRows measures all but the net and the monitor: reading, the grid,
// matching, writing.
func BenchmarkRows(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	text.WriteString("ts,a\n")
	const n = 50_000
	for i := range n {
		fmt.Fprintf(&text, "%d,%.6f\n", i, rng.NormFloat64())
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := file.NewReader("in.csv", strings.NewReader(text.String()), file.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Denoise(b.Context(), r, io.Discard, Config{Engine: pipeline.EngineConfig{Stream: "s", Window: window.Config{RateHz: 1}}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "samples_per_second")
}
