//go:build faultclock

package main

import (
	"os"
	"strings"
	"sync"
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
	var (
		mu     sync.Mutex
		wrong  time.Duration
		looked time.Time
	)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if now.Sub(looked) > 10*time.Millisecond {
			looked = now
			if text, err := os.ReadFile(path); err == nil {
				if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
					wrong = d
				}
			}
		}
		return now.Round(0).Add(wrong)
	}
}
