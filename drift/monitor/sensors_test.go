package monitor

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// sensor is a synthetic sensor: a process, white measurement noise on it, and
// a change at a given sample.
type sensor struct {
	r       *rand.Rand
	process string
	t       int64
	phase   float64
	period  float64
	phi     float64
	y, y1   float64 // of the autoregressions
	sigma   float64 // of the noise
	amp     float64
	offset  float64
	quantum float64
	stuck   bool
	last    float64
	missing float64
	spikes  float64 // share
	top     float64 // end of the range, 0: none
}

var processes = []string{"sine", "two tones", "saw", "ar1", "resonance", "level"}

func newSensor(process string, seed uint64) *sensor {
	r := rand.New(rand.NewPCG(seed, 0x5e50))
	s := &sensor{r: r, process: process, amp: 1, phi: 0.9}
	s.period = 16 + 40*r.Float64()
	s.phase = r.Float64()
	s.sigma = 0.1 + 0.2*r.Float64()
	s.offset = 20 * r.NormFloat64()
	if seed%3 == 0 {
		s.quantum = 0.05
	}
	for range 500 {
		s.next()
	}
	return s
}

func (s *sensor) next() (x float64, missing bool) {
	s.phase += 1 / s.period
	s.t++
	v := 0.0
	switch s.process {
	case "sine":
		v = math.Sqrt2 * math.Sin(2*math.Pi*s.phase)
	case "two tones":
		v = math.Sin(2*math.Pi*s.phase) + math.Sin(2*math.Pi*s.phase*2.37+1)
	case "saw":
		v = math.Sqrt(12) * (s.phase - math.Floor(s.phase) - 0.5)
	case "square":
		v = math.Copysign(1, math.Sin(2*math.Pi*s.phase))
	case "ar1":
		s.y = s.phi*s.y + math.Sqrt(1-s.phi*s.phi)*s.r.NormFloat64()
		v = s.y
	case "resonance": // poles of radius .95 at the period
		w := 2 * math.Pi / s.period
		g := 0.95
		y := 2*g*math.Cos(w)*s.y - g*g*s.y1 + 0.2*math.Sin(w)*s.r.NormFloat64()
		s.y, s.y1 = y, s.y
		v = y / 0.47
	}
	x = s.offset + s.amp*v + s.sigma*s.r.NormFloat64()
	if s.spikes > 0 && s.r.Float64() < s.spikes {
		x += math.Copysign(30*s.sigma, s.r.NormFloat64())
	}
	if s.quantum > 0 {
		x = math.Round(x/s.quantum) * s.quantum
	}
	if s.top != 0 {
		x = math.Min(x, s.top)
	}
	if s.stuck {
		x = s.last
	}
	s.last = x
	return x, s.missing > 0 && s.r.Float64() < s.missing
}

// linearSentinel stands in for the network: the linear autoencoder, which is
// the projection on principal components, over a window of one channel.
type linearSentinel struct {
	mean, dev float64
	basis     *mat.Dense // [components, window]
	ring      []float64
	n         int
	hop       int
}

const (
	testWindow     = 32
	testComponents = 6
)

func fitLinear(xs []float64, hop int) *linearSentinel {
	s := &linearSentinel{hop: hop, ring: make([]float64, testWindow)}
	var m moments
	for _, x := range xs {
		m.add(x)
	}
	s.mean, s.dev = m.mean, math.Max(m.sd(), 1e-9)
	cov := mat.NewSymDense(testWindow, nil)
	for i := 0; i+testWindow <= len(xs); i++ {
		for a := range testWindow {
			va := (xs[i+a] - s.mean) / s.dev
			for b := a; b < testWindow; b++ {
				cov.SetSym(a, b, cov.At(a, b)+va*(xs[i+b]-s.mean)/s.dev)
			}
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(cov, true) {
		panic("monitor: eigenvalues did not converge")
	}
	var v mat.Dense
	eig.VectorsTo(&v)
	s.basis = mat.NewDense(testComponents, testWindow, nil)
	for k := range testComponents {
		for i := range testWindow {
			s.basis.Set(k, i, v.At(i, testWindow-1-k))
		}
	}
	return s
}

func (s *linearSentinel) push(x float64) (float64, bool) {
	copy(s.ring, s.ring[1:])
	s.ring[testWindow-1] = (x - s.mean) / s.dev
	s.n++
	if s.n < testWindow || s.n%s.hop != 0 {
		return math.NaN(), false
	}
	total := 0.0
	for _, v := range s.ring {
		total += v * v
	}
	for k := range testComponents {
		dot := 0.0
		for i, v := range s.ring {
			dot += v * s.basis.At(k, i)
		}
		total -= dot * dot
	}
	return math.Log(math.Max(total, 0)/testWindow + 1e-6), true
}

// rig runs sensor, sentinel, extractor and monitor together.
type rig struct {
	s     *sensor
	lin   *linearSentinel
	ex    *Extractor
	m     *Monitor
	index int64
	held  float64
}

func newRig(s *sensor, cfg Config) *rig {
	xs := make([]float64, 1024)
	for i := range xs {
		xs[i], _ = s.next()
	}
	return &rig{s: s, lin: fitLinear(xs, cfg.Hop), ex: NewExtractor(cfg.Hop), m: New(cfg)}
}

// step feeds one sample and returns the decision at the end of a hop.
func (g *rig) step() (Decision, bool) {
	x, missing := g.s.next()
	if !missing {
		g.held = x
	}
	score, _ := g.lin.push(g.held)
	f, ok := g.ex.Push(x, missing)
	g.index++
	if !ok {
		return Decision{}, false
	}
	return g.m.Update(Observation{Index: g.index - 1, Score: score, Features: []Features{f}}), true
}

// learn steps until the monitor has learnt.
func (g *rig) learn() {
	for {
		if d, ok := g.step(); ok && d.State != Learning {
			return
		}
	}
}

// changes maps the name of a change to how it is made and to the kinds that
// are right for it.
var changes = []struct {
	name  string
	group string
	want  string
	make  func(s *sensor)
	on    func(process string) bool
}{
	{"noise x3", "noise", Noise, func(s *sensor) { s.sigma *= 3 }, nil},
	{"noise /3", "", Noise, func(s *sensor) { s.sigma /= 3 }, nil},
	{"frequency x1.6", "regime", Regime, func(s *sensor) { s.period /= 1.6 }, periodic},
	{"shape", "regime", Regime, func(s *sensor) {
		if s.process == "saw" {
			s.process = "sine"
		} else {
			s.process = "square"
		}
	}, func(p string) bool { return p == "sine" || p == "saw" }},
	{"amplitude x2", "amplitude", Unknown, func(s *sensor) { s.amp *= 2 }, moving},
	{"amplitude x3", "amplitude", Unknown, func(s *sensor) { s.amp *= 3 }, moving},
	{"level +4", "level", Unknown, func(s *sensor) { s.offset += 4 }, nil},
	{"stuck", "stuck", Fault, func(s *sensor) { s.stuck = true }, nil},
	{"drop-out 70 %", "drop-out", Fault, func(s *sensor) { s.missing = 0.7 }, nil},
	{"5 % spikes", "spikes", Fault, func(s *sensor) { s.spikes = 0.05 }, nil},
}

func periodic(p string) bool { return p != "ar1" && p != "level" }
func moving(p string) bool   { return p != "level" }
