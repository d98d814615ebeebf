//go:build race

package monitor

// Under the race detector the tables are made from a fraction of the data, and
// only checked for running through.
const raceEnabled = true
