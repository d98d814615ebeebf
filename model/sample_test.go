package model

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// TestSampleMoments compares passes with dropout with what is known of them: of
// a·x with dropout at p the mean is a·x and the variance (a·x)²·p/(1-p), also where
// one window ends and the next begins.
func TestSampleMoments(t *testing.T) {
	const rate, passes, slots, gain = .3, 400, 2*sampleWindow + 100, 2
	spec := nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Dropout, Rate: rate}, {Op: nn.Conv, Out: 1, Kernel: 3, Pad: [2]int{1, 1}, NoBias: true}}}
	net, err := nn.New(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	copy(net.Params()[0].Data, []float32{0, gain, 0})
	net.Pack()
	for _, residual := range []bool{false, true} {
		m := mustNew(t, Header{Name: "drop", Kind: TCN, Inputs: []Input{Signal}, Residual: residual, Scaler: running}, net)
		cols := make([]Column, slots)
		for i := range cols {
			cols[i].X = 1 + float32(i%7)
		}
		s, err := m.Sample(cols, 1, passes, 3)
		if err != nil {
			t.Fatal(err)
		}
		meanZ, varZ := 0., 0.
		for i, v := range s.Clean {
			x := float64(cols[i].X)
			want, dev := gain*x, gain*x*math.Sqrt(rate/(1-rate))
			if residual {
				want = x - want
			}
			z := (float64(v) - want) / dev * math.Sqrt(passes)
			if math.Abs(z) > 6 {
				t.Fatalf("slot %d: clean %v, want %v ± %v", i, v, want, dev/math.Sqrt(passes))
			}
			meanZ += z / slots
			varZ += z * z / slots
			if d := float64(s.Dev[i]) / dev; math.Abs(d-1) > .3 {
				t.Fatalf("slot %d: deviation %v, want about %v", i, s.Dev[i], dev)
			}
		}
		if math.Abs(meanZ) > 5/math.Sqrt(slots) || math.Abs(varZ-1) > .15 {
			t.Errorf("the means are off by %.3f deviations with a variance of %.3f, want 0 and 1", meanZ, varZ)
		}
		again, err := m.Sample(cols, 1, passes, 3)
		if err != nil || !slices.Equal(again.Clean, s.Clean) || !slices.Equal(again.Dev, s.Dev) {
			t.Errorf("the same seed gives other values, error %v", err)
		}
	}
}

// TestSampleTellsOwnError checks that what a net tells of its error is added, and
// that its values are those of its stream where next to nothing is dropped.
func TestSampleTellsOwnError(t *testing.T) {
	base := models(t)["spread"]
	spec := base.Header().Spec.With(nn.Extra{Dropout: 1e-12})
	net, err := nn.New(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range base.Net().Params() {
		copy(net.Params()[i].Data, p.Data)
	}
	net.Pack()
	m := mustNew(t, base.Header(), net)
	const channels = 2
	cols := randomColumns(channels*300, 4)
	s, err := m.Sample(cols, channels, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	clean, dev, _ := referenceAll(base, cols, channels)
	for i := range clean {
		if d := math.Abs(float64(s.Clean[i] - clean[i])); d > 1e-4 {
			t.Fatalf("value %d is %v, want %v", i, s.Clean[i], clean[i])
		}
		want := float64(dev[i]) * math.Sqrt(math.Pi/2)
		if d := math.Abs(float64(s.Dev[i])/want - 1); d > 1e-3 {
			t.Fatalf("deviation %d is %v, want %v", i, s.Dev[i], want)
		}
	}
}

func TestSampleErrors(t *testing.T) {
	ms := models(t)
	for _, tc := range []struct {
		m                *Model
		channels, passes int
		want             string
	}{
		{ms["plain"], 1, 10, "no dropout layer"},
		{ms["dropout-int8"], 2, 10, "int8 models are not sampled"},
		{ms["dropout"], 2, 1, "1 passes; want 2 or more"},
		{ms["dropout"], 3, 10, "it serves 2 channels at once; the recording has 3"},
	} {
		if _, err := tc.m.Sample(randomColumns(12, 1), tc.channels, tc.passes, 1); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}
