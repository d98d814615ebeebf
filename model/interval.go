package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval says how far clean values are from the truth: Half[i][j] is the
// quantile Coverages[j] of |clean-truth|/u at the noise level Levels[i], as
// measured on a hold-out, where u is the spread that the net tells (see
// Header.Spread) or else σ̂. It is a calibration to start with: an online
// correction has to take over where coverage matters. The zero Interval knows
// nothing.
type Interval struct {
	Levels    []float64   `json:"levels,omitempty"`    // log10(σ̂/dev), rising
	Coverages []float64   `json:"coverages,omitempty"` // rising, within (0,1)
	Half      [][]float64 `json:"half,omitempty"`      // [level][coverage]
}

// At returns the half width of an interval of the given coverage at a noise
// level, in units of u, see Of.
func (v Interval) At(level, coverage float64) float64 { return v.Of(coverage).At(level) }

// Of returns the half widths at one coverage: on the scale of normal quantiles
// linear between coverages, proportional to the normal quantile outside them.
// The zero Interval answers with the normal quantile, the half width of the
// noise itself.
func (v Interval) Of(coverage float64) HalfWidth {
	z := normalHalf(coverage)
	if len(v.Levels) == 0 {
		return HalfWidth{half: []float64{z}}
	}
	w := HalfWidth{levels: v.Levels}
	last := len(v.Coverages) - 1
	for _, row := range v.Half {
		var h float64
		switch {
		case coverage <= v.Coverages[0]:
			h = row[0] * z / normalHalf(v.Coverages[0])
		case coverage >= v.Coverages[last]:
			h = row[last] * z / normalHalf(v.Coverages[last])
		default:
			j, _ := locate(v.Coverages, coverage)
			z0, z1 := normalHalf(v.Coverages[j]), normalHalf(v.Coverages[j+1])
			h = row[j] + (row[j+1]-row[j])*(z-z0)/(z1-z0)
		}
		w.half = append(w.half, h)
	}
	return w
}

// HalfWidth tells the half width of an interval of one coverage by noise level.
// It is immutable.
type HalfWidth struct{ levels, half []float64 }

// At returns the half width at a noise level, in units of u: linear between
// levels, constant outside them.
func (w HalfWidth) At(level float64) float64 {
	if len(w.levels) == 0 {
		return w.half[0]
	}
	i, f := locate(w.levels, level)
	h := w.half[i]
	if f > 0 {
		h += f * (w.half[i+1] - h)
	}
	return h
}

// normalHalf returns the half width of a central interval of a standard normal.
func normalHalf(coverage float64) float64 {
	coverage = min(max(coverage, 1e-6), 1-1e-9)
	return distuv.UnitNormal.Quantile(.5 + coverage/2)
}

// locate returns i and f with x = grid[i] + f·(grid[i+1]-grid[i]), f = 0 at the
// ends and beyond.
func locate(grid []float64, x float64) (i int, f float64) {
	last := len(grid) - 1
	if !(x > grid[0]) {
		return 0, 0
	}
	if x >= grid[last] {
		return last, 0
	}
	i, _ = slices.BinarySearch(grid, x)
	if grid[i] > x {
		i--
	}
	return i, (x - grid[i]) / (grid[i+1] - grid[i])
}

func (v Interval) validate(bad func(string, ...any)) {
	if len(v.Levels) == 0 && len(v.Coverages) == 0 && len(v.Half) == 0 {
		return
	}
	rising := func(name string, x []float64, lo, hi float64) {
		if len(x) == 0 {
			bad("interval: no %s", name)
		}
		for i, f := range x {
			if !(f > lo && f < hi) || i > 0 && !(f > x[i-1]) {
				bad("interval: %s must rise within (%g,%g)", name, lo, hi)
				return
			}
		}
	}
	rising("levels", v.Levels, -100, 100)
	rising("coverages", v.Coverages, 0, 1)
	if len(v.Half) != len(v.Levels) {
		bad("interval: %d rows for %d levels", len(v.Half), len(v.Levels))
	}
	for _, row := range v.Half {
		if len(row) != len(v.Coverages) {
			bad("interval: a row of %d for %d coverages", len(row), len(v.Coverages))
			return
		}
		for _, h := range row {
			if !(h >= 0) || math.IsInf(h, 0) {
				bad("interval: half width %g", h)
				return
			}
		}
	}
}

func (v Interval) clone() Interval {
	c := Interval{Levels: slices.Clone(v.Levels), Coverages: slices.Clone(v.Coverages)}
	for _, row := range v.Half {
		c.Half = append(c.Half, slices.Clone(row))
	}
	return c
}
