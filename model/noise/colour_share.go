package noise

import "math"

// reds are the levels of the details of AR(1) noise, octave by octave, over that of the
// finest, for ρ of .8, .85, .9 and .95: from 100,000 generated readings each.
var reds = [...][octaves]float64{
	{1, 1.65, 2.92, 4.87, 6.52, 6.87, 8.18},
	{1, 1.67, 3.05, 5.43, 8.01, 8.89, 11.4},
	{1, 1.68, 3.2, 5.97, 9.85, 12.7, 16},
	{1, 1.68, 3.24, 6.4, 11.5, 18.7, 28.2},
}

// possible returns how much of the power in two neighbouring octaves of the four finest
// can be AR(1) noise at most, of the octaves and the ρ that allow most. Noise is nowhere
// more than the floor of an octave, so that the octave which is quietest for such
// noise bounds it in all the others: between the resonances of a machine one leaves
// hardly any, however much the finest octaves rise.
func (c *Colour) possible() float64 {
	var floor [octaves]float64
	for l := range floor {
		var q [1]float64
		c.details[l].quantiles(q[:], []float64{.25})
		floor[l] = math.Exp2(q[0])
	}
	most := 0.0
	for i := range reds {
		level := math.Inf(1)
		for l, f := range floor {
			level = min(level, f/reds[i][l])
		}
		for l := range fineOctaves - 1 {
			most = max(most, min(level*reds[i][l]/floor[l], level*reds[i][l+1]/floor[l+1]))
		}
	}
	return most * most
}
