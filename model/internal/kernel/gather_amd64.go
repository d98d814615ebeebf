//go:build !purego

package kernel

// gatherAVX2 is gatherGeneric of m places, at least one, where n is a multiple of 8.
//
//go:noescape
func gatherAVX2(dst *float32, from **float32, m, n int)

// prefetchLines is Prefetch of m places, at least one.
//
//go:noescape
func prefetchLines(at **float32, m, n int)

func gather(dst []float32, from []*float32, n int) {
	if level == levelGeneric || n&7 != 0 {
		gatherGeneric(dst, from, n)
		return
	}
	gatherAVX2(&dst[0], &from[0], len(from), n)
}

func prefetch(at []*float32, n int) { prefetchLines(&at[0], len(at), n) }
