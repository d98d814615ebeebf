package monitor_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/quell-stream/quell/drift/monitor"
)

// A monitor of one channel, fed with features of the raw signal and with a
// score: here the log error of predicting each sample by the mean.
func Example() {
	r := rand.New(rand.NewPCG(1, 1))
	extract := monitor.NewExtractor(8)
	m := monitor.New(monitor.ShortHistory(1, 1e-6))
	sum := 0.0
	for i := range 4000 {
		sigma := 1.0
		if i >= 2000 {
			sigma = 3
		}
		x := 20 + sigma*r.NormFloat64()
		sum += (x - 20) * (x - 20)
		f, hop := extract.Push(x, false)
		if !hop {
			continue
		}
		d := m.Update(monitor.Observation{Index: int64(i), Score: math.Log(sum / 8), Features: []monitor.Features{f}})
		sum = 0
		if d.Opened {
			fmt.Println(d.Kind, "after fewer than 200 samples:", i < 2200)
			break
		}
	}
	// Output: noise after fewer than 200 samples: true
}
