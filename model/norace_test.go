//go:build !race

package model

// raceEnabled says that the race detector is off.
const raceEnabled = false
