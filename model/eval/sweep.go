package eval

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Below these a method has broken down: it adds noise, or its interval misses
// the truth too often.
const (
	leastGain     = 0.0 // dB
	leastCoverage = .8
)

// stableWithin is by how much a breakpoint may differ between seeds, in dB of
// the input, to be called stable.
const stableWithin = 1

// Breakpoint is the range of input noise in which a method fails. Between two
// levels of the sweep it is interpolated linearly. The bounds are those of the
// curve of medians over the seeds.
type Breakpoint struct {
	Lowest, Highest float64 // dB, of all that fails; there may be levels between them that don't
	// FromEdge and ToEdge say that the lowest or the highest level of the sweep
	// fails: how far it goes on beyond is not known.
	FromEdge, ToEdge bool
	// Seeds is the number of seeds, Failing of how many of them the curve fails
	// somewhere.
	Seeds, Failing int
	// Spread is by how many dB bounds differ between those seeds at most, NaN
	// where there are less than two.
	Spread float64
}

// Stable says whether all seeds fail, within 1 dB of each other; ok is false
// where there is only one.
func (b *Breakpoint) Stable() (stable, ok bool) {
	return b.Failing == b.Seeds && b.Spread <= stableWithin, b.Seeds > 1
}

// Sweep is how a method fares on a channel from level to level of the noise.
type Sweep struct {
	Channel, Method string
	Model           bool
	SNR             []float64 // dB, rising: the levels asked for
	Gain, Coverage  []float64 // medians over the seeds; NaN where unknown
	// GainBelow is where the gain is below 0 dB, CoverageBelow where the coverage
	// is below .8, Either where one of them is; nil: nowhere from the lowest to
	// the highest level.
	GainBelow, CoverageBelow, Either *Breakpoint
}

// Sweeps returns a sweep of each method, none where there are less than two
// different levels.
func (s *Study) Sweeps() []Sweep {
	order := risingLevels(s.Levels)
	if len(order) < 2 {
		return nil
	}
	var out []Sweep
	for row := range s.Runs[0][0] {
		first := &s.Runs[0][0][row]
		w := Sweep{Channel: s.Channel, Method: first.Method, Model: first.Model}
		for _, l := range order {
			w.SNR = append(w.SNR, s.Levels[l])
		}
		curves := func(score func(*Result) float64) (seeds [][]float64) {
			for k := range s.Runs[0] {
				var c []float64
				for _, l := range order {
					c = append(c, score(&s.Runs[l][k][row]))
				}
				seeds = append(seeds, c)
			}
			return seeds
		}
		gains := curves(func(r *Result) float64 { return r.Gain - leastGain })
		covers := curves(func(r *Result) float64 { return r.Coverage - leastCoverage })
		w.GainBelow, w.CoverageBelow = breakpoint(w.SNR, gains), breakpoint(w.SNR, covers)
		w.Either = either(w.GainBelow, w.CoverageBelow)
		w.Gain, w.Coverage = shifted(medianCurve(gains), leastGain), shifted(medianCurve(covers), leastCoverage)
		out = append(out, w)
	}
	return out
}

// risingLevels returns the indices of the different levels, rising; the first of
// equal ones. Levels that are NaN are left out.
func risingLevels(levels []float64) (order []int) {
	for i, v := range levels {
		if !math.IsNaN(v) && !slices.Contains(levels[:i], v) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(levels[a], levels[b]) })
	return order
}

func shifted(x []float64, by float64) []float64 {
	y := slices.Clone(x)
	for i := range y {
		y[i] += by
	}
	return y
}

func medianCurve(seeds [][]float64) []float64 {
	out := make([]float64, len(seeds[0]))
	for i := range out {
		var v []float64
		for _, c := range seeds {
			if !math.IsNaN(c[i]) {
				v = append(v, c[i])
			}
		}
		out[i] = middle(v)
	}
	return out
}

// breakpoint finds where curves over x, one per seed, are negative.
func breakpoint(x []float64, seeds [][]float64) *Breakpoint {
	b := negative(x, medianCurve(seeds))
	if b == nil {
		return nil
	}
	b.Seeds, b.Spread = len(seeds), math.NaN()
	var from, to []float64
	for _, c := range seeds {
		if one := negative(x, c); one != nil {
			from, to = append(from, one.Lowest), append(to, one.Highest)
		}
	}
	if b.Failing = len(from); b.Failing > 1 {
		b.Spread = max(slices.Max(from)-slices.Min(from), slices.Max(to)-slices.Min(to))
	}
	return b
}

// negative returns the first and the last x at which the line through the
// points is negative, nil where it is nowhere. NaN points are left out.
func negative(x, y []float64) *Breakpoint {
	var b *Breakpoint
	last := -1
	for i, v := range y {
		if math.IsNaN(v) {
			continue
		}
		crossing := func() float64 { return x[last] + (x[i]-x[last])*y[last]/(y[last]-v) }
		switch {
		case v < 0 && b == nil:
			b = &Breakpoint{Lowest: x[i], FromEdge: last < 0}
			if last >= 0 && !math.IsInf(y[last], 0) {
				b.Lowest = crossing()
			}
			b.Highest, b.ToEdge = x[i], true
		case v < 0:
			b.Highest, b.ToEdge = x[i], true
		case b != nil && b.ToEdge && y[last] < 0:
			b.ToEdge = false
			if !math.IsInf(v, 0) {
				b.Highest = crossing()
			}
		}
		last = i
	}
	return b
}

// either is the range of two breakpoints of the same sweep.
func either(a, b *Breakpoint) *Breakpoint {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	c := *a
	if b.Lowest < c.Lowest {
		c.Lowest, c.FromEdge = b.Lowest, b.FromEdge
	}
	if b.Highest > c.Highest {
		c.Highest, c.ToEdge = b.Highest, b.ToEdge
	}
	c.Failing = min(a.Failing, b.Failing)
	c.Spread = math.Max(a.Spread, b.Spread) // NaN where one of them is
	return &c
}

// MarshalJSON implements json.Marshaler.
func (b *Breakpoint) MarshalJSON() ([]byte, error) {
	w := struct {
		Lowest   number `json:"lowest_db"`
		Highest  number `json:"highest_db"`
		FromEdge bool   `json:"from_edge"`
		ToEdge   bool   `json:"to_edge"`
		Seeds    int    `json:"seeds"`
		Failing  int    `json:"seeds_failing"`
		Spread   number `json:"spread_db"`
		Stable   *bool  `json:"stable"`
	}{number(b.Lowest), number(b.Highest), b.FromEdge, b.ToEdge, b.Seeds, b.Failing, number(b.Spread), nil}
	if stable, ok := b.Stable(); ok {
		w.Stable = &stable
	}
	return json.Marshal(w)
}

// MarshalJSON implements json.Marshaler.
func (w Sweep) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Channel       string      `json:"channel"`
		Method        string      `json:"method"`
		SNR           []number    `json:"snr_db"`
		Gain          []number    `json:"gain_db"`
		Coverage      []number    `json:"coverage"`
		GainBelow     *Breakpoint `json:"gain_below_0"`
		CoverageBelow *Breakpoint `json:"coverage_below_0_8"`
		Breakpoint    *Breakpoint `json:"breakpoint"`
	}{w.Channel, w.Method, numbers(w.SNR), numbers(w.Gain), numbers(w.Coverage), w.GainBelow, w.CoverageBelow, w.Either})
}

func numbers(x []float64) []number {
	out := make([]number, len(x))
	for i, v := range x {
		out[i] = number(v)
	}
	return out
}

// Words says in a sentence where the method breaks down.
func (w *Sweep) Words() string {
	from, to := w.SNR[0], w.SNR[len(w.SNR)-1]
	var parts []string
	if w.GainBelow != nil {
		parts = append(parts, "gain below 0 dB "+w.GainBelow.words())
	}
	if w.CoverageBelow != nil {
		parts = append(parts, "coverage below .8 "+w.CoverageBelow.words())
	}
	if len(parts) == 0 {
		what := "gain below 0 dB"
		if slices.ContainsFunc(w.Coverage, finite) {
			what += " or coverage below .8"
		}
		return fmt.Sprintf("%s: no %s from %s to %s dB", w.Method, what, trimmed(from), trimmed(to))
	}
	return w.Method + ": " + strings.Join(parts, "; ")
}

// words says where, and how far seeds agree.
func (b *Breakpoint) words() string {
	var s string
	switch lo, hi := fixed(b.Lowest, 1), fixed(b.Highest, 1); {
	case b.FromEdge && b.ToEdge:
		s = fmt.Sprintf("at both ends of the sweep, %s and %s dB", lo, hi)
	case b.ToEdge:
		s = fmt.Sprintf("from %s dB up", lo)
	case b.FromEdge:
		s = fmt.Sprintf("up to %s dB", hi)
	default:
		s = fmt.Sprintf("from %s to %s dB", lo, hi)
	}
	stable, ok := b.Stable()
	switch {
	case !ok:
		return s
	case stable:
		return fmt.Sprintf("%s (within %s dB on all %d seeds)", s, fixed(b.Spread, 1), b.Seeds)
	case b.Failing < b.Seeds:
		return fmt.Sprintf("%s (not stable: on %d of %d seeds)", s, b.Failing, b.Seeds)
	}
	return fmt.Sprintf("%s (not stable: seeds differ by %s dB)", s, fixed(b.Spread, 1))
}

// trimmed writes a level as it was asked for.
func trimmed(v float64) string { return fmt.Sprintf("%g", v) }
