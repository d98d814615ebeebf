package drifteval

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls f for 0…n−1 on as many goroutines as there are processors to
// use, and waits for all. What f does must depend on its argument alone. It ends
// early with the context's error.
func parallel(ctx context.Context, n int, f func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
