package noise

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// param is a parameter of a kind of corruption. A default of NaN means that
// the parameter is not used unless given.
type param struct {
	name     string
	def      Range
	min, max float64
}

type kind struct {
	name   string
	does   string
	params []param
	apply  func(x []float64, lost []bool, dev float64, v []float64, rng *rand.Rand, a *Added)
}

func one(v float64) Range { return Range{v, v} }

// unset marks a parameter without default.
func unset() Range { return one(math.NaN()) }

// level are the two ways to say how strong noise is.
func level() []param {
	return []param{{"snr", one(10), -60, 120}, {"sigma", unset(), 0, math.MaxFloat64}}
}

func fraction(def float64) param { return param{"p", one(def), 0, 1} }

// recordedName is the kind whose noise comes with the step.
const recordedName = "recorded"

// kinds is the table of corruptions; it is never changed.
var kinds = []kind{
	{"gaussian", "white Gaussian noise at snr dB, or of deviation sigma", level(), gaussian},
	{"ar1", "noise coloured by a first-order autoregression with coefficient rho",
		append(level(), param{"rho", one(.9), -.9999, .9999}), ar1},
	{"burst", "white noise at snr dB in runs of mean length len that cover a fraction p",
		append(level(), fraction(.1), param{"len", one(50), 1, 1e9}), burst},
	{"spike", "adds ±amp deviations to a fraction p of the samples",
		[]param{fraction(.02), {"amp", Range{3, 8}, 0, 1e6}}, spike},
	{"saltpepper", "replaces a fraction p of the samples by ±amp deviations",
		[]param{fraction(.02), {"amp", one(4), 0, 1e6}}, saltPepper},
	{"mask", "loses a fraction p of the samples one by one", []param{fraction(.1)}, mask},
	{"dropout", "loses runs of mean length len that cover a fraction p",
		[]param{fraction(.1), {"len", one(20), 1, 1e9}}, dropout},
	{"stuck", "repeats a value for runs of mean length len that cover a fraction p",
		[]param{fraction(.05), {"len", one(20), 1, 1e9}}, stuck},
	{"quantize", "rounds to multiples of step deviations", []param{{"step", one(.1), 0, 1e6}}, quantize},
	{"wander", "adds a baseline that wanders by amp deviations (root mean square) with period samples",
		[]param{{"amp", one(.5), 0, 1e6}, {"period", Range{300, 3000}, 2, 1e9}}, wander},
	{recordedName, "adds gain times a piece of a recording of noise, where one is given",
		[]param{{"gain", one(1), 0, 1e6}}, nil}, // Chain.Apply adds it
}

// Kinds returns one line per corruption: name, parameters with defaults, and
// what it does.
func Kinds() []string {
	lines := make([]string, len(kinds))
	for i, k := range kinds {
		s := Step{Kind: k.name}
		for _, p := range k.params {
			s.Args = append(s.Args, Arg{p.name, p.def})
		}
		lines[i] = fmt.Sprintf("%-40s %s", Chain{s}.String(), k.does)
	}
	return lines
}

func names() []string {
	n := make([]string, len(kinds))
	for i, k := range kinds {
		n[i] = k.name
	}
	return n
}

func alias(name string) (string, bool) {
	switch name {
	case "white", "gauss":
		return "gaussian", true
	case "spikes", "impulse":
		return "spike", true
	case "salt-and-pepper", "salt_and_pepper":
		return "saltpepper", true
	case "masking":
		return "mask", true
	case "drop-out", "drop":
		return "dropout", true
	case "quantise":
		return "quantize", true
	case "baseline":
		return "wander", true
	}
	return "", false
}

func (k kind) paramNames() string {
	n := make([]string, len(k.params))
	for i, p := range k.params {
		n[i] = p.name
	}
	return strings.Join(n, ", ")
}

// sigma returns the deviation of noise given by snr (v[0]) or sigma (v[1]).
func sigma(dev float64, v []float64) float64 {
	if !math.IsNaN(v[1]) {
		return v[1]
	}
	return dev * math.Pow(10, -v[0]/20)
}

func gaussian(x []float64, _ []bool, dev float64, v []float64, rng *rand.Rand, a *Added) {
	s := sigma(dev, v)
	for i := range x {
		x[i] += s * rng.NormFloat64()
	}
	a.Sigma += s * s
}

func ar1(x []float64, _ []bool, dev float64, v []float64, rng *rand.Rand, a *Added) {
	s, rho := sigma(dev, v), v[2]
	fresh := math.Sqrt(1 - rho*rho)
	n := rng.NormFloat64() // stationary from the first sample
	for i := range x {
		x[i] += s * n
		n = rho*n + fresh*rng.NormFloat64()
	}
	a.Sigma += s * s
}

func burst(x []float64, _ []bool, dev float64, v []float64, rng *rand.Rand, _ *Added) {
	s := sigma(dev, v)
	runs(len(x), v[2], v[3], rng, func(from, to int) {
		for i := from; i < to; i++ {
			x[i] += s * rng.NormFloat64()
		}
	})
}

func sign(rng *rand.Rand) float64 {
	if rng.Uint64()&1 == 0 {
		return -1
	}
	return 1
}

func spike(x []float64, _ []bool, dev float64, v []float64, rng *rand.Rand, _ *Added) {
	for i := range x {
		if rng.Float64() < v[0] {
			x[i] += sign(rng) * v[1] * dev
		}
	}
}

func saltPepper(x []float64, _ []bool, dev float64, v []float64, rng *rand.Rand, _ *Added) {
	mean := 0.0
	for _, f := range x {
		mean += f / float64(len(x))
	}
	for i := range x {
		if rng.Float64() < v[0] {
			x[i] = mean + sign(rng)*v[1]*dev
		}
	}
}

// lose marks [from,to) as lost and holds the value before it.
func lose(x []float64, lost []bool, from, to int, a *Added) {
	for i := from; i < to; i++ {
		if i > 0 {
			x[i] = x[i-1]
		}
		if lost != nil {
			if !lost[i] {
				a.Lost++
			}
			lost[i] = true
		} else {
			a.Lost++
		}
	}
}

func mask(x []float64, lost []bool, _ float64, v []float64, rng *rand.Rand, a *Added) {
	for i := range x {
		if rng.Float64() < v[0] {
			lose(x, lost, i, i+1, a)
		}
	}
}

func dropout(x []float64, lost []bool, _ float64, v []float64, rng *rand.Rand, a *Added) {
	runs(len(x), v[0], v[1], rng, func(from, to int) { lose(x, lost, from, to, a) })
}

func stuck(x []float64, _ []bool, _ float64, v []float64, rng *rand.Rand, _ *Added) {
	runs(len(x), v[0], v[1], rng, func(from, to int) {
		for i := from + 1; i < to; i++ {
			x[i] = x[from]
		}
	})
}

func quantize(x []float64, _ []bool, dev float64, v []float64, _ *rand.Rand, _ *Added) {
	step := v[0] * dev
	if step <= 0 {
		return
	}
	for i, f := range x {
		x[i] = math.Round(f/step) * step
	}
}

// wander adds three sinusoids of equal power with periods within a factor of
// two of the one asked for.
func wander(x []float64, _ []bool, dev float64, v []float64, rng *rand.Rand, _ *Added) {
	amp := v[0] * dev * math.Sqrt(2./3)
	for range 3 {
		w := 2 * math.Pi / (v[1] * math.Exp2(2*rng.Float64()-1))
		phase := 2 * math.Pi * rng.Float64()
		for i := range x {
			x[i] += amp * math.Sin(w*float64(i)+phase)
		}
	}
}

// runs visits disjoint runs of [0,n): free and covered stretches alternate,
// both of geometric length, the covered ones of the given mean, so that they
// cover a fraction p in the long run.
func runs(n int, p, mean float64, rng *rand.Rand, visit func(from, to int)) {
	switch {
	case p <= 0:
		return
	case p >= 1:
		visit(0, n)
		return
	}
	free := mean * (1 - p) / p
	covered := rng.Float64() < p
	for at := 0; at < n; covered = !covered {
		length := free
		if covered {
			length = mean
		}
		to := min(n, at+geometric(length, covered, rng))
		if covered {
			visit(at, to)
		}
		at = to
	}
}

// geometric draws a length with the given mean. A covered run has at least one
// sample; a free one may be empty, so that any fraction can be reached.
func geometric(mean float64, covered bool, rng *rand.Rand) int {
	least := 0.0
	if covered {
		least = 1
	}
	q := 1 / (mean - least + 1)
	if q >= 1 {
		return int(least)
	}
	k := math.Floor(math.Log(1-rng.Float64()) / math.Log1p(-q))
	return int(least + min(k, 1e15))
}
