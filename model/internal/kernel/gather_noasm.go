//go:build !amd64 || purego

package kernel

func gather(dst []float32, from []*float32, n int) { gatherGeneric(dst, from, n) }

func prefetch([]*float32, int) {}
