package monitor

import (
	"fmt"
	"math"
	"slices"
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
	if !p.learnt || !p.full() || !p.based { // without a reading ever there is no sensor that could fail
		return sound
	}
	h := p.latest()
	limit := p.stuckLimit(chance)
	long := int(h.run) >= limit ||
		suspicious && limit < math.MaxInt && h.run >= leastRun && int(h.run) > p.longestRun+p.longestRun/2
	switch {
	case long && p.returned(h):
		return clipping
	case long:
		return stuck
	case int(h.gap) >= max(leastGap, 4*p.longestGap), p.missingShare() > tooMuch(p.missing):
		return dropOut
	case p.railShare() > tooMuch(p.rail):
		return atRail
	case suspicious && p.clipShare() > tooMuch(p.clip), p.clipped(1), p.clipped(-1):
		return clipping
	case p.spiky(suspicious):
		return spiky
	}
	return sound
}

// spiky says whether readings stand out further than any did while learning, each
// alone, again and again, with nothing changed between them.
func (p *profile) spiky(suspicious bool) bool {
	least := 6 // hops
	if suspicious {
		least = 3
	}
	n, since := 0, 0
	var peaks [longest]float64
	for i := range min(longest, int(p.hops)) {
		h := p.back(i)
		if peaks[i] = float64(h.peak); float64(h.alone) > 2*p.peak {
			n++
			since = i + 1
		}
	}
	if n < least || since < segment || 4*n > 3*since {
		return false
	}
	slices.Sort(peaks[:since])
	return peaks[2*since/5] <= 1.5*p.peaks.mean
}

// end is what the latest hops read at their highest or lowest.
type end struct {
	value  float32
	share  float64 // of their samples
	visits int
	run    float64 // mean length of a visit
}

// atEnd looks at the highest readings of the latest hops for a sign of 1, at the
// lowest for −1.
func (p *profile) atEnd(sign float32) end {
	e := end{value: float32(math.Inf(-1))}
	n, at := 0, 0
	for i := range min(longest, int(p.hops)) {
		h := p.back(i)
		if h.n == 0 {
			continue
		}
		v, here, fresh := sign*h.top, h.atTop, h.newTop
		if sign < 0 {
			v, here, fresh = sign*h.bottom, h.atBottom, h.newBottom
		}
		n += int(h.n)
		if v > e.value {
			e.value, at, e.visits = v, 0, 0
		}
		if v == e.value {
			at += int(here)
			e.visits += int(fresh)
		}
	}
	e.value *= sign
	if n > 0 {
		e.share, e.run = float64(at)/float64(n), float64(at)/float64(max(e.visits, 1))
	}
	return e
}

// clipped says whether readings end at a value that they come back to and stay
// at, much more than they did while learning.
func (p *profile) clipped(sign float32) bool {
	const least = 3 // visits
	e := p.atEnd(sign)
	return e.visits >= least && e.run >= 2*p.usualRun() && e.share > min(0.12+2*p.end, 0.95)
}

// usualRun is the mean length of a run of identical readings while learning, a
// little more than is known.
func (p *profile) usualRun() float64 {
	n := float64(p.samples)
	return 1 / (1 - (p.same+2)/(n+4))
}

// returned says whether a run that is too long stands at an end of the readings
// that was left before and come back to: a rail, where a stuck sensor would not
// have moved.
func (p *profile) returned(h *hop) bool {
	for _, sign := range [...]float32{1, -1} {
		e := p.atEnd(sign)
		earlier := e.visits - 1
		if h.top == h.bottom && h.top == e.value && earlier >= 1 &&
			e.share*float64(longest*int(h.n))-float64(h.run) >= 2*float64(earlier)*p.usualRun() {
			return true
		}
	}
	return p.left && h.top == h.bottom && float64(h.top) == p.plateau
}

// follow notes where runs stand that are too long.
func (p *profile) follow(chance float64) {
	if h := p.latest(); int(h.run) < p.stuckLimit(chance) {
		p.left = p.stood
	} else if h.top == h.bottom && !(p.stood && float64(h.top) == p.plateau) {
		p.plateau, p.stood, p.left = float64(h.top), true, false
	}
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
		share := max(p.atEnd(1).share, p.atEnd(-1).share)
		return fmt.Sprintf("%.0f %% of the latest readings equal to the highest or lowest value, at most %.0f %% while learning: saturation (NE 107: out of specification)", 100*share, 100*p.end)
	case spiky:
		most := float32(0)
		for i := range longest {
			most = max(most, p.back(i).alone)
		}
		return fmt.Sprintf("isolated readings stand out by up to %.3g, at most %.3g while learning, the others unchanged: spikes (NE 107: maintenance required)", most, p.peak)
	}
	return ""
}
