package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much the heap of a running pipeline may grow between two
// collections, in hundredths of what is in use. Nearly all of it are numbers, through
// which the collector need not look, and in steady state hardly any garbage is made: so
// it costs little, and half of what twice the heap would take is saved.
const gcPercent = 25

// tidy has the collector keep the heap of a pipeline small, unless GOGC says otherwise.
func tidy() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
