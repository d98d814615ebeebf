package guard

import "math"

// trust says how much of a step f, from an estimate x̂ to another one, is to be taken. A
// share s of it makes the squared error less by
//
//	2s E f(x-x̂) - s² E f²
//
// of which Stein's formula, as in the doc of the package, tells the first without the
// truth: E f(x-x̂) = E f(y-x̂) - σ² E ∂f/∂y. It is lowered by one standard error, and by
// what σ̂² may be off.
type trust struct {
	now   gains
	parts float64
	sum   sums // over parts, with memory
	share float64
	less  float64 // of a squared error is left out
}

// gather takes a slot, in a part of a block, whose reading is r off x̂; own is σ²·∂f/∂y,
// spread the deviation that is claimed for the error of x̂.
func (u *trust) gather(part int, f, r, own, spread, sigma float64) {
	s2 := sigma * sigma
	u.now.better[part] += (f*r - own - levelError*math.Abs(own)) / s2
	u.now.square[part] += f * f / s2
	u.now.claim += min(spread*spread/s2, wild*wild)
	u.now.n++
}

// learn takes the block that was gathered, where evidence has it that the mean squared
// error of x̂ is risk, in σ̂²: where less is claimed a share of what is claimed would be too large.
func (u *trust) learn(risk float64) {
	now := u.now
	u.now = gains{}
	if now.n == 0 {
		return
	}
	keep := 1 - now.n/memory
	u.parts *= keep
	u.sum = sums{u.sum.better * keep, u.sum.better2 * keep, u.sum.square * keep, u.sum.claim*keep + now.claim}
	for i, b := range now.better {
		u.parts++
		u.sum.better += b
		u.sum.better2 += b * b
		u.sum.square += now.square[i]
	}
	mean := u.sum.better / u.parts
	err := math.Sqrt(max(0, u.sum.better2/u.parts-mean*mean) / (u.parts - 1))
	u.share, u.less = 0, 0
	if sure := mean - proven*err; sure > 0 && u.sum.square > 0 && u.sum.claim > 0 {
		claim := max(u.sum.claim, risk*u.parts*part)
		u.share = min(sure/(u.sum.square/u.parts), mostShare)
		u.less = max(0, u.share*(2*u.sum.better-u.share*u.sum.square)/claim)
	}
}

func (u *trust) numbers() []*float64 {
	out := []*float64{&u.parts, &u.sum.better, &u.sum.better2, &u.sum.square, &u.sum.claim, &u.share, &u.less, &u.now.claim, &u.now.n}
	for i := range parts {
		out = append(out, &u.now.better[i], &u.now.square[i])
	}
	return out
}
