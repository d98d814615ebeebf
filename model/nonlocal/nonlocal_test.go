package nonlocal

import (
	"math"
	"math/rand/v2"
	"testing"
)

// beats is a signal of one cycle in so many slots, with a sharp peak.
func beats(n, period int) []float64 {
	x := make([]float64, n)
	for t := range x {
		u := float64(t%period)/float64(period) - .3
		x[t] = 1e4 + 10*math.Exp(-u*u*1e3) + 2*math.Sin(2*math.Pi*u)
	}
	return x
}

// run has a memory follow readings of a signal whose estimates have errors of
// deviation off, and returns what it says of each slot; Mean is NaN where it says
// nothing.
func run(m *Memory, x []float64, sigma, off float64, seed uint64) (said []Alike, ys []float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	ys, said = make([]float64, len(x)), make([]Alike, len(x))
	for t := range x {
		ys[t] = x[t] + sigma*rng.NormFloat64()
	}
	for t := range min(m.Ahead(), len(x)) {
		m.Read(ys[t])
	}
	for t := range x {
		if k := t + m.Ahead(); k < len(x) {
			m.Read(ys[k])
		}
		a, ok := m.Match(sigma*sigma, off*off)
		if !ok {
			a.Mean = math.NaN()
		}
		said[t] = a
		m.Learn(x[t]+off*rng.NormFloat64(), sigma)
	}
	return said, ys
}

// A slot of a cycle that was seen n times is known to σ²/n; that is also what the
// memory says, and the error has nothing to do with the reading's own.
func TestMatchAveragesCycles(t *testing.T) {
	const sigma, period = 1., 157
	for _, lookahead := range []int{0, 8, 126} {
		x := beats(20000, period)
		said, ys := run(New(2048, lookahead), x, sigma, .3, 3)
		var off, says, with, n float64
		for t := 6000; t < len(x)-40; t++ {
			if said[t].Mean != said[t].Mean {
				continue
			}
			e := said[t].Mean - x[t]
			off, says, with, n = off+e*e, says+said[t].Variance, with+e*(ys[t]-x[t]), n+1
		}
		if n < 13000 {
			t.Errorf("look-ahead %d: %g slots of 13960 have their like", lookahead, n)
		}
		off, says, with = off/n, says/n, with/n
		if cycles := 2048. / period; off > 4/cycles {
			t.Errorf("look-ahead %d: a squared error of %.3f; twelve cycles have %.3f", lookahead, off, 1/cycles)
		}
		if says < off/5 || says > off*5 {
			t.Errorf("look-ahead %d: says a variance of %.3f, the squared error is %.3f", lookahead, says, off)
		}
		if math.Abs(with) > 4*math.Sqrt(off/n) {
			t.Errorf("look-ahead %d: the error follows the reading's own, by %.4f", lookahead, with)
		}
	}
}

// Of a signal that never comes back nothing is said.
func TestMatchFindsNothingInARamp(tt *testing.T) {
	x := make([]float64, 6000)
	for t := range x {
		x[t] = float64(t)
	}
	said, _ := run(New(1024, 8), x, 1, .3, 1)
	for t, a := range said {
		if a.Mean == a.Mean {
			tt.Fatal("slot", t, "of a ramp has its like", a)
		}
	}
}

// Sums that are moved along are those that are made anew, within rounding, also
// where readings are missing, estimates are not there and spikes are cut.
func TestSumsMoveAlong(tt *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	m := New(300, 8)
	for t := range 3000 {
		y := 5*math.Sin(float64(t)/20) + rng.NormFloat64()
		if rng.IntN(20) == 0 {
			y = math.NaN()
		} else if rng.IntN(30) == 0 {
			y += 50
		}
		m.Read(y)
		if t < m.ahead {
			continue
		}
		m.Match(1, .1)
		if t%97 == 0 && len(m.d) > 0 {
			moved := append([]float32(nil), m.d...)
			m.summed = never
			m.weigh(0, 1)
			for j, d := range m.d[len(m.d)-len(moved):] {
				if diff := math.Abs(float64(d - moved[j])); diff > 1e-3*(1+float64(d)) {
					tt.Fatalf("slot %d, lag %d: %v moved along, %v anew", t, nearest+len(moved)-1-j, moved[j], d)
				}
			}
		}
		c := 5 * math.Sin(float64(t-m.ahead)/20)
		if rng.IntN(50) == 0 {
			c = math.NaN()
		}
		m.Learn(c, 1)
	}
}

func BenchmarkMemory(b *testing.B) {
	const n = 4096
	x := beats(n, 157)
	rng := rand.New(rand.NewPCG(1, 1))
	m := New(2048, 8)
	slot := func(t int) {
		m.Read(x[t%n] + rng.NormFloat64())
		m.Match(1, .1)
		if t >= m.ahead {
			m.Learn(x[(t-m.ahead)%n], 1)
		}
	}
	for t := range n {
		slot(t)
	}
	b.ReportAllocs()
	for t := n; b.Loop(); t++ {
		slot(t)
	}
}

// A memory that was restored at any slot says the same from there on, bit for bit.
func TestRestoredMemorySaysTheSame(t *testing.T) {
	const n = 3000
	x := beats(n, 157)
	rng := rand.New(rand.NewPCG(1, 1))
	ys := make([]float64, n)
	for t := range ys {
		ys[t] = x[t] + rng.NormFloat64()
	}
	m := New(700, 8)
	step := func(m *Memory, s int) (Alike, bool) {
		m.Read(ys[s])
		a, ok := m.Match(1, .1)
		if s >= m.ahead {
			m.Learn(x[s-m.ahead], 1)
		}
		return a, ok
	}
	var others []*Memory
	for s := range n {
		if s%371 == 0 {
			o := New(700, 8)
			if rest, err := o.RestoreState(append(m.AppendState(nil), 7)); err != nil || len(rest) != 1 {
				t.Fatal(rest, err)
			}
			others = append(others, o)
		}
		a, ok := step(m, s)
		for i, o := range others {
			if b, k := step(o, s); a != b || ok != k {
				t.Fatalf("slot %d: restored at %d it says %v %v, else %v %v", s, i*371, b, k, a, ok)
			}
		}
	}
	state := m.AppendState(nil)
	for cut := range len(state) {
		if _, err := New(700, 8).RestoreState(state[:cut]); err == nil {
			t.Fatal("a snapshot cut at", cut, "was taken")
		}
	}
	if _, err := New(701, 8).RestoreState(state); err == nil {
		t.Error("a snapshot of 700 lags was taken for one of 701")
	}
}

// Readings and estimates that are no measurements give no value that is no number,
// and are forgotten.
func TestWildReadings(t *testing.T) {
	for _, wild := range []float64{1e8, 1e20, 1e300, math.Inf(1), math.NaN()} {
		x := beats(12000, 157)
		rng := rand.New(rand.NewPCG(7, 7))
		m := New(2048, 8)
		off, n := 0.0, 0.0
		for s := range x {
			y := x[s] + rng.NormFloat64()
			if s == 0 || s == 3000 {
				y = wild
			}
			m.Read(y)
			a, ok := m.Match(1, .1)
			if ok && (a.Mean-a.Mean != 0 || !(a.Variance > 0) || math.IsInf(a.Variance, 0)) {
				t.Fatalf("%g: slot %d: %+v", wild, s, a)
			}
			if s < m.ahead {
				continue
			}
			at := s - m.ahead
			if ok && at > 7000 {
				off, n = off+(a.Mean-x[at])*(a.Mean-x[at]), n+1
			}
			c := x[at]
			if at == 0 || at == 3000 {
				c = wild // what serves may pass it on
			}
			m.Learn(c, 1)
		}
		if n < 4000 || off/n > .4 {
			t.Errorf("%g: %g slots have their like, with a squared error of %.3f", wild, n, off/n)
		}
	}
}

// What is kept grows with the series, and the sums are there only while they are
// asked for.
func TestMemoryGrows(t *testing.T) {
	m := New(2048, 8)
	size := func() int { return 4 * (cap(m.y.v) + cap(m.c.v) + cap(m.d)) }
	if got := size(); got > 2<<10 {
		t.Errorf("%d bytes before the first reading", got)
	}
	for i := range 6000 {
		m.Read(float64(i % 40))
		if i >= m.ahead {
			if i < 3000 {
				m.Match(1, .1)
			}
			m.Learn(float64((i-m.ahead)%40), 1)
		}
	}
	if got := size(); got > 19<<10 {
		t.Errorf("%d bytes after 6,000 readings, of which the latest were compared with nothing; want no more than 19 KiB", got)
	}
}
