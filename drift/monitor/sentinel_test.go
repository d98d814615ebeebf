package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

func testSentinel(t testing.TB, channels, window, hop int) *Sentinel {
	t.Helper()
	net, err := nn.New(nn.DAE(2*channels, channels, []int{6, 8}, 4, 3), 5)
	if err != nil {
		t.Fatal(err)
	}
	mean, dev := make([]float64, channels), make([]float64, channels)
	for c := range mean {
		mean[c], dev[c] = float64(10*c), float64(c) // the first deviation is unknown
	}
	return NewSentinel(net, mean, dev, window, hop)
}

func slots(seed uint64, channels, n int) (raw [][]float64, missing [][]bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		x, m := make([]float64, channels), make([]bool, channels)
		for c := range x {
			x[c], m[c] = float64(10*c)+r.NormFloat64(), r.Float64() < 0.1
		}
		raw, missing = append(raw, x), append(missing, m)
	}
	return raw, missing
}

// TestSentinelScore computes the score by its definition.
func TestSentinelScore(t *testing.T) {
	const channels, window, hop, n = 3, 32, 8, 200
	s := testSentinel(t, channels, window, hop)
	raw, missing := slots(1, channels, n)
	raw[100][1], missing[100][1] = math.NaN(), false
	raw[101][2], missing[101][2] = 1e9, false
	dev := []float64{1, 1, 2}
	run := s.bench.net.NewRunner(window)
	scores := 0
	for i := range n {
		got, ok := s.Push(raw[i], missing[i])
		if want := i+1 >= window && (i+1)%hop == 0; ok != want {
			t.Fatalf("slot %d: score %v, want one: %v", i, ok, want)
		}
		if !ok {
			continue
		}
		scores++
		var in []float32
		for j := i + 1 - window; j <= i; j++ {
			var x, m [channels]float32
			for c := range channels {
				if missing[j][c] || math.IsNaN(raw[j][c]) {
					m[c] = 1
					continue
				}
				x[c] = float32(min((raw[j][c]-float64(10*c))/dev[c], 100))
			}
			in = append(append(in, x[:]...), m[:]...)
		}
		out := run.Run(nil, in)
		sum, k := 0.0, 0.0
		for j := range window {
			for c := range channels {
				if in[j*2*channels+channels+c] == 0 {
					d := float64(out[j*channels+c]) - float64(in[j*2*channels+c])
					sum += d * d
					k++
				}
			}
		}
		if want := math.Log(sum/k + 1e-8); math.Abs(got-want) > 1e-12 {
			t.Errorf("slot %d: score %v, want %v", i, got, want)
		}
	}
	if scores != 22 {
		t.Errorf("%d scores, want 22", scores)
	}
}

func TestSentinelWithoutValues(t *testing.T) {
	s := testSentinel(t, 1, 16, 8)
	for range 100 {
		if _, ok := s.Push([]float64{0}, []bool{true}); ok {
			t.Fatal("a score although everything is missing")
		}
	}
	got := 0
	for range 8 {
		if _, ok := s.Push([]float64{1}, []bool{false}); ok {
			got++
		}
	}
	if got != 1 {
		t.Errorf("%d scores once values came, want 1", got)
	}
	s.Reset()
	for i := range 16 {
		if _, ok := s.Push([]float64{1}, []bool{false}); ok != (i == 15) {
			t.Fatalf("slot %d after a reset: score %v", i, ok)
		}
	}
}

func TestSentinelState(t *testing.T) {
	const channels = 2
	s := testSentinel(t, channels, 32, 8)
	raw, missing := slots(2, channels, 300)
	for i := range raw {
		if i == 13 || i == 150 {
			var f Sentinel
			rest, err := f.RestoreState(append(s.AppendState(nil), 1, 2))
			if err != nil || len(rest) != 2 {
				t.Fatalf("rest %v, %v", rest, err)
			}
			if !bytes.Equal(f.AppendState(nil), s.AppendState(nil)) {
				t.Error("the restored state writes other bytes")
			}
			a := *s
			a.ring = append([]float32(nil), s.ring...)
			for j := i; j < len(raw); j++ {
				x, okX := a.Push(raw[j], missing[j])
				y, okY := f.Push(raw[j], missing[j])
				if okX != okY || math.Float64bits(x) != math.Float64bits(y) {
					t.Fatalf("slot %d: %v %v, restored %v %v", j, x, okX, y, okY)
				}
			}
		}
		s.Push(raw[i], missing[i])
	}
	snap := s.AppendState(nil)
	for n := 0; n < len(snap); n += 7 {
		var f Sentinel
		if _, err := f.RestoreState(snap[:n]); err == nil {
			t.Fatalf("took %d of %d bytes", n, len(snap))
		}
	}
}

func TestSentinelAllocatesNothing(t *testing.T) {
	s := testSentinel(t, 2, 32, 8)
	x, m := []float64{1, 2}, []bool{false, false}
	for range 64 {
		s.Push(x, m)
	}
	if n := testing.AllocsPerRun(200, func() { s.Push(x, m) }); n != 0 {
		t.Errorf("%v allocations per slot", n)
	}
}

func TestNewSentinelPanics(t *testing.T) {
	net, err := nn.New(nn.DAE(4, 2, []int{4}, 4, 2), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"channels":        func() { NewSentinel(net, make([]float64, 3), make([]float64, 3), 32, 8) },
		"deviations":      func() { NewSentinel(net, make([]float64, 2), make([]float64, 1), 32, 8) },
		"hop":             func() { NewSentinel(net, make([]float64, 2), make([]float64, 2), 32, 0) },
		"rounded windows": func() { NewSentinel(net, make([]float64, 2), make([]float64, 2), 31, 8) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
