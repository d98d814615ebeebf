package window

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSparseDetail(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	sum := 0.0
	const n = 20000
	for range n {
		var at [SparseReadings]int64
		var cubic, white [SparseReadings]float64
		for i, slot := 0, rng.Int64N(1000); i < len(at); i++ {
			at[i] = slot
			u := float64(slot) / 10
			cubic[i], white[i] = 3-u+.1*u*u-.01*u*u*u, rng.NormFloat64()
			slot += 1 + rng.Int64N(8)
		}
		if d := SparseDetail(at, cubic); math.Abs(d) > 1e-6 {
			t.Fatalf("a cubic at %v leaves %g", at, d)
		}
		d := SparseDetail(at, white)
		sum += d * d
	}
	if dev := math.Sqrt(sum / n); math.Abs(dev-1) > .02 {
		t.Errorf("of white noise of deviation 1 it has %g", dev)
	}
}

// holes says, by kind, whether slot i has no reading.
var holes = map[string]func(i int, rng *rand.Rand) bool{
	"every second": func(i int, _ *rand.Rand) bool { return i%2 == 0 },
	"every third":  func(i int, _ *rand.Rand) bool { return i%3 == 0 },
	"every fourth": func(i int, _ *rand.Rand) bool { return i%4 == 0 },
	"every fifth":  func(i int, _ *rand.Rand) bool { return i%5 == 0 },
	"every eighth": func(i int, _ *rand.Rand) bool { return i%8 == 0 },
	"all but fifth": func(i int, _ *rand.Rand) bool {
		return i%5 != 0
	},
	"40 %": func(_ int, rng *rand.Rand) bool { return rng.Float64() < .4 },
	"60 %": func(_ int, rng *rand.Rand) bool { return rng.Float64() < .6 },
}

// The noise level is found where no eight readings follow each other.
func TestNoiseAmongHoles(t *testing.T) {
	for name, hole := range holes {
		rng := rand.New(rand.NewPCG(5, 5))
		var s Scaler
		for i := range 4096 {
			v := 20 + math.Sin(float64(i)/40) + .3*rng.NormFloat64()
			s.Push(v, !hole(i, rng))
			if i == 255 || i == 4095 {
				within := .03
				if i == 255 {
					within = .1
				}
				if sigma := s.Scale().Sigma; math.Abs(sigma-.3) > within {
					t.Errorf("%s missing, after %d slots: σ̂ is %.3f, want .3", name, i+1, sigma)
				}
			}
		}
	}
}

func TestSparseStateContinues(t *testing.T) {
	for name, hole := range holes {
		rng := rand.New(rand.NewPCG(6, 6))
		var a Scaler
		b := new(Scaler)
		for i := range 900 {
			if i%7 == 0 {
				c := new(Scaler)
				if rest, err := c.RestoreState(b.AppendState(nil)); err != nil || len(rest) != 0 {
					t.Fatalf("%s, slot %d: %d bytes left, %v", name, i, len(rest), err)
				}
				b = c
			}
			v, valid := rng.NormFloat64(), !hole(i, rng)
			if p, q := a.Push(v, valid), b.Push(v, valid); p != q {
				t.Fatalf("%s: at %d the restored scaler says %+v, the original %+v", name, i, q, p)
			}
		}
	}
}

// A snapshot from before there were such details is read, and none are known.
func TestOldScalerState(t *testing.T) {
	var a, b Scaler
	for i := range 300 {
		a.Push(math.Sin(float64(i)), i%3 > 0)
	}
	state := a.AppendState(nil)
	state = state[:len(state)-len(a.sparse.appendState(nil))-len(a.appendSpectra(nil))]
	if rest, err := b.RestoreFormat(state, Gapless); err != nil || len(rest) != 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	if b.sparse.n != 0 || b.Scale() != a.Scale() || b.Index() != a.Index() {
		t.Errorf("it gives %+v at %d, want %+v at %d", b.Scale(), b.Index(), a.Scale(), a.Index())
	}
}
