package train

import "github.com/quell-stream/quell/internal/mix"

const (
	// leastWhole is the number of slots from which a window is cut up.
	leastWhole = 1024
	// leastHeld is what is held out of one at least, and mostHeld what suffices.
	leastHeld, mostHeld = 256, 512
	// heldShare is the share that is held out: 1/heldShare.
	heldShare = 6
	// mostEvidence bounds the stretches that are judged on.
	mostEvidence = 64
	// before is the number of slots before a held-out stretch that a net is
	// shown. It may learn from them: what is judged is later noise.
	before = 256
)

// hold splits the windows into those to train on and what is held out.
func (t *truthless) hold(windows []Window) {
	var whole, short int // seen so far
	long := 0
	for i := range windows {
		if windows[i].slots() >= leastWhole {
			long++
		}
	}
	every := max(1, (long+mostEvidence-1)/mostEvidence)
	for i := range windows {
		w := &windows[i]
		switch n := w.slots(); {
		case n >= leastWhole:
			if whole++; whole%every != 0 {
				t.train = append(t.train, *w)
				continue
			}
			held := min(max(n/heldShare, leastHeld), mostHeld)
			from := (n - held) / 2
			t.train = append(t.train, w.slice(0, from), w.slice(from+held, n))
			t.judgeOn(w, from, from+held)
		default:
			if short++; short%heldShare != 0 || len(t.held) >= mostEvidence {
				t.train = append(t.train, *w)
				continue
			}
			t.judgeOn(w, n/8, n-n/8)
		}
	}
}

// judgeOn adds the slots from ≤ t < to of a window to the evidence.
func (t *truthless) judgeOn(w *Window, from, to int) {
	a, b := max(from-before, 0), min(to+t.model.Lookahead(), w.slots())
	i := uint64(len(t.held))
	t.held = append(t.held, Evidence{Window: w.slice(a, b), From: from - a, To: to - a, Seed: [2]uint64{mix.Next(t.cfg.Seed), mix.Next(i)}})
}

// slice returns the slots from ≤ t < to of a window.
func (w *Window) slice(from, to int) Window {
	a, b := from*w.Channels, to*w.Channels
	s := Window{Channels: w.Channels, Cols: w.Cols[a:b:b], Noise: w.Noise, Weight: w.Weight, Old: w.Old}
	if w.Context != nil {
		s.Context = w.Context[from:to:to]
	}
	cut := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		return x[a:b:b]
	}
	s.Sigma, s.Twin, s.TwinSigma = cut(w.Sigma), cut(w.Twin), cut(w.TwinSigma)
	return s
}
