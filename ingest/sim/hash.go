package sim

import "math"

// hash is a source of random numbers that are looked up rather than drawn: each
// is a function of the seed, a stream and an index.
type hash uint64

// The streams, one per use.
const (
	streamShape = iota + 1
	streamSteps
	streamLevels
	streamWhite
	streamColoured
	streamSpike
	streamDrop
	streamFleet
)

// newHash mixes a seed with what else tells sensors apart.
func newHash(seed uint64, more ...uint64) hash {
	h := splitmix(seed)
	for _, m := range more {
		h = splitmix(h ^ m)
	}
	return hash(h)
}

// splitmix is the finaliser of SplitMix64 (G. L. Steele, D. Lea and C. H. Flood,
// 2014, Fast splittable pseudorandom number generators).
func splitmix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (h hash) bits(stream, i int64) uint64 {
	return splitmix(splitmix(uint64(h)^uint64(stream)<<56) ^ uint64(i))
}

// uniform returns a number of (0, 1).
func (h hash) uniform(stream, i int64) float64 {
	return (float64(h.bits(stream, i)>>11) + 0.5) / (1 << 53)
}

// gauss returns a standard normal number (G. E. P. Box and M. E. Muller, 1958, A
// note on the generation of random normal deviates).
func (h hash) gauss(stream, i int64) float64 {
	b := h.bits(stream, i)
	u := (float64(b>>11) + 0.5) / (1 << 53)
	v := float64(splitmix(b)>>11) / (1 << 53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}
