package sim

import (
	"fmt"
	"math"
	"strings"
)

// Family is a kind of simulated signal.
type Family uint8

// The families.
const (
	Motor Family = iota // vibration of a shaft: a fundamental, three harmonics, slow changes of speed and load
	Pump                // pressure: a pulse with a reflection at every stroke
	Tank                // temperature: set points, followed with a lag
	ECG                 // a heartbeat with P, QRS and T waves and a varying rhythm
	Flow                // steps, followed quickly, with a ripple
	Power               // a daily cycle (a day takes twelve seconds) and loads that switch
)

var families = [...]struct{ name, channel, unit string }{
	Motor: {"motor", "vibration", "mm/s"},
	Pump:  {"pump", "pressure", "bar"},
	Tank:  {"tank", "temperature", "°C"},
	ECG:   {"ecg", "lead", "mV"},
	Flow:  {"flow", "flow", "l/min"},
	Power: {"power", "power", "kW"},
}

// Families returns all families.
func Families() []Family { return []Family{Motor, Pump, Tank, ECG, Flow, Power} }

// String returns the family's name in lower case.
func (f Family) String() string {
	if int(f) >= len(families) {
		return fmt.Sprintf("family(%d)", uint8(f))
	}
	return families[f].name
}

// ParseFamily reads a family's name.
func ParseFamily(s string) (Family, error) {
	var names []string
	for f := range families {
		if families[f].name == s {
			return Family(f), nil
		}
		names = append(names, families[f].name)
	}
	return 0, fmt.Errorf("sim: family %q: must be one of %s", s, strings.Join(names, ", "))
}

// shape is the clean signal of a sensor at t seconds. It is a pure function, so
// that any index can be asked for at any time.
type shape interface {
	at(t float64) float64
}

// newShape draws the parameters of a signal.
func newShape(f Family, h hash) shape {
	u := func(i int64, lo, hi float64) float64 { return lo + (hi-lo)*h.uniform(streamShape, i) }
	switch f {
	case Motor:
		m := &motor{speed: u(0, 1.6, 2.4), wobble: u(1, 0.05, 0.15), load: u(2, 0.05, 0.12)}
		for k := range m.amp {
			m.amp[k] = u(10+int64(k), 0.6, 1) / float64(1+k)
			m.phase[k] = u(20+int64(k), 0, 2*math.Pi)
		}
		return m
	case Pump:
		return &pump{stroke: u(0, 0.8, 1.3), base: u(1, 3, 5), pulse: u(2, 0.8, 1.4), echo: u(3, 0.3, 0.5)}
	case Tank:
		return &steps{h: h, every: 2.5, tau: u(0, 0.3, 0.5), lo: 55, hi: 75, levels: 4, back: 3}
	case ECG:
		return &ecg{h: h, beat: u(0, 0.75, 0.95), size: u(1, 0.9, 1.3)}
	case Flow:
		return &flow{steps: steps{h: h, every: 2, tau: 0.15, lo: 20, hi: 60, levels: 4, back: 2}, ripple: u(0, 0.5, 1.2), rate: u(1, 0.7, 1.1)}
	default:
		return &power{loads: steps{h: h, every: 2, tau: 0.1, lo: 0, hi: 2.5, levels: 4, back: 2}, day: 12, base: u(0, 4, 6), swing: u(1, 1.5, 2.5), phase: u(2, 0, 2*math.Pi)}
	}
}

type motor struct {
	speed, wobble, load float64 // Hz; cycles; Hz
	amp, phase          [4]float64
}

func (m *motor) at(t float64) float64 {
	turn := 2 * math.Pi * (m.speed*t + m.wobble*math.Sin(2*math.Pi*0.21*t))
	v := 0.0
	for k := range m.amp {
		v += m.amp[k] * math.Sin(float64(k+1)*turn+m.phase[k])
	}
	return v * (1 + 0.15*math.Sin(2*math.Pi*m.load*t))
}

type pump struct {
	stroke, base, pulse, echo float64 // Hz; bar
}

func (p *pump) at(t float64) float64 {
	x := p.stroke * t
	x -= math.Floor(x)
	v := p.base + 0.15*math.Sin(2*math.Pi*0.07*t)
	// The neighbouring strokes reach into this one.
	for d := -1.0; d <= 1; d++ {
		v += p.pulse * (bell(x+d, 0.25, 0.08) + p.echo*bell(x+d, 0.55, 0.12))
	}
	return v
}

// ecg is the sum of five bells per beat, in the manner of P. E. McSharry et al.,
// 2003, A dynamical model for generating synthetic electrocardiogram signals,
// widened to what 50 to 100 Hz can carry.
type ecg struct {
	h          hash
	beat, size float64 // s; mV
}

var waves = [...]struct{ at, width, size float64 }{
	{-0.18, 0.030, 0.14}, // P
	{-0.05, 0.014, -0.12},
	{0, 0.020, 1}, // R
	{0.05, 0.016, -0.25},
	{0.26, 0.055, 0.30}, // T
}

func (e *ecg) at(t float64) float64 {
	k := int64(math.Floor(t / e.beat))
	v := 0.0
	for b := k - 1; b <= k+1; b++ {
		// Breathing and chance move each beat a little.
		when := e.beat * (float64(b) + 0.5 + 0.05*math.Sin(float64(b)*0.24*2*math.Pi) + 0.06*(e.h.uniform(streamSteps, b)-0.5))
		for _, w := range waves {
			v += w.size * bell(t-when, w.at, w.width)
		}
	}
	return e.size * v
}

type flow struct {
	steps
	ripple, rate float64 // l/min; Hz
}

func (f *flow) at(t float64) float64 {
	return f.steps.at(t) + f.ripple*math.Sin(2*math.Pi*f.rate*t)
}

type power struct {
	loads                   steps
	day, base, swing, phase float64 // s; kW
}

func (p *power) at(t float64) float64 {
	a := 2*math.Pi*t/p.day + p.phase
	return p.base + p.swing*(math.Sin(a)+0.35*math.Sin(2*a+1)) + p.loads.at(t)
}

// steps moves between a few set points, drawn at random, at random times, about every so many
// seconds, and follows each with a first-order lag of tau seconds.
type steps struct {
	h          hash
	every, tau float64
	lo, hi     float64
	levels     int   // set points, evenly spaced from lo to hi; an even number
	back       int64 // steps after which a change is over: exp(-(back-0.6)·every/tau) is nothing
}

func (s *steps) level(k int64) float64 {
	// Even and odd steps have set points of their own, so that each step is one.
	n := 2*math.Floor(s.h.uniform(streamLevels, k)*float64(s.levels/2)) + float64(k&1)
	return s.lo + (s.hi-s.lo)*n/float64(s.levels-1)
}

// start returns when step k begins. Its chance part is less than a step, which
// keeps the steps in order.
func (s *steps) start(k int64) float64 {
	return s.every * (float64(k) + 0.6*s.h.uniform(streamSteps, k))
}

func (s *steps) at(t float64) float64 {
	k := int64(math.Floor(t / s.every))
	if t < s.start(k) {
		k--
	}
	v := s.level(k - s.back)
	for j := k - s.back + 1; j <= k; j++ {
		v += (s.level(j) - s.level(j-1)) * -math.Expm1((s.start(j)-t)/s.tau)
	}
	return v
}

// bell is a Gaussian of height 1.
func bell(x, at, width float64) float64 {
	z := (x - at) / width
	return math.Exp(-z * z / 2)
}
