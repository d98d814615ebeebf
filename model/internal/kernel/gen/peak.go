package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peak writes loops of ten independent multiply-adds, more than any CPU's
// latency times its units.
func peak() {
	for _, i := range []isa{z512, y2} {
		TEXT("burn"+i.name, NOSPLIT, "func(times int)")
		n := Load(Param("times"), GP64())
		x := i.vec()
		i.zero(x)
		var acc [10]reg.VecVirtual
		for k := range acc {
			acc[k] = i.vec()
			i.zero(acc[k])
		}
		Label("loop")
		for k := range acc {
			VFMADD231PS(x, x, acc[k])
		}
		DECQ(n)
		JNZ(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}
}
