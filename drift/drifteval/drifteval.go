// Package drifteval measures drift detection: how often the monitor raises an
// alarm where nothing changed, how soon it finds a change, and whether it names it
// right. docs/drift.md says what the figures mean.
//
// Every table about alarms holds two rows that never look at the data: a clock
// that raises as many alarms as the monitor did, and a detector that raises none.
// What a clock wins says nothing.
package drifteval

import "github.com/quell-stream/quell/internal/scoreboard"

// Studies returns the studies of quell eval drift, in the order of their tables.
func Studies() []scoreboard.Study {
	return []scoreboard.Study{parity(), falseAlarms(), rates(), delays(), endToEnd(), costs(), kindsStudy(), jumps(), events(), boardSKAB(), boardNAB()}
}
