package train

import "math"

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
