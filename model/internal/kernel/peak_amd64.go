//go:build !purego

package kernel

import "slices"

// Each does ten multiply-adds of whole vectors, times times.

//go:noescape
func burnAVX512(times int)

//go:noescape
func burnAVX2(times int)

// burn does multiply-adds in registers and returns how many operations they are.
func burn(times int) int {
	switch {
	case slices.Contains(tiers, AVX512):
		burnAVX512(times)
		return times * 10 * 16 * 2
	case slices.Contains(tiers, AVX2):
		burnAVX2(times)
		return times * 10 * 8 * 2
	}
	return 0
}
