package train

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/model"
)

// Recorrupted adapts a copy of m to noisy windows by recorrupted-to-recorrupted
// training (Pang, Zheng, Quan and Ji, "Recorrupted-to-Recorrupted: Unsupervised
// Deep Learning for Image Denoising", 2021, eq. 5 and 10): from a reading y = x+n
// and fresh noise z like n it makes the pair
//
//	input y+αz,  target y-z/α,  α ~ U(.5, 1)
//
// whose noises are uncorrelated, so that the squared error to the target has the
// same minimum as the one to x. That needs Gaussian noise, white or like the
// windows' recorded Noise, and its deviation. The net is given the noise level
// of its input, √(1+α²) of the reading's; errors count in units of the target's
// noise, √(1+1/α²) of the reading's.
//
// The config's Rounds is not used. The caller has to judge the result on
// held-out data. The same input and seed give the same bytes.
func Recorrupted(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig) (*model.Model, FineTuneReport, error) {
	return tuneOnPairs(ctx, m, windows, cfg, "recorrupted", func(x examples) Batcher {
		return &recorruption{examples: x, rehearse: cfg.Rehearse, base: baseData{arch: x.arch, seed: x.seed, window: x.length}}
	})
}

// NoiseToNoise adapts a copy of m to windows that a second sensor has watched,
// too (Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean
// Data", 2018): the net learns to tell the Twin from the columns. The noises of
// the two may be of any kind, but must be independent, and the twin unbiased.
// Errors count in units of TwinSigma.
//
// The config's Rounds is not used. The caller has to judge the result on
// held-out data. The same input and seed give the same bytes.
func NoiseToNoise(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig) (*model.Model, FineTuneReport, error) {
	for _, w := range windows {
		if len(w.Twin) != len(w.Cols) || len(w.TwinSigma) != len(w.Cols) {
			return nil, FineTuneReport{}, fmt.Errorf("train: a window of %d columns has %d readings of a twin and %d noise levels of it", len(w.Cols), len(w.Twin), len(w.TwinSigma))
		}
	}
	return tuneOnPairs(ctx, m, windows, cfg, "noise to noise", func(x examples) Batcher { return &twins{x} })
}

// tuneOnPairs fine-tunes on pairs that need no guess of the clean signal.
func tuneOnPairs(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig, what string, batcher func(examples) Batcher) (*model.Model, FineTuneReport, error) {
	if err := cfg.checkNoisy(); err != nil {
		return nil, FineTuneReport{}, err
	}
	if m.Kind() == model.BlindSpot && what != blindly {
		return nil, FineTuneReport{}, fmt.Errorf("train: %s is a blind-spot model, which learns by the likelihood of its readings alone: see Blind", m.Name())
	}
	t, rep, err := newTuner(m, windows, cfg)
	if err != nil {
		return nil, rep, err
	}
	fit, err := t.fit(ctx, batcher(t.examples(0)), fmt.Sprintf("fine-tune, %s, %d steps", what, t.cfg.Steps))
	rep.Rounds = append(rep.Rounds, fit)
	if err != nil {
		return nil, rep, err
	}
	return t.model, rep, nil
}

// recorruption draws pairs of recorrupted windows.
type recorruption struct {
	examples
	rehearse float64
	base     baseData
}

// Example cuts a window and recorrupts it.
func (r *recorruption) Example(e *Example, step, i int) {
	rng := e.draw(r.seed, step, i)
	if r.rehearse > 0 && r.arch.Channels == 0 && rng.Float64() < r.rehearse {
		r.base.Example(e, step, i)
		e.desk.old = false
		return
	}
	n := r.arch.perNet()
	s, start := r.cut(e, rng)
	alpha := .5 + .5*rng.Float64()
	louder, targets := math.Sqrt(1+alpha*alpha), math.Sqrt(1+1/(alpha*alpha))
	shift := math.Log10(louder)
	cols, want := e.columns(r.length * n)
	for k := range n {
		held := s.cols[start*n+k].X
		z := s.hiss(k, rng)
		for t := range r.length {
			at, to := (start+t)*n+k, t*n+k
			c, sigma, fresh := s.cols[at], s.sigma[at], z.next()
			known := !math.IsNaN(sigma)
			want[to].sigma = math.NaN()
			if known && s.learnt(start+t, c.Missing) {
				want[to] = target{float64(c.X) - sigma*fresh/alpha, sigma * targets}
			}
			if !c.Missing {
				held = c.X
				if known {
					held += float32(alpha * sigma * fresh)
				}
			}
			cols[to] = model.Column{X: held, Level: raise(c.Level, shift), Colour: c.Colour, Missing: c.Missing}
		}
	}
	r.arch.fill(e, cols, want)
}

// twins draws windows whose target is the twin.
type twins struct{ examples }

// Example cuts a window.
func (w *twins) Example(e *Example, step, i int) {
	rng := e.draw(w.seed, step, i)
	n := w.arch.perNet()
	s, start := w.cut(e, rng)
	cols, want := e.columns(w.length * n)
	for t := range w.length {
		for k := range n {
			at, to := (start+t)*n+k, t*n+k
			from := (start+t)*s.window.Channels + s.first + k
			cols[to] = s.cols[at]
			want[to].sigma = math.NaN()
			if y := s.window.Twin[from]; !math.IsNaN(y) && s.learnt(start+t, cols[to].Missing) {
				want[to] = target{y, s.window.TwinSigma[from]}
			}
		}
	}
	w.arch.fill(e, cols, want)
}

func (r *recorruption) with(x examples) Batcher {
	o := *r
	o.examples, o.rehearse = x, 0
	return &o
}

func (w *twins) with(x examples) Batcher { return &twins{x} }
