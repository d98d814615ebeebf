package monitor

import (
	"fmt"
	"math"
)

// Fewest identical readings in a row that count as stuck, and fewest missing
// ones that count as a drop-out.
const (
	leastRun = 12
	leastGap = 32
)

// stuckLimit returns the length at which a run of identical readings is beyond
// chance, or a huge number where the channel repeats itself so much that runs
// say nothing.
//
// Two estimates, the larger counts: for independent repeats a run of n has
// probability qⁿ, q with a pseudo-count against the luck of the calibration,
// and must stay below chance; for repeats that come together (a quantised
// peak) it must exceed the longest run seen by as much as the longest of
// 1/chance geometric runs exceeds the longest of those seen.
func (p *profile) stuckLimit(chance float64) int {
	if p.samples < 64 || float64(p.longestRun) > float64(p.samples)/4 {
		return math.MaxInt
	}
	n := float64(p.samples)
	q := (p.same + 2) / (n + 4)
	geometric := math.Log(chance) / math.Log(q)
	runs := max(2, n*(1-q))
	seen := float64(p.longestRun) * max(2, min(math.Log(1/chance)/math.Log(runs), 4))
	return max(leastRun, int(math.Ceil(max(geometric, seen))))
}

// fault applies the rules that need no evidence gathered over time. suspicious
// says that something else found a change; then it is enough that a run is
// longer than ever, or that the signal touches its own extremes.
func (p *profile) fault(chance float64, suspicious bool) faultCode {
	if !p.learnt || !p.full() {
		return sound
	}
	h := p.latest()
	limit := p.stuckLimit(chance)
	switch {
	case int(h.run) >= limit,
		suspicious && limit < math.MaxInt && h.run >= leastRun && int(h.run) > p.longestRun+p.longestRun/2:
		return stuck
	case int(h.gap) >= max(leastGap, 4*p.longestGap), p.missingShare() > tooMuch(p.missing):
		return dropOut
	case p.railShare() > tooMuch(p.rail):
		return atRail
	case suspicious && p.clipShare() > tooMuch(p.clip):
		return clipping
	}
	return sound
}

// tooMuch is the share of a segment that is too much where usual is the largest
// one seen while learning.
func tooMuch(usual float64) float64 {
	if usual > 0.9 {
		return math.Inf(1) // no share would be news
	}
	return min(0.25+2*usual, 0.95)
}

// describeFault says in words what the rule saw.
func (p *profile) describeFault(code faultCode) string {
	h := p.latest()
	switch code {
	case stuck:
		return fmt.Sprintf("%d identical readings in a row, at most %d while learning: stuck sensor (NE 107: failure)", h.run, p.longestRun)
	case dropOut:
		return fmt.Sprintf("%.0f %% of the latest readings missing, at most %.0f %% while learning: drop-out (NE 107: failure)", 100*p.missingShare(), 100*p.missing)
	case atRail:
		return fmt.Sprintf("%.0f %% of the latest readings at the end of the range, at most %.0f %% while learning: saturation (NE 107: out of specification)", 100*p.railShare(), 100*p.rail)
	case clipping:
		return fmt.Sprintf("%.0f %% of the latest readings equal to the highest or lowest value, at most %.0f %% while learning: saturation (NE 107: out of specification)", 100*p.clipShare(), 100*p.clip)
	}
	return ""
}
