package noise_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/quell-stream/quell/model/noise"
)

// recording is a slow sine with noise.
func recording(n int, spec string) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Sqrt2 * math.Sin(2*math.Pi*float64(i)/1000)
	}
	c, err := noise.ParseSpec(spec)
	if err != nil {
		panic(err)
	}
	c.Apply(x, nil, 1, rand.New(rand.NewPCG(1, 2)))
	return x
}

func ExampleColour() {
	for _, spec := range []string{"gaussian:snr=10", "ar1:snr=10,rho=0.9"} {
		c := noise.NewColour()
		for x := recording(40*noise.ColourBlock, spec); len(x) > 0; x = x[noise.ColourBlock:] {
			c.Block(x[:noise.ColourBlock])
		}
		fmt.Printf("%s: coloured %v, second octave %.1f times the first\n", spec, c.Coloured(), c.Evidence().Ratio[0])
	}
	// Output:
	// gaussian:snr=10: coloured false, second octave 1.0 times the first
	// ar1:snr=10,rho=0.9: coloured true, second octave 1.7 times the first
}

func ExampleLevel() {
	e := noise.Level(recording(20_000, "gaussian:sigma=0.25"))
	fmt.Printf("%.2f\n", e.Sigma)
	// Output: 0.25
}

func ExampleRecorded() {
	x := recording(20_000, "ar1:sigma=0.1,rho=0.9")
	from, to := noise.Quietest(x, 100)
	r, err := noise.NewRecorded(x[from:to])
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]float64, 1000)
	r.Add(dst, 2, rand.New(rand.NewPCG(1, 2)))
	fmt.Println(to-from, dst[0] != 0)
	// Output: 100 true
}
