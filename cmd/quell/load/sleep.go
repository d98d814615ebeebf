package load

import (
	"slices"
	"time"
)

// watchSleep has a goroutine do nothing but sleep for a millisecond, again and again, until
// the function that it returns is called, which returns by how much it was late, p99:
// what the machine, and not the pipeline, adds to every latency.
func watchSleep() (late func() time.Duration) {
	const nap = time.Millisecond
	stop, done := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var over []time.Duration
		for {
			select {
			case <-stop:
				done <- over
				return
			default:
			}
			began := time.Now()
			time.Sleep(nap)
			over = append(over, time.Since(began)-nap)
		}
	}()
	return func() time.Duration {
		close(stop)
		over := <-done
		if len(over) == 0 {
			return 0
		}
		slices.Sort(over)
		return over[len(over)*99/100]
	}
}
