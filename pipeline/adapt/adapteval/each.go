package adapteval

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls f for 0 … n-1 on as many goroutines as there are processors. After
// an error no further one begins; the first is returned.
func each(ctx context.Context, n int, f func(i int) error) error {
	var next atomic.Int64
	var once sync.Once
	var first error
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fail := func(err error) { once.Do(func() { first = err }); cancel() }
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := context.Cause(ctx); err != nil {
					fail(err)
					return
				}
				if err := f(i); err != nil {
					fail(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return first
}
