package train

import (
	"math/rand/v2"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// Example is one training window. A Batcher fills it and may reuse what its
// slices hold.
type Example struct {
	X []float32 // input, [T][In]
	Y []float32 // target of the net's output, [T][Out]
	W []float32 // weight of each squared error, [T][Out]

	// What Spectral compares in place of output and target, if set: the clean
	// signal, [T][Channels], and by how much the estimate of it rises with the output.
	Clean, Gain []float32
	Channels    int // of the series, 0 for 1

	// Of channels of 0 and 1 the target is the state, its weight in W 0, and that of
	// its cross-entropy in Odds, [T][Channels]; empty: there is none.
	Odds []float32
	// The class of each slot, [T], -1 where it is not known; empty: nowhere.
	Class []int
	Cond  []float32 // what is known of the recording, Spec.Cond values; nil: nothing

	desk desk
}

// desk is what our own Batchers work on. It stays with an Example, so that in
// the long run they allocate next to nothing.
type desk struct {
	pcg      *rand.PCG
	rng      *rand.Rand
	cols     []model.Column
	want     []target
	floats   [3][]float64
	lost     []bool
	scales   []scale
	features *model.Features

	est, dest []float32  // of Spread
	all, dall []float32  // of Head
	spectral  *spectra   // of Spectral
	below     *nn.Runner // of pretraining
	old       bool       // the example is of an old window: see Recall
	teacher   *nn.Runner // of distilled
	taught    []float32  // what it makes of the example
}

// draw returns a generator that depends on nothing but its arguments, valid
// until the next call.
func (e *Example) draw(seed uint64, step, i int) *rand.Rand {
	d := &e.desk
	if d.rng == nil {
		d.pcg = new(rand.PCG)
		d.rng = rand.New(d.pcg)
	}
	d.pcg.Seed(seeds(seed, step, i))
	return d.rng
}

// columns returns room for n columns and what a net should find there.
func (e *Example) columns(n int) ([]model.Column, []target) {
	d := &e.desk
	d.cols, d.want = grow(d.cols, n), grow(d.want, n)
	return d.cols, d.want
}

// float returns room for n numbers, k of three.
func (e *Example) float(k, n int) []float64 {
	e.desk.floats[k] = grow(e.desk.floats[k], n)
	return e.desk.floats[k]
}

// bools returns n times false.
func (e *Example) bools(n int) []bool {
	e.desk.lost = grow(e.desk.lost, n)
	clear(e.desk.lost)
	return e.desk.lost
}

// resize makes room for T columns and clears nothing.
func (e *Example) resize(t, in, out int) {
	e.X, e.Y, e.W = grow(e.X, t*in), grow(e.Y, t*out), grow(e.W, t*out)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
