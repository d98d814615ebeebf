// Package mix makes keys of numbers that may lie side by side, such as seeds and
// indices, so that what is drawn with one key tells nothing of the next.
package mix

// Golden is 2⁶⁴ over the golden ratio: its multiples lie far apart.
const Golden = 0x9e3779b97f4a7c15

// Mix is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014), a bijection that keeps 0.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Next is the number that SplitMix64 gives next in state x.
func Next(x uint64) uint64 { return Mix(x + Golden) }
