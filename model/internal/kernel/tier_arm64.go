//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// level is the tier in use as a number: comparing it costs less than a string.
var level int

const (
	levelGeneric = iota
	levelNEON
)

// cpuTiers lists what the CPU can do: Advanced SIMD is part of every arm64 CPU
// that Go's ports know, but the operating system may say otherwise.
func cpuTiers() []Tier {
	if !cpu.ARM64.HasASIMD {
		return nil
	}
	return []Tier{NEON}
}

func setTier(t Tier) {
	if t == NEON {
		level = levelNEON
	} else {
		level = levelGeneric
	}
}
