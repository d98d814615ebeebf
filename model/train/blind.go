package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// BlindArch returns a net (nn.BlindSpot) that foretells readings from those around
// them, with channels hidden channels and so many taps to a side. With 0 signals
// it serves each channel by itself, else so many at once.
func BlindArch(signals, channels, taps int, dilations []int, lookahead int) Arch {
	in := []model.Input{model.Reading, model.Level, model.Mask, model.Colour}
	n := max(signals, 1)
	return Arch{Kind: model.BlindSpot, Spec: nn.BlindSpot(n*len(in), 2*n, channels, taps, dilations, lookahead),
		Inputs: in, Channels: signals, Spread: true}
}

// NewBlind returns an untrained model of a blind-spot architecture that is scaled
// like another one.
func NewBlind(like *model.Model, arch Arch, seed uint64) (*model.Model, error) {
	net, err := nn.New(arch.Spec, seed)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	of := like.Header()
	h := arch.header(of.Name)
	h.Scaler = of.Scaler
	return model.New(h, net)
}

// Blind trains a copy of m, a model of kind blindspot, on noisy windows alone by
// the Likelihood of their readings (Laine et al., "High-Quality Self-Supervised
// Deep Image Denoising", 2019; Krull et al., "Probabilistic Noise2Void", 2020).
// That needs Gaussian noise that is white, and its deviation; what is known of
// it beyond the levels of the windows is taken from Sigma. Missing readings are
// neither seen nor learnt.
//
// The config's Rounds, Rehearse and Loss are not used. The caller has to judge the
// result on held-out data. The same input and seed give the same bytes.
func Blind(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig) (*model.Model, FineTuneReport, error) {
	if m.Kind() != model.BlindSpot {
		return nil, FineTuneReport{}, fmt.Errorf("train: %s is no blind-spot model: it sees the readings that it would have to foretell", m.Name())
	}
	return tuneOnPairs(ctx, m, windows, cfg, blindly, func(x examples) Batcher { return &readings{x} })
}

// blindly names Blind in the provenance of what it trained.
const blindly = "blind-spot"

// readings draws windows whose target is what they hold.
type readings struct{ examples }

// Example cuts a window.
func (r *readings) Example(e *Example, step, i int) {
	rng := e.draw(r.seed, step, i)
	n := r.arch.perNet()
	s, start := r.cut(e, rng)
	cols, want := e.columns(r.length * n)
	copy(cols, s.cols[start*n:])
	for to := range cols {
		at := start*n + to
		want[to] = target{float64(cols[to].X), s.sigma[at]}
		if !s.learnt(at/n, cols[to].Missing) {
			want[to].sigma = math.NaN()
		}
	}
	if rng.Uint64()&1 == 0 {
		r.louden(cols, s.sigma[start*n:], rng)
	}
	r.arch.fill(e, cols, want)
	for i, w := range want { // without the floor that squared errors need
		if e.W[i] > 0 {
			e.W[i] = float32(1 / (w.sigma * w.sigma))
		}
	}
}

func (r *readings) with(x examples) Batcher { return &readings{x} }

// mostLouder bounds the fresh noise that half of the windows are given, in
// deviations of their own.
const mostLouder = 2.

// louden adds fresh noise to what the net is given. The readings that it learns to
// foretell stay what they are: the two have nothing but the signal in common. So no
// window looks the same twice, and a recording of some 10,000 readings is not
// learnt by heart.
func (r *readings) louden(cols []model.Column, sigma []float64, rng *rand.Rand) {
	alpha := mostLouder * rng.Float64()
	shift := .5 * math.Log10(1+alpha*alpha)
	for i := range cols {
		if c := &cols[i]; !c.Missing && !math.IsNaN(sigma[i]) {
			c.X += float32(alpha * sigma[i] * rng.NormFloat64())
			c.Level = raise(c.Level, shift)
		}
	}
}

// freshPeak is the largest learning rate for a net that knows nothing yet.
const freshPeak = 3e-3

// blind is the round of BlindSpot, with a net that is begun anew where m is not
// of that kind.
func (t *truthless) blind(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig) (*model.Model, FineTuneReport, error) {
	if m.Kind() != model.BlindSpot {
		var err error
		if m, err = NewBlind(m, t.blindArch(), cfg.Seed); err != nil {
			return nil, FineTuneReport{}, err
		}
		setDefault(&cfg.Peak, freshPeak)
	}
	return Blind(ctx, m, windows, cfg)
}

// blindArch returns the net that BlindSpot begins anew with.
func (t *truthless) blindArch() Arch {
	if len(t.cfg.Arch.Spec.Layers) > 0 {
		return t.cfg.Arch
	}
	return BlindArch(t.model.Header().Channels, 24, 3, []int{1, 2, 4, 8, 16, 32}, t.model.Lookahead())
}

// ErrBlindColour is wrapped by the error of Truthless where a blind-spot net would
// take noise for signal.
var ErrBlindColour = errors.New("a blind-spot net tells signal from noise by what neighbouring readings share, and so takes coloured noise for signal")

// checkBlind says whether the noise is what a blind-spot net can tell from a
// signal: white, by a recording of it where there is one, else by the readings.
func (t *truthless) checkBlind() error {
	w := &t.train[0]
	if w.Noise != nil {
		if slices.ContainsFunc(w.Noise, notWhite) {
			return fmt.Errorf("train: the recorded noise is coloured, or made of spikes: %w", ErrBlindColour)
		}
		return nil
	}
	if t.colour != nil {
		return fmt.Errorf("train: %w: %w", t.colour, ErrBlindColour)
	}
	return nil
}
