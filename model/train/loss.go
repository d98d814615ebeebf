package train

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Loss compares what a net makes of an example with what it should make. It is
// stateless, what it works on stays with the example: several goroutines use one
// at once on examples of their own.
type Loss interface {
	// Gradient returns the loss of the output y, [T][outputs], for the targets of
	// an example, and sets dy, as long as y, to the loss's gradient times scale. A
	// nil e.W weighs all targets alike; a weight of 0 leaves a target out.
	Gradient(dy, y []float32, e *Example, scale float64) float64
}

// ParseLoss reads the name of a loss, with its parameter after a colon:
//
//	mse           SquaredError
//	huber:BOUND   SquaredError with this Huber, default 4
//	l1            Absolute
//	spectral:W    Spectral with this Weight, default .1
//	feature:W     Feature with this Weight, default .1
func ParseLoss(text string) (Loss, error) {
	name, value, given := strings.Cut(text, ":")
	number := func(def float64) (float64, error) {
		if !given {
			return def, nil
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("train: loss %q: want a number above 0 after the colon", text)
		}
		return v, nil
	}
	switch {
	case name == "mse" && !given:
		return SquaredError{}, nil
	case name == "l1" && !given:
		return Absolute{}, nil
	case name == "huber":
		v, err := number(4)
		return SquaredError{Huber: v}, err
	case name == "spectral":
		v, err := number(.1)
		return Spectral{Weight: v}, err
	case name == "feature":
		v, err := number(.1)
		return Feature{Weight: v}, err
	}
	return nil, fmt.Errorf("train: there is no loss %q: choose mse, huber:BOUND, l1, spectral:WEIGHT or feature:WEIGHT", text)
}

// SquaredError is the loss Σ ρ(√w·(y-target))/n over the n values of an output,
// one for each target, where ρ(r) is r² up to Huber and goes on as a straight
// line (Huber, "Robust Estimation of a Location Parameter", 1964, eq. 2);
// without end if Huber is 0.
type SquaredError struct{ Huber float64 }

// Gradient implements Loss.
func (l SquaredError) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	target, w := e.Y, e.W
	if len(y) != len(target) {
		panic("train: the net's output and the target differ in length")
	}
	if len(y) == 0 {
		return 0
	}
	n := float64(len(y))
	k := float32(2 * scale / n)
	most := float32(l.Huber * l.Huber)
	sum := 0.0
	for i, v := range y {
		e, wi := v-target[i], float32(1)
		if w != nil {
			wi = w[i]
		}
		r2 := wi * e * e
		if most > 0 && r2 > most {
			r := float32(math.Sqrt(float64(r2)))
			wi *= float32(l.Huber) / r
			r2 = float32(l.Huber) * (2*r - float32(l.Huber))
		}
		dy[i] = k * wi * e
		sum += float64(r2)
	}
	return sum / n
}

// Absolute is the loss Σ √w·|y-target|/n, the mean absolute error in units of
// the noise, whose minimum is the median (Zhao et al., "Loss Functions for Image
// Restoration with Neural Networks", 2017, section III.B).
type Absolute struct{}

// Gradient implements Loss.
func (Absolute) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	if len(y) != len(e.Y) {
		panic("train: the net's output and the target differ in length")
	}
	if len(y) == 0 {
		return 0
	}
	n := float64(len(y))
	sum := 0.0
	for i, v := range y {
		root := 1.0
		if e.W != nil {
			root = math.Sqrt(float64(e.W[i]))
		}
		d := float64(v - e.Y[i])
		sum += root * math.Abs(d)
		switch {
		case d > 0:
			dy[i] = float32(scale * root / n)
		case d < 0:
			dy[i] = float32(-scale * root / n)
		default:
			dy[i] = 0
		}
	}
	return sum / n
}
