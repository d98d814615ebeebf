package monitor

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// ranks holds the values seen so far as counts in cells that are narrow around
// the median and wide in the tails, in a Fenwick tree (Fenwick 1994), and turns
// a value into its sequential rank. For exchangeable values sequential ranks
// are independent and uniform, whatever the distribution (Vovk, Gammerman and
// Shafer 2005, "Algorithmic learning in a random world", theorem 8.1); ties are
// broken at random.
type ranks struct {
	med, mad float64
	lo, hi   float64 // smallest and largest value held
	n        float64
	tree     []uint32 // 1-based
}

func newRanks(cells int) ranks { return ranks{tree: make([]uint32, cells+1)} }

func (r *ranks) fit(x []float64) {
	r.med, r.mad = medianMAD(x)
	if !(r.mad > 0) {
		// More than half of the values are equal: any width will do.
		r.mad = 1e-9*math.Abs(r.med) + 1e-300
	}
	r.n = 0
	clear(r.tree)
	r.lo, r.hi = math.Inf(1), math.Inf(-1)
	for _, v := range x {
		r.add(v)
	}
}

func (r *ranks) cell(v float64) int {
	k := len(r.tree) - 1
	p := 0.5 + math.Atan((v-r.med)/r.mad/1.2)/math.Pi
	return min(max(int(p*float64(k)), 0), k-1)
}

func (r *ranks) add(v float64) {
	r.n++
	r.lo, r.hi = min(r.lo, v), max(r.hi, v)
	for i := r.cell(v) + 1; i < len(r.tree); i += i & -i {
		r.tree[i]++
	}
}

// below returns how many values lie in cells before c.
func (r *ranks) below(c int) float64 {
	s := uint32(0)
	for i := c; i > 0; i -= i & -i {
		s += r.tree[i]
	}
	return float64(s)
}

// tailIndex is the index of the Pareto tail that is assumed beyond the values
// seen so far: that of Student's t with three degrees of freedom, heavier than
// anything a log error was seen to have.
const tailIndex = 3

// gauss returns the standard normal value at the rank that v would have; u,
// uniform in [0, 1), breaks ties. Beyond the values held the rank goes on
// falling along a Pareto tail about the median, so that a hundred values can
// still tell far from very far.
func (r *ranks) gauss(v, u float64) float64 {
	switch {
	case v > r.hi && r.hi > r.med:
		return -normalQuantile(math.Pow((v-r.med)/(r.hi-r.med), -tailIndex) / (r.n + 1))
	case v < r.lo && r.lo < r.med:
		return normalQuantile(math.Pow((r.med-v)/(r.med-r.lo), -tailIndex) / (r.n + 1))
	}
	c := r.cell(v)
	lo := r.below(c)
	p := (lo + u*(r.below(c+1)-lo+1)) / (r.n + 1)
	return normalQuantile(p)
}

// normalQuantile returns Φ⁻¹(p), limited to ±6.
func normalQuantile(p float64) float64 {
	z := math.Sqrt2 * math.Erfinv(2*p-1)
	return min(max(z, -6), 6)
}

func (r *ranks) appendState(dst []byte) []byte {
	for _, v := range [...]float64{r.med, r.mad, r.lo, r.hi, r.n} {
		dst = wire.F64(dst, v)
	}
	dst = wire.I64(dst, int64(len(r.tree)))
	for i := range (len(r.tree)) / 2 { // two counts a word
		dst = wire.U64(dst, uint64(r.tree[2*i])|uint64(r.tree[2*i+1])<<32)
	}
	if len(r.tree)%2 == 1 {
		dst = wire.U64(dst, uint64(r.tree[len(r.tree)-1]))
	}
	return dst
}

func (r *ranks) restoreState(rd *wire.Reader) {
	for _, p := range [...]*float64{&r.med, &r.mad, &r.lo, &r.hi, &r.n} {
		*p = rd.F64()
	}
	if rd.Int() != len(r.tree) {
		rd.Fail(errForeign)
		return
	}
	for i := range len(r.tree) / 2 {
		w := rd.U64()
		r.tree[2*i], r.tree[2*i+1] = uint32(w), uint32(w>>32)
	}
	if len(r.tree)%2 == 1 {
		r.tree[len(r.tree)-1] = uint32(rd.U64())
	}
}
