package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// pulse returns a signal like a heart's, whose beat is several segments long.
func pulse(at float64) float64 {
	phase := 2 * math.Pi * at / 310
	return 4*math.Exp(25*(math.Cos(phase)-1)) + .5*math.Exp(9*(math.Cos(phase-1.2)-1)) + .05*math.Sin(23*phase)
}

// A signal that runs faster or slower is not one with another noise, and one with
// another noise does not run faster.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name         string
		pace, noise  float64
		speed, noisy bool
	}{
		{"as learnt", 1, 1, false, false},
		{"twice as fast", 2, 1, true, false},
		{"more noise", 1, 4, false, true},
	} {
		rng := rand.New(rand.NewPCG(1, 1))
		e, p := NewExtractor(8), &profile{}
		feed := func(n int, pace, sigma float64, learn bool) {
			for i := range n {
				if f, ok := e.Push(pulse(pace*float64(i))+sigma*rng.NormFloat64(), false); ok {
					p.push(&f)
					if learn {
						p.learn(&f)
					}
				}
			}
		}
		feed(310*40, 1, .002, true)
		p.learnt = true
		feed(8*mostBlocks*segment, c.pace, c.noise*.002, false)
		j := p.judge(mostBlocks * segment)
		if j.speedMoved != c.speed || j.noiseMoved != c.noisy || j.coloured {
			t.Errorf("%s: %+v", c.name, j)
		}
	}
}
