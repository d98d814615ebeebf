package guard

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestColourWaitsForWholeBlocks: with too few readings nothing is decided.
func TestColourWaitsForWholeBlocks(t *testing.T) {
	c := NewColour()
	blocks := func() int64 {
		if c.test == nil {
			return 0
		}
		return c.test.Evidence().Blocks
	}
	push := func(from, to int, valid func(i int) bool) {
		for i := from; i < to; i++ {
			c.Push(int64(i), float64(i%7), valid(i))
		}
	}
	all := func(int) bool { return true }
	push(0, 512, func(i int) bool { return i != 100 })
	if blocks() != 0 {
		t.Error("511 readings were taken for a block")
	}
	push(512, 1024, func(i int) bool { return i%4 != 0 })
	if blocks() != 1 {
		t.Errorf("%d blocks, want 1", blocks())
	}
	push(1024, 1536, func(i int) bool { return i%2 == 0 })
	if blocks() != 1 {
		t.Error("half of a block was taken")
	}
	c.Reset()
	push(0, 512, all)
	if blocks() != 2 {
		t.Errorf("%d blocks, want 2", blocks())
	}
}

// TestColourOfSlotsDoesNotAllocate is about the path of a sample.
func TestColourOfSlotsDoesNotAllocate(t *testing.T) {
	c := NewColour()
	i := int64(0)
	if n := testing.AllocsPerRun(2000, func() { c.Push(i, float64(i%11), true); i++ }); n != 0 {
		t.Errorf("%g allocations per slot, want 0", n)
	}
}

// TestColourState: a snapshot goes on as what it was taken of, and what is cut short
// is refused.
func TestColourState(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	want := NewColour()
	z := 0.
	push := func(slot int64, cs ...*Colour) {
		z = .9*z + rng.NormFloat64()
		for _, c := range cs {
			c.Push(slot, z, slot%50 != 0)
		}
	}
	for i := range int64(12345) {
		push(i, want)
	}
	if !want.Coloured() || want.Estimate().Rho < .8 {
		t.Fatalf("coloured %v, %+v: the noise is not what the test thinks", want.Coloured(), want.Estimate())
	}
	state, got := want.AppendState(nil), NewColour()
	if rest, err := got.RestoreState(append(bytes.Clone(state), 1)); err != nil || len(rest) != 1 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	for i := int64(12345); i < 15000; i++ {
		push(i, want, got)
	}
	if !bytes.Equal(want.AppendState(nil), got.AppendState(nil)) {
		t.Error("what was restored goes on differently")
	}
	for _, n := range []int{0, 9, 100, len(state) - 1} {
		if _, err := got.RestoreState(state[:n]); err == nil || !bytes.Equal(got.AppendState(nil), NewColour().AppendState(nil)) {
			t.Errorf("%d of %d bytes: %v", n, len(state), err)
		}
	}
}
