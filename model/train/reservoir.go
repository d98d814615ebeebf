package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/eval"
)

const (
	// pieceWindows is how many windows a piece has: windows begin anywhere in it.
	pieceWindows = 4
	// leastPieces is what must be kept at least.
	leastPieces = 8
	// heldPieces is what is held out at most: a window of each is validated on.
	heldPieces = 64
	// firstRows is the number of rows at most that the scale is learnt from.
	firstRows = 1 << 16
)

// reservoir is a uniform sample of the pieces it was given, of bounded size: the
// first ones, and then each new one in the place of a random one with the
// probability that it belongs to such a sample (Vitter 1985, algorithm R).
type reservoir struct {
	clean, noise [][]float64 // [channel][pieces·length]; noise nil without pairs
	length       int         // of a piece
	size, full   int         // pieces
	seen         int
	seed         uint64
}

func newReservoir(channels, length, size int, noisy bool, seed uint64) *reservoir {
	r := &reservoir{length: length, size: size, seed: seed}
	for range channels {
		r.clean = append(r.clean, make([]float64, size*length))
		if noisy {
			r.noise = append(r.noise, make([]float64, size*length))
		}
	}
	return r
}

// samples returns the number of samples per channel.
func (r *reservoir) samples() int { return r.full * r.length }

func (r *reservoir) part() eval.Range { return eval.Range{To: r.samples()} }

// first returns the number of pieces that the scale is learnt from.
func (r *reservoir) first() int { return min(r.size, max(1, firstRows/r.length)) }

// add takes a piece, [channel][length], or leaves it.
func (r *reservoir) add(clean, noise [][]float64) {
	at := r.full
	if r.full == r.size {
		at = draw(r.seed, r.seen, 0).IntN(r.seen + 1)
	}
	r.seen++
	if at >= r.size {
		return
	}
	r.full = max(r.full, at+1)
	for i, x := range clean {
		copy(r.clean[i][at*r.length:], x)
	}
	for i, z := range noise {
		copy(r.noise[i][at*r.length:], z)
	}
}

// cutter cuts rows into pieces and deals them out: of heldShare pieces in a row the
// last is held out, with a gap of a receptive field on both sides.
type cutter struct {
	src        RowReader
	kept, held *reservoir
	length     int
	gap        int

	rows         int64
	row, hiss    []float64   // of the row, then with gaps filled
	last         []float64   // latest values, NaN before the first
	clean, noise [][]float64 // the piece being read, [channel][length]
	n            int         // rows of it
	piece        int         // its number since the last break
	skip         int         // rows to be left out
}

func newCutter(src RowReader, cfg *OnlineConfig) (*cutter, error) {
	c, length := cfg.Channels, pieceWindows*cfg.Window
	bytes := int64(8 * c * length)
	if cfg.Pairs {
		bytes *= 2
	}
	memory := cfg.Memory
	for _, z := range cfg.Noise {
		memory -= int64(8 * len(z))
	}
	if 2*memory < cfg.Memory {
		return nil, fmt.Errorf("train: online: the recorded noise takes more than half of the memory of %d bytes: give more, or a shorter recording", cfg.Memory)
	}
	pieces := int(memory / bytes)
	held := min(pieces/8, heldPieces)
	if pieces-held-1 < leastPieces || held < 1 { // one is being read
		return nil, fmt.Errorf("train: online: %d bytes of memory are too little for windows of %d samples of %d channels: give at least %d",
			cfg.Memory, cfg.Window, c, (leastPieces+3)*bytes+cfg.Memory-memory)
	}
	k := &cutter{src: src, length: length, gap: cfg.Arch.Spec.ReceptiveField(),
		kept: newReservoir(c, length, pieces-held-1, cfg.Pairs, mix.Next(cfg.Seed)), held: newReservoir(c, length, held, cfg.Pairs, mix.Next(cfg.Seed^heldOut)),
		row: make([]float64, c), last: make([]float64, c)}
	for i := range c {
		k.last[i] = math.NaN()
		k.clean = append(k.clean, make([]float64, length))
		if cfg.Pairs {
			k.noise = append(k.noise, make([]float64, length))
		}
	}
	if cfg.Pairs {
		k.hiss = make([]float64, c)
	}
	return k, nil
}

// least returns the number of rows in a row that give a piece of each sort.
func (c *cutter) least() int { return heldShare*c.length + c.gap }

// read takes the next row. A missing value is the one before it, as in a recording
// that is read whole; before the first there is no row.
func (c *cutter) read() error {
	err := c.src.Read(c.row, c.hiss)
	if errors.Is(err, ErrBreak) {
		c.n, c.piece, c.skip = 0, 0, 0
		for i := range c.last {
			c.last[i] = math.NaN()
		}
		return nil
	}
	if err != nil {
		return err
	}
	c.rows++
	known := true
	for i, v := range c.row {
		if v-v == 0 {
			c.last[i] = v
		}
		known = known && c.last[i]-c.last[i] == 0
	}
	switch {
	case !known:
	case c.skip > 0:
		c.skip--
	default:
		c.take()
	}
	return nil
}

// take adds the row to its piece, and the piece, if it is complete, where it
// belongs.
func (c *cutter) take() {
	for i, v := range c.last {
		c.clean[i][c.n] = v
		if c.hiss == nil {
			continue
		}
		z := c.hiss[i]
		if z-z != 0 {
			z = 0
		}
		c.noise[i][c.n] = z
	}
	if c.n++; c.n < c.length {
		return
	}
	c.n = 0
	c.piece++
	switch c.piece % heldShare {
	case 0:
		c.held.add(c.clean, c.noise)
		c.skip = c.gap
	case heldShare - 1:
		c.kept.add(c.clean, c.noise)
		c.skip = c.gap
	default:
		c.kept.add(c.clean, c.noise)
	}
}

// robustMoments returns mean and deviation of x as the medians of those of 16
// groups, to which blocks of 64 samples are dealt in turn: each group has seen the
// whole of x, and what is off in fewer than half of them, such as a burst of wrong
// readings, moves nothing far ("median of means"; Lugosi and Mendelson, "Mean
// Estimation and Regression Under Heavy-Tailed Distributions", 2019, section 2.1).
// Of a short x it is the plain mean and deviation.
func robustMoments(x []float64) (mean, dev float64) {
	const groups, block = 16, 64
	if len(x) < 4*groups*block {
		return moments(x)
	}
	var n, sum, squares [groups]float64
	origin := x[0] // sums of what is far from zero lose digits
	for i, v := range x {
		g := i / block % groups
		d := v - origin
		n[g]++
		sum[g] += d
		squares[g] += d * d
	}
	means, vars := make([]float64, groups), make([]float64, groups)
	for g := range groups {
		means[g] = sum[g] / n[g]
		vars[g] = max(0, squares[g]/n[g]-means[g]*means[g])
	}
	return origin + middleOf(means), math.Sqrt(middleOf(vars))
}

// middleOf returns the median of an even number of values, which it sorts.
func middleOf(v []float64) float64 {
	slices.Sort(v)
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

// cutAll returns the first n values of each.
func cutAll(x [][]float64, n int) [][]float64 {
	out := make([][]float64, len(x))
	for i, v := range x {
		out[i] = v[:n:n]
	}
	return out
}
