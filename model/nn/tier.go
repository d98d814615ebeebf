package nn

import (
	"time"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// KernelTier returns the name of the kernels in use: "avx512", "avx2", "neon"
// or "generic". It is the fastest that the CPU can run unless the environment
// variable QUELL_KERNEL or SetKernelTier says otherwise. Values are the same
// bits within a tier and agree within rounding between tiers.
func KernelTier() string { return string(kernel.Active()) }

// KernelTiers returns the names of the tiers that this build has for this CPU,
// the fastest first.
func KernelTiers() []string {
	var names []string
	for _, t := range kernel.Tiers() {
		names = append(names, string(t))
	}
	return names
}

// SetKernelTier switches to another tier for tests and benchmarks. No network
// may run meanwhile. The error says which tiers there are.
func SetKernelTier(name string) error { return kernel.Use(kernel.Tier(name)) }

// KernelTierErr returns an error if QUELL_KERNEL names a tier that this build
// or this CPU does not have; the fastest is in use then.
func KernelTierErr() error { return kernel.EnvErr() }

// PeakGFLOPS measures for about d what the multiply-add units of one core
// yield with nothing else to do, in 1e9 floating-point operations a second (a
// multiply-add counts as two), with the vectors of the widest tier. It returns
// 0 where no tier has vectors.
func PeakGFLOPS(d time.Duration) float64 { return kernel.Peak(d) }

// TileFLOPs is the number of floating-point operations of what TileKernel does.
const TileFLOPs = 2 * tileRows * 32 * 3 * 32

const tileRows = 252

// TileKernel returns a function that runs the convolution kernel alone, over 252
// rows of 32 to 32 channels with 3 taps 4 columns apart, bias and ReLU: what all
// networks' speed is made of. The function is not safe for concurrent use.
func TileKernel() func() {
	s := kernel.Taps(32, 32, 3, 1, 4)
	x, y := make([]float32, s.Len(tileRows)), make([]float32, tileRows*32)
	w, b := make([]float32, kernel.PackedLen(96, 32)), make([]float32, kernel.Padded(32))
	for i := range x {
		x[i] = float32(i%13)/13 - .5
	}
	for i := range w {
		w[i] = float32(i%7)/7 - .5
	}
	c := kernel.NewConvOp(s, w, b, true)
	return func() { c.Run(y, 32, x, nil, 0, tileRows) }
}
