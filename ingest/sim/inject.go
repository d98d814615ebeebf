package sim

import (
	"fmt"
	"math"
)

// Kind is a kind of injected change.
type Kind uint8

// The kinds.
const (
	NoiseLevel Kind = iota // the noise grows to three times its size
	Regime                 // the process changes: half as fast again, half as large again, and shifted by a standard deviation
	Stuck                  // the sensor repeats its last reading
)

// String returns noise, regime or stuck.
func (k Kind) String() string {
	switch k {
	case NoiseLevel:
		return "noise"
	case Regime:
		return "regime"
	case Stuck:
		return "stuck"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind reads noise, regime or stuck.
func ParseKind(s string) (Kind, error) {
	for _, k := range []Kind{NoiseLevel, Regime, Stuck} {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("sim: injection %q: must be one of noise, regime, stuck", s)
}

// Injection is a change at a known place.
type Injection struct {
	Kind   Kind
	At     int64 // index of the first sample affected
	Length int64 // samples; 0: for good
	// Factor scales the change: noise grows by twice the factor of itself, a
	// regime changes speed and size by half the factor. Default: 1.
	Factor float64
}

func (j *Injection) factor() float64 {
	if j.Factor == 0 {
		return 1
	}
	return j.Factor
}

func (j *Injection) covers(i int64) bool {
	return i >= j.At && (j.Length <= 0 || i-j.At < j.Length)
}

// Inject adds a change. Readings before its index stay what they are.
func (s *Sensor) Inject(j Injection) { s.injections = append(s.injections, j) }

// active returns the latest injection of a kind that covers i, or nil.
func (s *Sensor) active(k Kind, i int64) *Injection {
	for n := len(s.injections) - 1; n >= 0; n-- {
		if j := &s.injections[n]; j.Kind == k && j.covers(i) {
			return j
		}
	}
	return nil
}

const (
	// maxRho keeps the memory below long enough: 0.95^128 is about 0.001.
	maxRho = 0.95
	// reach is how many samples coloured noise looks back.
	reach = 128
)

// memory makes AR(1) noise of variance 1 that can be asked for at any index: the
// recursion x[i] = ρ·x[i-1] + √(1-ρ²)·e[i] written out as a sum over the last
// innovations e, which are functions of their index. It keeps them, since
// indices mostly rise by one.
type memory struct {
	rho   float64
	index [reach]int64
	value [reach]float64
	valid [reach]bool
}

func (m *memory) at(h hash, i int64) float64 {
	sum, weight, norm := 0.0, 1.0, 0.0
	for k := range int64(reach) {
		j := i - k
		slot := j & (reach - 1)
		if !m.valid[slot] || m.index[slot] != j {
			m.index[slot], m.value[slot], m.valid[slot] = j, h.gauss(streamColoured, j), true
		}
		sum += weight * m.value[slot]
		norm += weight * weight
		if weight *= m.rho; weight < 1e-4 {
			break
		}
	}
	return sum / math.Sqrt(norm)
}
