package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// fence is memory that ends where none may be touched.
type fence struct{ mem []byte }

func newFence(t *testing.T) *fence {
	t.Helper()
	page := syscall.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, 17*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(mem[16*page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return &fence{mem[:16*page]}
}

// values returns the last n values before the fence, drawn anew.
func (f *fence) values(rng *rand.Rand, n int) []float32 {
	b := f.mem[len(f.mem)-4*n:]
	v := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// TestFences has every slice end at a page that may not be touched: guard words
// tell of writes past the end, but a vector that reads past it and drops what it
// found leaves no trace in them.
func TestFences(t *testing.T) {
	var fs [6]*fence
	for i := range fs {
		fs[i] = newFence(t)
	}
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		for out := 1; out <= 40; out++ {
			for _, rows := range []int{1, 2, 3, 5, 7, 13, 25} {
				s := Taps(1+out%5, out, 1+rows%4, 1+out%2, 1+rows%3)
				k := s.Segments * s.SegLen
				x, y, res := fs[0].values(rng, s.Len(rows)), fs[1].values(rng, rows*out), fs[2].values(rng, rows*out)
				w, b := fs[3].values(rng, PackedLen(k, out)), fs[4].values(rng, Padded(out))
				c := NewConvOp(s, w, b, true)
				c.Run(y, out, x, res, out, rows)
				var table Rows
				for r := range rows {
					table.X, table.Y, table.Res = append(table.X, &x[r*s.RowStride]), append(table.Y, &y[r*out]), append(table.Res, &res[r*out])
				}
				c.RunRows(&table)
				Outer(fs[5].values(rng, s.Weights()), x, s, y, out, rows)
				SumRows(fs[5].values(rng, out), y, rows)
			}
		}
		for n := range 70 {
			a, b, c, d := fs[0].values(rng, n), fs[1].values(rng, n), fs[2].values(rng, n), fs[3].values(rng, n)
			Add(a, b, c)
			Mul(a, b, c)
			ReLU(a, b)
			ReLUGrad(a, b, c)
			GELU(a, b)
			GELUGrad(a, c, b)
			for i := range d {
				d[i] *= d[i]
			}
			Adam(a, b, c, d, AdamStep{Beta1: .9, Beta2: .999, Keep: 1, Size: 1e-3, Root: .5, Eps: 1e-8})
		}
	})
}
