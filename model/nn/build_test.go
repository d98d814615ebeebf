package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pads returns the pads of the dilated convolutions of a TCN.
func pads(s Spec) (p [][2]int) {
	for _, l := range s.Layers {
		if l.Op == Residual {
			p = append(p, l.Layers[0].Pad)
		}
	}
	return p
}

func TestTCN(t *testing.T) {
	dilations := []int{1, 2, 4, 8, 16, 32}
	for _, tc := range []struct {
		ahead, want int
		pads        [][2]int
	}{
		{-1, 126, [][2]int{{2, 2}, {4, 4}, {8, 8}, {16, 16}, {32, 32}, {64, 64}}},
		{0, 0, [][2]int{{4, 0}, {8, 0}, {16, 0}, {32, 0}, {64, 0}, {128, 0}}},
		{8, 8, [][2]int{{2, 2}, {4, 4}, {14, 2}, {32, 0}, {64, 0}, {128, 0}}},
		{126, 126, [][2]int{{2, 2}, {4, 4}, {8, 8}, {16, 16}, {32, 32}, {64, 64}}},
		{130, 130, [][2]int{{2, 2}, {4, 4}, {8, 8}, {16, 16}, {32, 32}, {60, 68}}},
		{1000, 252, [][2]int{{0, 4}, {0, 8}, {0, 16}, {0, 32}, {0, 64}, {0, 128}}},
	} {
		s := TCN(3, 2, 8, 5, dilations, tc.ahead)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.pads, pads(s)); d != "" {
			t.Errorf("look-ahead %d: pads (-want +got):\n%s", tc.ahead, d)
		}
		if got := s.Lookahead(); got != tc.want {
			t.Errorf("look-ahead %d: Lookahead() = %d, want %d", tc.ahead, got, tc.want)
		}
		if got := s.ReceptiveField(); got != 253 {
			t.Errorf("look-ahead %d: ReceptiveField() = %d, want 253", tc.ahead, got)
		}
		if s.Stride() != 1 || s.OutChannels() != 2 || s.Streamable() != nil {
			t.Errorf("look-ahead %d: Stride %d, OutChannels %d, Streamable %v", tc.ahead, s.Stride(), s.OutChannels(), s.Streamable())
		}
	}
	// Zero layers make the whole network zero at first.
	n := mustNew(t, TCN(1, 1, 4, 3, []int{1, 2}, 1), 5)
	for i, v := range n.NewRunner(8).Run(nil, noise(rand.New(rand.NewPCG(1, 1)), 8)) {
		if v != 0 {
			t.Errorf("output %d of an untrained TCN is %v, want 0", i, v)
		}
	}
}

func TestDAE(t *testing.T) {
	for _, kernel := range []int{1, 2, 3, 4, 5, 7, 8} {
		for levels := 1; levels <= 4; levels++ {
			widths := []int{4, 6, 8, 10}[:levels]
			s := DAE(2, 3, widths, kernel, 2)
			if err := s.Validate(); err != nil {
				t.Fatalf("kernel %d, %d levels: %v", kernel, levels, err)
			}
			hop := 1 << levels
			if got := s.Stride(); got != hop {
				t.Errorf("kernel %d, %d levels: Stride() = %d, want %d", kernel, levels, got, hop)
			}
			n := mustNew(t, s, 1)
			r := n.NewRunner(64)
			for cols := 1; cols <= 50; cols++ {
				y := r.Run(nil, make([]float32, 2*cols))
				want := (cols + hop - 1) / hop * hop
				if len(y)/3 != want {
					t.Errorf("kernel %d, %d levels: %d columns in, %d out, want %d", kernel, levels, cols, len(y)/3, want)
				}
			}
		}
	}
}

func TestGeometry(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		spec                 Spec
		stride, ahead, field int
	}{
		{"A", modelA(), 4, 33, 63},
		{"B", modelB(), 1, 63, 127},
		{"1x1", Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 1}}}, 1, 0, 1},
		{"relu", Spec{In: 1, Layers: []LayerSpec{{Op: ReLU}}}, 1, 0, 1},
		{"causal", Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 1, Kernel: 3, Pad: [2]int{2, 0}}}}, 1, 0, 3},
		{"down 6", Spec{In: 1, Layers: []LayerSpec{
			{Op: Conv, Out: 1, Kernel: 2, Stride: 2}, {Op: Conv, Out: 1, Kernel: 3, Stride: 3}}}, 6, 5, 6},
		{"up 2", Spec{In: 1, Layers: []LayerSpec{{Op: ConvT, Out: 1, Kernel: 2, Stride: 2}}}, 1, 0, 1},
	} {
		if err := tc.spec.Validate(); err != nil {
			t.Fatal(err)
		}
		s, a, f := tc.spec.Stride(), tc.spec.Lookahead(), tc.spec.ReceptiveField()
		if s != tc.stride || a != tc.ahead || f != tc.field {
			t.Errorf("%s: stride, look-ahead, field = %d, %d, %d, want %d, %d, %d", tc.name, s, a, f, tc.stride, tc.ahead, tc.field)
		}
	}
}

// TestEveryLength runs the networks that matter over every short length.
func TestEveryLength(t *testing.T) {
	for _, m := range []struct {
		name string
		spec Spec
	}{
		{"A", modelA()},
		{"B", wideB(7)},
		{"tcn", TCN(2, 1, 8, 5, []int{1, 2, 4, 8}, 5)},
		{"dae", DAE(2, 2, []int{6, 8, 10}, 5, 3)},
		{"dae even", DAE(1, 1, []int{4, 5}, 4, 2)},
	} {
		t.Run(m.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			n := mustNew(t, m.spec, 1)
			randomize(n, rng)
			ref := newReference(n)
			r, tape := n.NewRunner(130), n.NewTape(130)
			s, err := n.NewStream()
			if err != nil {
				t.Fatal(err)
			}
			for cols := 1; cols <= 130; cols++ {
				x := noise(rng, cols*m.spec.In)
				y := r.Run(nil, x)
				if cols%13 == 0 {
					close32(t, fmt.Sprintf("T=%d", cols), y, ref.run(m.spec, widen(x)), 2e-6)
				}
				sameBits(t, fmt.Sprintf("T=%d: tape", cols), tape.Forward(x), y)
				chunk := []int{1, 7, 1000}[cols%3]
				s.Reset()
				sameBits(t, fmt.Sprintf("T=%d: stream by %d", cols, chunk), stream(s, x, m.spec.In, chunk), y)
				if got, want := len(y)/m.spec.OutChannels(), m.spec.OutLen(cols); got != want {
					t.Errorf("T=%d: %d columns out, OutLen says %d", cols, got, want)
				}
			}
			// Many pieces of the runner's own.
			x := noise(rng, 3001*m.spec.In)
			s.Reset()
			sameBits(t, "long", n.NewRunner(3001).Run(nil, x), stream(s, x, m.spec.In, 33))
		})
	}
}
