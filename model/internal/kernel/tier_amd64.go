//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// level is the tier in use as a number: comparing it costs less than a string.
var level int

const (
	levelGeneric = iota
	levelAVX2
	levelAVX512
)

// cpuTiers lists what the CPU and the operating system can do.
func cpuTiers() []Tier {
	var t []Tier
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA {
		return nil
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
		t = append(t, AVX512)
	}
	return append(t, AVX2)
}

func setTier(t Tier) {
	switch t {
	case AVX512:
		level = levelAVX512
	case AVX2:
		level = levelAVX2
	default:
		level = levelGeneric
	}
}
