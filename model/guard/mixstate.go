package guard

import (
	"errors"

	"github.com/quell-stream/quell/internal/wire"
)

func (x *mixer) numbers() []*float64 {
	return append(x.trust.numbers(), &x.slots, &x.fresh, &x.own)
}

func (x *mixer) vectors() [4]*[]float64 {
	return [...]*[]float64{&x.products, &x.cross, &x.slope, &x.taps}
}

// appendState appends a snapshot to dst, where slot t is given out next.
func (x *mixer) appendState(dst []byte, t int64) []byte {
	for k := max(0, t-mixBack); k < t; k++ {
		dst = wire.F64(wire.F64(dst, x.nets.at(k)), x.moved.at(k))
	}
	dst = wire.Bool(dst, x.products != nil)
	if x.products == nil {
		return dst
	}
	for _, v := range x.numbers() {
		dst = wire.F64(dst, *v)
	}
	for _, v := range x.vectors() {
		dst = wire.F64s(dst, *v)
	}
	return dst
}

// restore reads it into a mixer that is as new.
func (x *mixer) restore(r *wire.Reader, t int64, lookahead int) {
	for k := max(0, t-mixBack); k < t && r.Err() == nil; k++ {
		x.nets.set(k, r.F64())
		x.moved.set(k, r.F64())
	}
	if !r.Bool() || r.Err() != nil {
		return
	}
	for _, v := range x.numbers() {
		*v = r.F64()
	}
	for _, v := range x.vectors() {
		*v = r.F64s(nil)
	}
	if len(x.taps) == 0 {
		x.taps = nil
	}
	n := mixed(lookahead)
	if fits := len(x.products) == n*(n+1)/2 && len(x.cross) == n && len(x.slope) == n && (x.taps == nil || len(x.taps) == n); r.Err() == nil && (!fits || !x.finite()) {
		r.Fail(errors.New("a mix that is none"))
	}
}

// finite says whether all that is known is a number.
func (x *mixer) finite() bool {
	sum := 0. // 0 times any number
	for _, v := range x.numbers() {
		sum += 0 * *v
	}
	for _, all := range x.vectors() {
		for _, v := range *all {
			sum += 0 * v
		}
	}
	return sum == 0
}
