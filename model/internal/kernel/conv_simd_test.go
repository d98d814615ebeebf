//go:build (amd64 || arm64) && !purego

package kernel

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestConvArgsStayInside checks that the arguments point at a row of the
// signals after every call: one past them may be free memory, and a pointer to
// that stops the garbage collector.
func TestConvArgsStayInside(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		if Active() == Generic {
			t.Log("no assembly")
			return
		}
		rng := rand.New(rand.NewPCG(9, 9))
		for rows := 1; rows < 40; rows++ {
			for _, out := range []int{8, 16, 32} {
				l := newLayer(rng, Taps(3, out, 1, 1, 1), rows, 4)
				c := NewConvOp(l.s, l.pw, nil, false)
				a := c.args
				a.yRow, a.resRow = 4*out, 4*out
				a.x, a.w, a.y, a.res = &l.x[0], &l.pw[0], &l.y[0], &l.res[0]
				convPanels(&a, out, rows)
				for _, p := range []struct {
					name     string
					at       *float32
					v        []float32
					rowBytes int
				}{{"x", a.x, l.x, a.xRow}, {"y", a.y, l.y, a.yRow}, {"res", a.res, l.res, a.resRow}} {
					if n := int(uintptr(unsafe.Pointer(p.at)) - uintptr(unsafe.Pointer(&p.v[0]))); n < 0 || n >= rows*p.rowBytes {
						t.Fatalf("%d rows of %d: %s is left at byte %d of %d", rows, out, p.name, n, rows*p.rowBytes)
					}
				}
			}
		}
	})
}
