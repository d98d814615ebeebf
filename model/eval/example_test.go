package eval_test

import (
	"fmt"
	"math"
	"os"

	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
)

// A slow sine under white noise at 10 dB: which median would be best?
func Example() {
	x := make([]float64, 5000)
	for i := range x {
		x[i] = math.Sin(float64(i) / 100)
	}
	results, err := eval.Compare("temp", x, 10, eval.White, 1, 0,
		eval.Options{Families: []classic.Family{classic.Families()[2]}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for _, r := range results {
		fmt.Printf("%s at %.0f dB: %s\n", r.Method, r.SNRIn, r.Setting)
	}
	// Output: median at 10 dB: median:w=35
}
