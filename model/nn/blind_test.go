package nn

import (
	"testing"

	"pgregory.net/rapid"
)

func TestBlind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, lookahead := blindSpec(t)
		if !s.Blind() {
			t.Fatalf("look-ahead %d: not found to be blind", lookahead)
		}
		// One layer that reads all taps is enough to see.
		layers := cloneLayers(s.Layers)
		head := len(layers) - 3
		layers[head].Taps = rapid.SampledFrom([]Taps{AllTaps, SidedTaps}).Draw(t, "taps")
		if (Spec{In: s.In, Layers: layers}).Blind() {
			t.Fatal("a head that reads its column is found to be blind")
		}
		layers = cloneLayers(s.Layers)
		block := &layers[1].Layers[rapid.SampledFrom([]int{0, 2}).Draw(t, "layer")]
		block.Groups, block.Taps = 0, AllTaps
		if lookahead != 0 && (Spec{In: s.In, Layers: layers}).Blind() {
			t.Fatal("halves that are mixed are found to be blind")
		}
	})
	for name, s := range map[string]Spec{
		"tcn": TCN(1, 1, 4, 3, []int{1, 2}, 1), "dae": DAE(1, 1, []int{4}, 3, 2), "invalid": {},
		"residual": {In: 2, Layers: []LayerSpec{{Op: Residual, Layers: []LayerSpec{{Op: Conv, Out: 2, Kernel: 2, Pad: [2]int{1, 0}, Taps: BlindTaps}}}}},
	} {
		if s.Blind() {
			t.Errorf("%s is found to be blind", name)
		}
	}
	if !(Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 1, Kernel: 3, Pad: [2]int{3, 0}}}}).Blind() {
		t.Error("a convolution of the past is not found to be blind")
	}
}

// The look-ahead of the base models is used up.
func TestBlindSpotLookahead(t *testing.T) {
	for ahead, want := range map[int]int{0: 0, 1: 1, 2: 2, 8: 8, 32: 32, 126: 97, -1: 127} {
		s := BlindSpot(4, 2, 8, 3, []int{1, 2, 4, 8, 16, 32}, ahead)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if got := s.Lookahead(); got != want {
			t.Errorf("look-ahead %d: Lookahead() = %d, want %d", ahead, got, want)
		}
	}
}
