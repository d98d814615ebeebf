package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Kind is a kind of noise.
type Kind string

// The kinds of noise.
const (
	White   Kind = "white"   // Gaussian, independent
	AR1     Kind = "ar1"     // Gaussian, each sample .9 of the one before plus something new
	Impulse Kind = "impulse" // white, and spikes on 2 % of the samples beside it
)

// ParseKind returns the kind of the given name.
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case White, AR1, Impulse:
		return k, nil
	}
	return "", fmt.Errorf("eval: there is no noise %q, choose one of white, ar1, impulse", s)
}

const (
	arCoefficient = 0.9
	spikeShare    = 0.02
	// A spike of 1 to 5 deviations of the signal stands out of the noise without
	// being the only thing to remove: on an ECG at 10 dB a Hampel filter before
	// a Kalman smoother gains about 9 dB.
	spikeLeast, spikeMost = 1, 5
)

// AddNoise returns x with noise of the variance
//
//	σ² = 10^(-snrDB/10)·signalVar
//
// added, signalVar being the variance of the signal's training part, and the
// ratio of signalVar to the mean square of what was really added, in dB. It
// differs from snrDB by chance, and with Impulse by the spikes, which come on
// top of white noise at snrDB: of random sign, their size uniform between 1 and
// 5 times √signalVar.
//
// Equal seeds give equal noise. Missing samples stay missing, and don't shift
// the noise of those after them. An unknown kind panics.
func AddNoise(x []float64, snrDB float64, kind Kind, seed uint64, signalVar float64) (noisy []float64, realisedDB float64) {
	if _, err := ParseKind(string(kind)); err != nil {
		panic(err.Error())
	}
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	dev, sigma := math.Sqrt(signalVar), math.Sqrt(math.Pow(10, -snrDB/10)*signalVar)
	noisy = make([]float64, len(x))
	state := rng.NormFloat64() // starts in the stationary distribution
	for i, v := range x {
		var e float64
		switch kind {
		case AR1:
			e = sigma * state
			state = arCoefficient*state + math.Sqrt(1-arCoefficient*arCoefficient)*rng.NormFloat64()
		case Impulse:
			e = sigma * rng.NormFloat64()
			hit, size, side := rng.Float64(), rng.Float64(), rng.Uint64()
			if hit < spikeShare {
				spike := dev * (spikeLeast + (spikeMost-spikeLeast)*size)
				if side&1 == 0 {
					spike = -spike
				}
				e += spike
			}
		default:
			e = sigma * rng.NormFloat64()
		}
		noisy[i] = v + e
	}
	return noisy, SNR(signalVar, x, noisy)
}
