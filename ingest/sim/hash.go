package sim

import (
	"math"

	"github.com/quell-stream/quell/internal/mix"
)

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
	h := mix.Next(seed)
	for _, m := range more {
		h = mix.Next(h ^ m)
	}
	return hash(h)
}

func (h hash) bits(stream, i int64) uint64 {
	return mix.Next(mix.Next(uint64(h)^uint64(stream)<<56) ^ uint64(i))
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
	v := float64(mix.Next(b)>>11) / (1 << 53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}
