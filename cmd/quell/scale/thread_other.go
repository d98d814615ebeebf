//go:build !linux

package scale

import "time"

var began = time.Now()

// threadTime is the time that has passed: what a thread has had is not known here.
func threadTime() time.Duration { return time.Since(began) }
