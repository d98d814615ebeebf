package nn

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// blindSpec draws a network of BlindSpot.
func blindSpec(t *rapid.T) (Spec, int) {
	draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	lookahead := draw("look-ahead", -1, 9)
	return BlindSpot(draw("in", 1, 3), draw("out", 1, 2), 2*draw("half", 1, 4), draw("kernel", 2, 3), []int{1, 2, 4}[:draw("depth", 1, 3)], lookahead), lookahead
}

func TestBlindSpotNeverReadsItsColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, lookahead := blindSpec(t)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if lookahead >= 0 && s.Lookahead() > lookahead {
			t.Fatalf("look-ahead %d, want at most %d", s.Lookahead(), lookahead)
		}
		n, rng := genParams(t, s)
		x := noise(rng, 40*s.In)
		r := n.NewRunner(40)
		want := r.Run(nil, x)
		at := rapid.IntRange(0, 39).Draw(t, "at")
		for i := range s.In {
			x[at*s.In+i] += 3
		}
		got, c := r.Run(nil, x), s.OutChannels()
		sameBits(t, "its own column", got[at*c:(at+1)*c], want[at*c:(at+1)*c])
	})
}

// What a blind spot leaves out is its own column and no other.
func TestBlindSpotReadsItsNeighbours(t *testing.T) {
	n, err := New(BlindSpot(1, 1, 16, 3, []int{1, 2, 4}, 6), 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	randomize(n, rng)
	x := noise(rng, 40)
	r := n.NewRunner(40)
	want := r.Run(nil, x)
	x[20] += 3
	got := r.Run(nil, x)
	for _, to := range []int{14, 19, 21, 30} {
		if equal(got[to:to+1], want[to:to+1]) {
			t.Errorf("column %d does not read column 20", to)
		}
	}
	if !equal(got[20:21], want[20:21]) || !equal(got[13:14], want[13:14]) {
		t.Error("column 20 reads itself, or column 13 looks more than 6 ahead")
	}
}

func equal(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestMaskedWeightsStayZero(t *testing.T) {
	s := BlindSpot(2, 1, 8, 3, []int{1, 2}, 4)
	n, err := New(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	randomize(n, rng)
	held := 0
	for i, m := range n.masks {
		for _, at := range m {
			held++
			if v := n.params[n.index[i][0]].Data[at]; v != 0 {
				t.Fatalf("%s: weight %d is %v after Pack", n.params[n.index[i][0]].Name, at, v)
			}
		}
	}
	all := 0
	for _, p := range n.Params() {
		all += len(p.Data)
	}
	if held == 0 || n.NumParams() != all-held {
		t.Fatalf("%d of %d values held at zero, NumParams() = %d", held, all, n.NumParams())
	}
	tape := n.NewTape(32)
	tape.Backward(noise(rng, len(tape.Forward(noise(rng, 32*2)))))
	grads := tape.Grads()
	for i, m := range n.masks {
		for _, at := range m {
			if grads[n.index[i][0]][at] != 0 {
				t.Fatalf("layer %d: gradient of a weight held at zero", i)
			}
		}
	}
}

func TestMaskValidation(t *testing.T) {
	for _, c := range []struct {
		l    LayerSpec
		want string
	}{
		{LayerSpec{Op: Conv, Out: 4, Groups: 3}, "divisor of both"},
		{LayerSpec{Op: Conv, Out: 4, Taps: "odd"}, `unknown taps "odd"`},
		{LayerSpec{Op: Conv, Out: 4, Kernel: 3, Stride: 2, Pad: [2]int{1, 1}, Taps: SidedTaps}, "want stride 1"},
		{LayerSpec{Op: Conv, Out: 4, Kernel: 3, Dilation: 2, Pad: [2]int{3, 1}, Taps: SidedTaps}, "multiple of the dilation"},
		{LayerSpec{Op: Conv, Out: 4, Taps: BlindTaps}, "read nothing"},
		{LayerSpec{Op: ConvT, Out: 4, Taps: SidedTaps}, "convt has no taps"},
		{LayerSpec{Op: ReLU, Groups: 2}, "relu has no groups"},
	} {
		err := Spec{In: 4, Layers: []LayerSpec{c.l}}.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v; want %q", c.l, err, c.want)
		}
	}
	if err := (Spec{In: 3, Layers: []LayerSpec{{Op: Conv, Out: 4, Taps: SidedTaps}}}).Validate(); err == nil || !strings.Contains(err.Error(), "even number") {
		t.Errorf("3 channels: error %v; want an even number", err)
	}
}
