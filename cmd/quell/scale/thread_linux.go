package scale

import (
	"syscall"
	"time"
)

// rusageThread is RUSAGE_THREAD, which package syscall does not name.
const rusageThread = 1

// threadTime returns the processor time that the calling thread has had; the
// goroutine must be locked to it.
func threadTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		return 0 // it does not fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
