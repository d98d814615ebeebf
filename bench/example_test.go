package bench_test

import (
	"context"
	"fmt"
	"time"

	"github.com/quell-stream/quell/bench"
	"github.com/quell-stream/quell/model/nn"
)

func Example() {
	net, err := nn.New(bench.ModelB(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	whole := bench.Infer("whole", net, 1, 1)
	step, err := bench.Stream("step", net, 1, 1, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	rep, err := bench.Measure(context.Background(), []bench.Case{whole, step}, bench.Options{Rounds: 5, Slice: 2 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range rep.Results {
		best, median := r.PerSecond(r.Case.Units[0])
		fmt.Printf("%s: %s counted: %v, allocations: %d\n", r.Case.Name, r.Case.Units[0].Name, best >= median && median > 0, r.Allocs)
	}
	// Output:
	// whole: windows counted: true, allocations: 0
	// step: samples counted: true, allocations: 0
}
