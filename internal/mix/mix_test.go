package mix

import "testing"

// The first numbers of SplitMix64 with seed 0, as published with the generator.
func TestNext(t *testing.T) {
	var state uint64
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := Next(state); got != want {
			t.Errorf("number %d is %#x, want %#x", i, got, want)
		}
		state += Golden
	}
}
