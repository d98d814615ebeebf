//go:build !faultclock

package main

import "time"

// clock is what stamps arrivals that bring no time of their own; nil: the machine's.
func clock() func() time.Time { return nil }
