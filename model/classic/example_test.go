package classic_test

import (
	"fmt"

	"github.com/quell-stream/quell/model/classic"
)

// A median of three takes out a spike, one sample late.
func Example() {
	p, err := classic.ParseFilter("median:w=3")
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := classic.NewFilter(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	var clean []float64
	for _, x := range []float64{20, 21, 95, 22, 23} {
		if y, ok := f.Push(x); ok {
			clean = append(clean, y)
		}
	}
	fmt.Println(f.Lookahead(), f.Finish(clean))
	// Output: 1 [20 21 22 23 23]
}
