package classic_test

import (
	"fmt"
	"math"
	"math/rand/v2"

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

// The noisy recording itself says which filter suits it.
func ExampleSelectBlind() {
	r := rand.New(rand.NewPCG(1, 1))
	y := make([]float64, 4000)
	for t := range y {
		y[t] = 20 + 3*math.Sin(float64(t)/100) + .5*r.NormFloat64()
	}
	p, risk := classic.SelectBlind(classic.FamiliesAt(8), y, .5)
	fmt.Println(p)
	fmt.Printf("mean squared error about %.3f, of the noise 0.250\n", risk)
	// Output:
	// kalman:model=trend,lambda=100000,l=8
	// mean squared error about 0.009, of the noise 0.250
}
