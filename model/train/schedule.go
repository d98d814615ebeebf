package train

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate and Adam's β₁ of each step, counted from 0.
type Schedule interface {
	At(step int) (lr, beta1 float64)
}

// ScheduleKind names a Schedule.
type ScheduleKind string

// The schedules.
const (
	OneCycleKind ScheduleKind = "onecycle" // OneCycle
	CosineKind   ScheduleKind = "cosine"   // Cosine
	ConstantKind ScheduleKind = "constant" // Constant
)

// New returns the schedule of a kind, "" for OneCycle, with its defaults.
func (k ScheduleKind) New(peak float64, steps int) (Schedule, error) {
	switch k {
	case "", OneCycleKind:
		return OneCycle{Peak: peak, Steps: steps}, nil
	case CosineKind:
		return Cosine{Peak: peak, Steps: steps}, nil
	case ConstantKind:
		return Constant{Peak: peak, Steps: steps}, nil
	}
	return nil, fmt.Errorf("train: there is no schedule %q: choose onecycle, cosine or constant", string(k))
}

// Cosine is a linear warm-up over the first tenth of the steps, W, and then half
// a cosine down to 0 (Loshchilov and Hutter, "SGDR", 2017, eq. 5, without
// restarts), with β₁ = .9, as PyTorch's LinearLR from Peak/(W+1) over W steps has
// it with CosineAnnealingLR after it.
type Cosine struct {
	Peak  float64
	Steps int // total number of steps
}

// At implements Schedule.
func (c Cosine) At(step int) (lr, beta1 float64) {
	w := c.Steps / warmShare
	if step < w {
		return warmUp(c.Peak, step, w), .9
	}
	return anneal(c.Peak, 0, min(float64(step-w)/float64(max(c.Steps-w, 1)), 1)), .9
}

// Constant is a linear warm-up over the first tenth of the steps (Goyal et al.,
// "Accurate, Large Minibatch SGD", 2017, section 2.2), and then Peak, with
// β₁ = .9.
type Constant struct {
	Peak  float64
	Steps int // total number of steps
}

// At implements Schedule.
func (c Constant) At(step int) (lr, beta1 float64) {
	if w := c.Steps / warmShare; step < w {
		return warmUp(c.Peak, step, w), .9
	}
	return c.Peak, .9
}

// warmShare is which part of the steps warms up: one of so many.
const warmShare = 10

// warmUp rises in w even steps to peak, which is the next.
func warmUp(peak float64, step, w int) float64 { return peak * float64(step+1) / float64(w+1) }

// OneCycle is the learning rate schedule of Smith and Topin,
// "Super-Convergence", 2018, as PyTorch's OneCycleLR has it with cosine
// annealing: from Peak/Div up to Peak over the share Warm of the steps, then
// down to Peak/(Div·FinalDiv), while Adam's β₁ goes from .95 down to .85 and up
// again. The zero value of a field means its default.
type OneCycle struct {
	Peak     float64 // default 3e-3
	Steps    int     // total number of steps
	Warm     float64 // default .1
	Div      float64 // default 25
	FinalDiv float64 // default 1e4
}

// At returns the learning rate and β₁ of a step, counted from 0.
func (o OneCycle) At(step int) (lr, beta1 float64) {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Peak, 3e-3)
	def(&o.Warm, .1)
	def(&o.Div, 25)
	def(&o.FinalDiv, 1e4)
	start := o.Peak / o.Div
	up := o.Warm*float64(o.Steps) - 1
	end := float64(o.Steps - 1)
	s := min(float64(step), end)
	if s <= up && up > 0 {
		f := s / up
		return anneal(start, o.Peak, f), anneal(.95, .85, f)
	}
	f := 1.0
	if up = max(up, 0); end > up {
		f = (s - up) / (end - up)
	}
	return anneal(o.Peak, start/o.FinalDiv, f), anneal(.85, .95, f)
}

// anneal goes from a to b along half a cosine as f goes from 0 to 1.
func anneal(a, b, f float64) float64 { return b + (a-b)/2*(1+math.Cos(math.Pi*f)) }
