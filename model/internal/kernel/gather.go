package kernel

import "unsafe"

// Gather copies n values from each place to dst, one after the other: dst[k·n:][:n] are
// those at from[k]. dst is at least n·len(from) long, n is above 0, and overlaps none of
// them.
func Gather(dst []float32, from []*float32, n int) {
	if len(from) > 0 {
		gather(dst[:n*len(from)], from, n)
	}
}

// Prefetch asks for the lines of the cache in which n values at each place lie, and waits
// for none of them. It changes nothing.
func Prefetch(at []*float32, n int) {
	if len(at) > 0 {
		prefetch(at, n)
	}
}

func gatherGeneric(dst []float32, from []*float32, n int) {
	for k, p := range from {
		copy(dst[k*n:][:n], unsafe.Slice(p, n))
	}
}
