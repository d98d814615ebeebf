// Package sim makes simulated sensors: clean signals of several families with
// noise on them, whose truth the caller knows and the pipeline never sees.
//
// Everything about a sensor follows from (seed, family, index): a reading can be
// asked for at any index in any order, and a restarted simulation goes on as if
// it had never stopped. Changes can be injected at a given index: another noise
// level, another regime of the process, a sensor that is stuck.
package sim

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Noise says what is wrong with a sensor's readings. The zero value is none.
type Noise struct {
	// SNRdB is the ratio of the signal's variance to that of the white noise;
	// 0 and below: no white noise.
	SNRdB float64
	// Coloured is the standard deviation of noise with a memory (AR(1)), relative
	// to that of the white noise; Rho its correlation from sample to sample.
	Coloured, Rho float64
	// Spikes is the share of readings hit by a spike of 6 to 12 standard
	// deviations of the white noise.
	Spikes float64
	// Step is the resolution of readings; 0: as fine as float64.
	Step float64
	// Drops is the chance per sample that one to five readings begin to be missing.
	Drops float64
}

// Validate checks the noise.
func (n *Noise) Validate() error {
	var errs []error
	bad := func(key string, v float64, want string) {
		errs = append(errs, fmt.Errorf("sim: noise %s %g: must be %s", key, v, want))
	}
	if !(math.Abs(n.SNRdB) <= 200) {
		bad("snr_db", n.SNRdB, "a number of decibels")
	}
	if !(n.Coloured >= 0 && n.Coloured <= 100) {
		bad("coloured", n.Coloured, "between 0 and 100")
	}
	if !(n.Rho >= 0 && n.Rho <= maxRho) {
		bad("rho", n.Rho, fmt.Sprintf("between 0 and %g", maxRho))
	}
	if !(n.Spikes >= 0 && n.Spikes <= 1) {
		bad("spikes", n.Spikes, "a share between 0 and 1")
	}
	if !(n.Drops >= 0 && n.Drops <= 1) {
		bad("drops", n.Drops, "a share between 0 and 1")
	}
	if !(n.Step >= 0 && !math.IsInf(n.Step, 0)) {
		bad("step", n.Step, "a finite number, 0 or more")
	}
	return errors.Join(errs...)
}

// Spec describes a sensor.
type Spec struct {
	Name   string // the series
	Family Family
	RateHz int // samples per second
	Seed   uint64
	Noise  Noise
}

// Validate checks the specification.
func (s *Spec) Validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("sim: a sensor needs a name"))
	}
	if int(s.Family) >= len(families) {
		errs = append(errs, fmt.Errorf("sim: there is no %s", s.Family))
	}
	if s.RateHz < 1 || s.RateHz > 1_000_000 {
		errs = append(errs, fmt.Errorf("sim: rate %d Hz: must be between 1 and 1000000", s.RateHz))
	}
	return errors.Join(append(errs, s.Noise.Validate())...)
}

// Reading is one sample of a sensor.
type Reading struct {
	Truth    float64 // what an ideal sensor would say
	Measured float64 // what this one says; 0 where Missing
	Missing  bool
}

// Sensor simulates one sensor. It keeps scratch memory and is not safe for
// concurrent use.
type Sensor struct {
	spec       Spec
	hash       hash
	shape      shape
	mean, std  float64 // of the clean signal
	white      float64 // standard deviation of the white noise
	injections []Injection
	memory     memory
}

// spanSeconds is the stretch of signal whose variance an SNR refers to.
const spanSeconds = 120

// New returns a sensor.
func New(spec Spec) (*Sensor, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	s := &Sensor{spec: spec, hash: newHash(spec.Seed, uint64(spec.Family))}
	s.shape = newShape(spec.Family, s.hash)
	const n = spanSeconds * 20
	var sum, sq float64
	for i := range n {
		v := s.shape.at(float64(i) / 20)
		sum += v
		sq += v * v
	}
	s.mean = sum / n
	s.std = math.Sqrt(max(sq/n-s.mean*s.mean, 0))
	if spec.Noise.SNRdB > 0 {
		s.white = s.std * math.Pow(10, -spec.Noise.SNRdB/20)
	}
	s.memory.rho = spec.Noise.Rho
	return s, nil
}

// Spec returns what the sensor was made from.
func (s *Sensor) Spec() Spec { return s.spec }

// Channel returns the name of what is measured, and Unit its unit.
func (s *Sensor) Channel() string { return families[s.spec.Family].channel }

// Unit returns the unit of the readings.
func (s *Sensor) Unit() string { return families[s.spec.Family].unit }

// At returns reading i, at i/RateHz seconds. Equal arguments give equal readings.
func (s *Sensor) At(i int64) Reading {
	r := Reading{Truth: s.truth(i)}
	if j := s.active(Stuck, i); j != nil {
		r.Measured = s.held(j.At)
		return r
	}
	r.Measured, r.Missing = s.measure(i, r.Truth)
	return r
}

// truth returns the clean signal.
func (s *Sensor) truth(i int64) float64 {
	rate := float64(s.spec.RateHz)
	t := float64(i) / rate
	warped, amp, shift := t, 1.0, 0.0
	for k := range s.injections {
		j := &s.injections[k]
		if j.Kind != Regime || i < j.At {
			continue
		}
		// The process runs faster from then on; what it gained meanwhile stays, so
		// that the signal has no jump in phase.
		stay := i - j.At
		if j.Length > 0 {
			stay = min(stay, j.Length)
		}
		warped += 0.5 * j.factor() * float64(stay) / rate
		if j.covers(i) {
			amp *= 1 + 0.5*j.factor()
			shift += j.factor() * s.std
		}
	}
	return s.mean + amp*(s.shape.at(warped)-s.mean) + shift
}

// measure puts noise on a reading.
func (s *Sensor) measure(i int64, truth float64) (v float64, missing bool) {
	n := &s.spec.Noise
	for k := range int64(maxDrop) {
		// A gap that began k samples ago may still last.
		if n.Drops > 0 && s.hash.uniform(streamDrop, i-k) < n.Drops && s.hash.bits(streamDrop, ^(i-k))%maxDrop >= uint64(k) {
			return 0, true
		}
	}
	sigma := s.white
	if j := s.active(NoiseLevel, i); j != nil {
		sigma *= 1 + 2*j.factor()
	}
	v = truth + sigma*s.hash.gauss(streamWhite, i)
	if n.Coloured > 0 {
		v += sigma * n.Coloured * s.memory.at(s.hash, i)
	}
	if n.Spikes > 0 && s.hash.uniform(streamSpike, i) < n.Spikes {
		size := 6 + 6*s.hash.uniform(streamSpike, ^i)
		if s.hash.bits(streamSpike, i)&1 == 0 {
			size = -size
		}
		v += size * s.white
	}
	return quantise(v, n.Step), false
}

// maxDrop is the longest gap in samples.
const maxDrop = 5

// held returns what a sensor stuck from index at says: its last reading.
func (s *Sensor) held(at int64) float64 {
	for i := at - 1; i > at-64; i-- {
		if v, missing := s.measure(i, s.truth(i)); !missing {
			return v
		}
	}
	return quantise(s.truth(at), s.spec.Noise.Step)
}

// quantise rounds to a multiple of step. Where a whole number of steps makes
// one, the result is the float64 nearest to the decimal number, and prints short.
func quantise(v, step float64) float64 {
	if step == 0 {
		return v
	}
	n := math.Round(v / step)
	if per := math.Round(1 / step); per > 1 && math.Abs(per*step-1) < 1e-9 {
		return n / per
	}
	return n * step
}

// AppendJSON appends reading i as a message with the time stamp ns (Unix
// nanoseconds): {"ts":1700000000010,"value":1.23}, ts being in milliseconds and
// value null where the reading is missing. The truth is not in it.
func (s *Sensor) AppendJSON(dst []byte, i, ns int64) []byte {
	return appendJSON(dst, s.At(i), ns)
}

func appendJSON(dst []byte, r Reading, ns int64) []byte {
	dst = append(dst, `{"ts":`...)
	dst = strconv.AppendInt(dst, ns/1e6, 10)
	if frac := ns % 1e6; frac != 0 {
		dst = append(dst, '.')
		for scale := int64(1e5); frac > 0; scale /= 10 {
			dst = append(dst, byte('0'+frac/scale))
			frac %= scale
		}
	}
	dst = append(dst, `,"value":`...)
	if r.Missing {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendFloat(dst, r.Measured, 'g', -1, 64)
	}
	return append(dst, '}')
}
