//go:build !race

package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The race detector allocates on its own account.

func TestNoAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, m := range []struct {
		name string
		spec Spec
	}{
		{"A", modelA()}, {"B", modelB()}, {"tcn", TCN(3, 1, 8, 5, []int{1, 2, 4, 8, 16, 32}, 8)}, {"dae", DAE(2, 2, []int{4, 6, 8}, 7, 2)},
		{"layers", layeredSpec()},
	} {
		n := mustNew(t, m.spec, 1)
		in, out := m.spec.In, m.spec.OutChannels()
		check := func(what string, f func()) {
			t.Helper()
			if got := testing.AllocsPerRun(5, f); got != 0 {
				t.Errorf("%s, %s: %v allocations", m.name, what, got)
			}
		}
		for _, maxT := range []int{16, 256, 1500} {
			r, tape := n.NewRunner(maxT), n.NewTape(maxT)
			x := noise(rng, maxT*in)
			tape.Mode, tape.Cond = Training, noise(rng, m.spec.Cond)
			dst := make([]float32, 0, (m.spec.OutLen(maxT)+16)*out)
			check(fmt.Sprintf("Run of %d", maxT), func() { r.Run(dst, x) })
			check(fmt.Sprintf("Run of %d-5", maxT), func() { r.Run(dst, x[:(maxT-5)*in]) })
			check(fmt.Sprintf("Forward of %d", maxT), func() { tape.Forward(x) })
			dy := make([]float32, len(tape.Forward(x)))
			check(fmt.Sprintf("Backward of %d", maxT), func() { tape.Forward(x); tape.Backward(dy); n.Track(tape.sum); tape.ZeroGrads(); n.Pack() })
		}
		s, err := n.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		c, _ := n.NewStream()
		x := noise(rng, 600*in)
		check("Warm", func() { s.Warm(x, 12345) })
		for _, k := range []int{1, 3, 16, 17, 64} {
			check(fmt.Sprintf("Push of %d", k), func() { s.Push(x[:k*in]) })
		}
		check("CopyFrom, Finish, Reset", func() { c.CopyFrom(s); c.Finish(); c.Reset(); c.Push(x[:64*in]); c.Finish() })
		batch, ys := n.NewBatch(), make([][]float32, 2)
		pair, xs := []*Stream{s, c}, [][]float32{x[:16*in], x[:8*in]}
		s.Reset()
		c.Reset()
		for range 100 {
			batch.Push(ys, pair, xs)
		}
		check("Batch", func() { batch.Push(ys, pair, xs) })
		if quantizable("layers", m.spec.Layers) != nil {
			continue
		}
		q, err := Quantize(n, [][]float32{x})
		if err != nil {
			t.Fatal(err)
		}
		r8, s8 := q.NewRunner(600), mustStream(t, q)
		c8 := mustStream(t, q)
		dst := make([]float32, 0, 616*out)
		check("Run, 8 bits", func() { r8.Run(dst, x) })
		check("Warm, 8 bits", func() { s8.Warm(x, 12345) })
		for _, k := range []int{1, 3, 16, 17, 64} {
			check(fmt.Sprintf("Push of %d, 8 bits", k), func() { s8.Push(x[:k*in]) })
		}
		check("CopyFrom, Finish, Reset, 8 bits", func() { c8.CopyFrom(s8); c8.Finish(); c8.Reset(); c8.Push(x[:64*in]); c8.Finish() })
		t.Logf("%s: %d bytes of state per stream, %d with 8-bit weights", m.name, s.Size(), s8.Size())
		if m.name == "tcn" && s8.Size() >= s.Size() {
			t.Errorf("a stream of 8 bits keeps %d bytes, want less than the %d of single precision", s8.Size(), s.Size())
		}
		state := s.Size()
		if m.name == "B" && state > 64<<10 {
			t.Errorf("a stream of model B keeps %d bytes, want at most 64 KiB", state)
		}
	}
}

func mustStream(t *testing.T, q *Quantized) *Stream {
	t.Helper()
	s, err := q.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
