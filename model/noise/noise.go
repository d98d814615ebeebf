// Package noise corrupts clean signals in the ways sensors do, and estimates
// how noisy a signal is.
//
// A corruption is written as text, for configuration files and flags:
//
//	gaussian:snr=10                white noise at 10 dB
//	gaussian:snr=-2..25            a level drawn anew for each signal
//	gaussian:snr=10+spike:p=0.02   both, from left to right
//	recorded:gain=0.5..2           noise that a sensor gave, see Recorded
//
// All randomness comes from the generator that the caller passes, so the same
// seed gives the same noise.
package noise

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Range is a parameter: a number where Lo equals Hi, else drawn from the
// uniform distribution on [Lo, Hi] for each signal.
type Range struct{ Lo, Hi float64 }

func (r Range) draw(rng *rand.Rand) float64 {
	if r.Lo == r.Hi {
		return r.Lo
	}
	return r.Lo + (r.Hi-r.Lo)*rng.Float64()
}

// String returns the form that ParseSpec reads.
func (r Range) String() string {
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	if r.Lo == r.Hi {
		return f(r.Lo)
	}
	return f(r.Lo) + ".." + f(r.Hi)
}

// Step is one corruption with its parameters.
type Step struct {
	Kind string
	Args []Arg // in the order of the kind's definition, defaults filled in
	// Recorded is the noise that a step of kind "recorded" adds.
	Recorded *Recorded
}

// Arg is a named parameter of a Step.
type Arg struct {
	Name  string
	Value Range
}

// Chain is a list of corruptions, applied in order. The zero Chain changes
// nothing. A Chain is immutable and safe for concurrent use.
type Chain []Step

// Added says what Apply did.
type Added struct {
	// Sigma is the root mean square of the stationary noise added, in the
	// signal's unit: of gaussian, ar1 and recorded, summed as variances.
	Sigma float64
	// Lost counts the samples marked as lost.
	Lost int
}

// Apply corrupts x in place. dev is the deviation of the clean signal, which
// signal-to-noise ratios and amplitudes refer to. Samples that a sensor would
// not have delivered are marked in lost and hold the latest value before them;
// lost may be nil, else it must be as long as x. Values of x must be finite.
func (c Chain) Apply(x []float64, lost []bool, dev float64, rng *rand.Rand) Added {
	if lost != nil && len(lost) != len(x) {
		panic("noise: Apply: x and lost differ in length")
	}
	var a Added
	for i := range c {
		k := kinds[c[i].kind()]
		v := make([]float64, len(c[i].Args))
		for j, arg := range c[i].Args {
			v[j] = arg.Value.draw(rng)
		}
		if r := c[i].Recorded; r != nil {
			r.Add(x, v[0], rng)
			a.Sigma += v[0] * v[0] * r.Sigma() * r.Sigma()
			continue
		}
		k.apply(x, lost, dev, v, rng, &a)
	}
	a.Sigma = math.Sqrt(a.Sigma)
	return a
}

// String returns the canonical form of the chain, with all parameters; ParseSpec
// reads it back.
func (c Chain) String() string {
	steps := make([]string, len(c))
	for i, s := range c {
		args := make([]string, 0, len(s.Args))
		for _, a := range s.Args {
			if !math.IsNaN(a.Value.Lo) {
				args = append(args, a.Name+"="+a.Value.String())
			}
		}
		steps[i] = s.Kind
		if len(args) > 0 {
			steps[i] += ":" + strings.Join(args, ",")
		}
	}
	return strings.Join(steps, "+")
}

func (s Step) kind() int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == s.Kind })
}

// ParseSpec reads a chain: kinds joined by "+", each with parameters after a
// colon, "name=value" or "name=lo..hi", joined by commas. "none" and the empty
// text are the empty chain. Kinds, parameters and defaults are those of Kinds.
// The kind "recorded" is an error, as there is no recording to take it from.
func ParseSpec(spec string) (Chain, error) { return ParseSpecRecorded(spec, nil) }

// ParseSpecRecorded is ParseSpec with the noise that the kind "recorded" adds.
func ParseSpecRecorded(spec string, r *Recorded) (Chain, error) {
	var c Chain
	if s := strings.TrimSpace(spec); s == "" || s == "none" {
		return c, nil
	}
	for part := range strings.SplitSeq(spec, "+") {
		s, err := parseStep(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("noise: %q: %w", spec, err)
		}
		if s.Kind == recordedName {
			if r == nil {
				return nil, fmt.Errorf("noise: %q: %s needs a recording of noise, and none is given here", spec, recordedName)
			}
			s.Recorded = r
		}
		c = append(c, s)
	}
	return c, nil
}

func parseStep(part string) (Step, error) {
	name, rest, _ := strings.Cut(part, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if full, ok := alias(name); ok {
		name = full
	}
	s := Step{Kind: name}
	at := s.kind()
	if at < 0 {
		return s, fmt.Errorf("unknown corruption %q; choose from %s", name, strings.Join(names(), ", "))
	}
	k := kinds[at]
	given := make(map[string]bool)
	for _, p := range k.params {
		s.Args = append(s.Args, Arg{p.name, p.def})
	}
	if strings.TrimSpace(rest) != "" {
		for pair := range strings.SplitSeq(rest, ",") {
			key, text, ok := strings.Cut(pair, "=")
			key = strings.ToLower(strings.TrimSpace(key))
			i := slices.IndexFunc(k.params, func(p param) bool { return p.name == key })
			switch {
			case !ok:
				return s, fmt.Errorf("%s: %q is not name=value", name, pair)
			case i < 0:
				return s, fmt.Errorf("%s has no parameter %q; it takes %s", name, key, k.paramNames())
			case given[key]:
				return s, fmt.Errorf("%s: %s is given twice", name, key)
			}
			r, err := parseRange(strings.TrimSpace(text))
			if err != nil {
				return s, fmt.Errorf("%s: %s: %w", name, key, err)
			}
			if p := k.params[i]; r.Lo < p.min || r.Hi > p.max {
				return s, fmt.Errorf("%s: %s=%s; want %g to %g", name, key, r, p.min, p.max)
			}
			given[key] = true
			s.Args[i].Value = r
		}
	}
	if given["sigma"] && given["snr"] {
		return s, fmt.Errorf("%s: give snr or sigma, not both", name)
	}
	return s, nil
}

func parseRange(text string) (Range, error) {
	lo, hi, ok := strings.Cut(text, "..")
	if !ok {
		hi = lo
	}
	a, err1 := strconv.ParseFloat(lo, 64)
	b, err2 := strconv.ParseFloat(hi, 64)
	if err1 != nil || err2 != nil || math.IsNaN(a-b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return Range{}, fmt.Errorf("%q is neither a number nor a range lo..hi", text)
	}
	if a > b {
		return Range{}, fmt.Errorf("the range %s runs backwards", text)
	}
	return Range{a, b}, nil
}
