//go:build race

package model

// raceEnabled says that the race detector, which allocates, is on.
const raceEnabled = true
