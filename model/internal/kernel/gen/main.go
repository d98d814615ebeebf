// Command gen writes the assembly of package kernel: that for amd64 with avo,
// that for arm64, which avo does not know, with the few lines of neon.go. It is
// a module of its own so that avo stays out of the module graph of Quell's
// users.
//
//	go run . -op conv -out ../conv_amd64.s
//	go run . -op conv-arm64 -out ../conv_arm64.s
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	op := flag.String("op", "", "conv, conv8, outer, elementwise, alike, fir, gather or peak; with -arm64 behind it for that")
	flag.Parse()
	if name, ok := strings.CutSuffix(*op, "-arm64"); ok {
		if err := neon(name, flag.Lookup("out").Value.String()); err != nil {
			fmt.Fprintf(os.Stderr, "gen: %v\n", err)
			os.Exit(2)
		}
		return
	}
	ConstraintExpr("amd64,!purego")
	switch *op {
	case "conv":
		conv()
	case "conv8":
		conv8()
	case "outer":
		outer()
	case "elementwise":
		elementwise()
	case "alike":
		alike()
	case "fir":
		fir()
	case "gather":
		gather()
	case "peak":
		peak()
	default:
		fmt.Fprintf(os.Stderr, "gen: unknown -op %q\n", *op)
		os.Exit(2)
	}
	Generate()
}

// isa is a set of instructions and the width of its vectors in values.
type isa struct {
	name    string
	width   int
	evex    bool
	rounded bool // products are rounded before they are added
}

var (
	y2   = isa{name: "AVX2", width: 8}                // AVX2, FMA
	z512 = isa{name: "AVX512", width: 16, evex: true} // AVX-512, 512 bits
	y512 = isa{name: "AVX512Y", width: 8, evex: true} // AVX-512, 256 bits
)

func (i isa) vec() reg.VecVirtual {
	if i.width == 16 {
		return ZMM()
	}
	return YMM()
}

func (i isa) zero(r reg.VecVirtual) {
	if i.evex {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

func (i isa) bytes() int { return 4 * i.width }

// field loads a field of the struct that the function's one argument points to.
func field(a reg.GPVirtual, at int) reg.GPVirtual {
	r := GP64()
	MOVQ(Mem{Base: a, Disp: at}, r)
	return r
}

// rows addresses rows of a matrix by one register per three rows, the step
// being an index of scale 1 or 2.
type rows struct {
	bases []reg.GPVirtual
	step  reg.GPVirtual
}

func newRows(n int, step reg.GPVirtual) rows {
	r := rows{step: step}
	for range (n + 2) / 3 {
		r.bases = append(r.bases, GP64())
	}
	return r
}

// set points at the rows that begin at p.
func (r rows) set(p reg.Register) {
	MOVQ(p, r.bases[0])
	for i := 1; i < len(r.bases); i++ {
		LEAQ(Mem{Base: r.bases[i-1], Index: r.step, Scale: 2}, r.bases[i])
		ADDQ(r.step, r.bases[i])
	}
}

func (r rows) at(row, disp int) Mem {
	m := Mem{Base: r.bases[row/3], Disp: disp}
	if k := row % 3; k > 0 {
		m.Index, m.Scale = r.step, uint8(k)
	}
	return m
}

func (r rows) advance(bytes int) {
	for _, b := range r.bases {
		ADDQ(I32(int32(bytes)), b)
	}
}
