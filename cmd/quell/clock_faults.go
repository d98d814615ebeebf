//go:build faultclock

package main

import (
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// clock is the clock of a build for the fault suite (test/faults): the machine's, set
// wrong by the duration in the file that QUELL_FAULT_CLOCK names, which may change at
// any time. Only what it tells is wrong, as of a clock that was set: spans of time are
// measured by another.
func clock() func() time.Time {
	path := os.Getenv("QUELL_FAULT_CLOCK")
	if path == "" {
		return nil
	}
	var wrong, looked atomic.Int64
	return func() time.Time {
		now := time.Now()
		if last := looked.Load(); now.UnixNano()-last > int64(10*time.Millisecond) && looked.CompareAndSwap(last, now.UnixNano()) {
			if text, err := os.ReadFile(path); err == nil {
				if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
					wrong.Store(int64(d))
				}
			}
		}
		return now.Round(0).Add(time.Duration(wrong.Load()))
	}
}
