//go:build !purego

package kernel

import "slices"

// burnNEON does twenty multiply-adds of whole vectors, times times.
//
//go:noescape
func burnNEON(times int)

// burn does multiply-adds in registers and returns how many operations they are.
func burn(times int) int {
	if !slices.Contains(tiers, NEON) {
		return 0
	}
	burnNEON(times)
	return times * 20 * 4 * 2
}
