package scale

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns the processor time that the calling thread has had; the
// goroutine must be locked to it. What getrusage says of a thread is as of its last
// tick, which is milliseconds ago.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0 // every Linux has that clock
	}
	return time.Duration(t.Nano())
}
