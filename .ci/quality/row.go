package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// row is one figure of the targets.
type row struct {
	name      string // what -run matches
	what      string // for people
	unit      string
	must, aim bound
	quick     bool // part of the subset that CI runs
	measure   func(*lab) (figure, error)
}

// figure is what was measured.
type figure struct {
	value  float64
	detail string
	below  []string // lines that explain it
}

// notAvailable is the error of a row whose feature is not there yet, and noData
// that of one whose recordings are not.
type (
	notAvailable string
	noData       string
)

func (e notAvailable) Error() string { return "not available: " + string(e) }
func (e noData) Error() string       { return "no data: " + string(e) }

// bound is what a figure has to keep to: at least lo and at most hi. The zero
// value, none, asks for nothing.
type bound struct {
	lo, hi float64
	given  bool
}

var none bound

func atLeast(x float64) bound     { return bound{x, math.Inf(1), true} }
func atMost(x float64) bound      { return bound{math.Inf(-1), x, true} }
func within(lo, hi float64) bound { return bound{lo, hi, true} }

// met says whether x keeps to the bound. NaN never does.
func (b bound) met(x float64) bool { return x >= b.lo && x <= b.hi }

func (b bound) String() string {
	num := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch {
	case !b.given:
		return "–"
	case math.IsInf(b.hi, 1):
		return "≥ " + num(b.lo)
	case math.IsInf(b.lo, -1):
		return "≤ " + num(b.hi)
	}
	return num(b.lo) + "…" + num(b.hi)
}

// The verdicts.
const (
	aimMet  = "aim met"
	mustMet = "met"
	missed  = "MISSED"
	unmet   = "open" // missed, and known to be
	told    = "told" // nothing is asked
	absent  = "not available"
	empty   = "no data"
	failed  = "FAILED"
)

// judge compares a figure with what is asked of it.
func (r *row) judge(x float64) string {
	switch {
	case r.must.given && !r.must.met(x):
		return missed
	case r.aim.given && r.aim.met(x):
		return aimMet
	case r.must.given:
		return mustMet
	}
	return told
}

// number writes a figure with the digits that its unit deserves.
func (r *row) number(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	digits := 2
	switch r.unit {
	case "":
		digits = 3
	case "%":
		digits = 1
	case "weights", "bytes":
		digits = 0
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, x, r.unit))
}
