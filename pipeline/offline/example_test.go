package offline_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/offline"
	"github.com/quell-stream/quell/window"
)

func ExampleDenoise() {
	r, err := file.NewReader("pump.csv", strings.NewReader("ts,rpm\n1,50\n2,50\n3,90\n4,51\n5,51\n"), file.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	median, err := classic.ParseFilter("median:w=3")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = offline.Denoise(context.Background(), r, os.Stdout, offline.Config{
		Engine: pipeline.EngineConfig{Stream: "pumps", Window: window.Config{RateHz: 1}},
		Filter: &median,
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// ts,rpm,rpm_clean,rpm_lo,rpm_hi,rpm_quality,rpm_method,rpm_flags,score,drift
	// 1,50,50,,,good,median,,,learning
	// 2,50,50,,,good,median,,,learning
	// 3,90,51,,,good,median,,,learning
	// 4,51,51,,,good,median,,,learning
	// 5,51,51,,,good,median,no_lookahead,,learning
}
