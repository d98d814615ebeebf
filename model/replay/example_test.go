package replay_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/quell-stream/quell/model/replay"
)

// Windows of four slots and one channel; every fifth is held out.
func Example() {
	b, err := replay.New(replay.Config{Steps: 4, Channels: 1, Bytes: 64 << 10, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for start := int64(0); start < 400; start += 4 {
		b.Add("pump-1", start, []float32{.1, .2, .1, 0}, nil, []replay.Scale{{Mean: 20, Dev: 2, Sigma: .3}})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	fmt.Println(b.Len(), len(b.Holdout()), len(b.Sample(rng, 8)))
	fmt.Printf("%.1f\n", b.Holdout()[0].Raw(1, 0))
	// Output:
	// 100 20 8
	// 20.4
}
