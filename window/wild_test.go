package window

import (
	"math"
	"math/rand/v2"
	"testing"
)

// judged pushes readings through a Wild and a Scaler, restored every so many readings, and
// returns which were wild.
func judged(t *testing.T, xs []float64) (wild []int, s *Scaler) {
	t.Helper()
	w := new(Wild)
	s = new(Scaler)
	for i, x := range xs {
		is := w.Push(s, x)
		if s.Push(x, !is); is {
			wild = append(wild, i)
		}
		if i%97 == 0 {
			again := new(Wild)
			if rest, err := again.RestoreState(w.AppendState(nil)); err != nil || len(rest) > 0 || *again != *w {
				t.Fatalf("%+v is restored as %+v: %v", *w, *again, err)
			}
			w = again
		}
	}
	return wild, s
}

func sine(n int) []float64 {
	rng := rand.New(rand.NewPCG(2, 2))
	x := make([]float64, n)
	for i := range x {
		x[i] = 60 + 5*math.Sin(float64(i)/25) + .4*rng.NormFloat64()
	}
	return x
}

func TestWildReading(t *testing.T) {
	for _, v := range []float64{4294967295, 65535, -127, 999, 1e12, -1e300, math.Inf(1)} {
		x := sine(6000)
		x[1500] = v
		wild, s := judged(t, x)
		if len(wild) != 1 || wild[0] != 1500 {
			t.Errorf("%g: wild are %v", v, wild)
		}
		if d := s.Scale().Dev; math.Abs(d-3.55) > .1 {
			t.Errorf("%g: the deviation becomes %g", v, d)
		}
	}
}

// What stays is a change after some samples, and so is what comes often; a rare one never.
func TestWildChange(t *testing.T) {
	for name, c := range map[string]struct {
		at    func(i int) bool
		least int // wild readings
		most  int
	}{
		"a level":         {func(i int) bool { return i >= 3000 }, 3, 3},
		"three in a row":  {func(i int) bool { return i >= 3000 && i < 3003 }, 3, 3},
		"one of 50":       {func(i int) bool { return i%50 == 49 && i >= 300 }, 154, 154},
		"every second":    {func(i int) bool { return i >= 3000 && i%2 == 0 }, 3, 5},
		"five out of ten": {func(i int) bool { return i >= 3000 && i%10 < 5 }, 3, 6},
	} {
		x := sine(8000)
		for i := range x {
			if c.at(i) {
				x[i] += 1e5
			}
		}
		wild, _ := judged(t, x)
		if len(wild) < c.least || len(wild) > c.most {
			t.Errorf("%s: %d readings are wild, want %d to %d", name, len(wild), c.least, c.most)
		}
	}
}

// Nothing is wild of what readings do: steps and ramps of the size of the signal, pulses,
// a start from rest, heavy tails, a signal that stands still and then moves.
func TestNothingWild(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for name, f := range map[string]func(i int) float64{
		"step":   func(i int) float64 { return 20*math.Round(float64(i%1000)/1000) + rng.NormFloat64() },
		"ramp":   func(i int) float64 { return .5*float64(i) + rng.NormFloat64() },
		"pulses": func(i int) float64 { return 50*math.Floor(float64(i%100)/97) + rng.NormFloat64() },
		"start": func(i int) float64 {
			return min(float64(max(0, i-200)), 1)*100*math.Sin(float64(i)/9) + .1*rng.NormFloat64()
		},
		"beats": func(i int) float64 {
			return 5*math.Exp(-float64(i%300-150)*float64(i%300-150)/20) + .05*rng.NormFloat64()
		},
		"four":       func(i int) float64 { return rng.NormFloat64() / math.Sqrt(rng.ExpFloat64()+rng.ExpFloat64()) },
		"standstill": func(i int) float64 { return math.Floor(float64(i)/3000) * 7 },
	} {
		x := make([]float64, 9000)
		for i := range x {
			x[i] = f(i)
		}
		if wild, _ := judged(t, x); len(wild) > 0 {
			t.Errorf("%s: %d readings are wild, the first at %d is %g", name, len(wild), wild[0], x[wild[0]])
		}
	}
}
