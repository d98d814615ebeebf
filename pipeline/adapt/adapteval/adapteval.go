// Package adapteval measures adaptation: what a change costs, how much of it comes
// back, and whether what was known before is kept. docs/adaptation.md says what the
// figures mean.
package adapteval

import "github.com/quell-stream/quell/internal/scoreboard"

// Studies returns the studies of quell eval adapt, in the order of their tables.
func Studies() []scoreboard.Study {
	return []scoreboard.Study{gated()}
}
