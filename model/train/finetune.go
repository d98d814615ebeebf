package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/quell-stream/quell/model"
)

// Window is a stretch of what a live series handed to its net, [T][channels]
// columns slot-major, without clean truth.
type Window struct {
	Channels int
	Cols     []model.Column
}

// FineTuneConfig says how to fine-tune without clean truth. Zero fields take
// their defaults.
type FineTuneConfig struct {
	Name   string  // of the new model, default that of the old one
	Rounds int     // of denoising and training, default 1
	Steps  int     // updates per round, default 300
	Batch  int     // windows per update, default 8
	Length int     // samples per training window, default 512, at most the shortest window's
	Peak   float64 // largest learning rate, default 1e-3
	Decay  float64 // weight decay, default 0
	// Rehearse is the share of training windows drawn from the synthetic
	// families, so that the model forgets less; only for per-channel models.
	Rehearse float64
	Seed     uint64
	Workers  int // does not change the result

	Progress func(Progress)
}

// FineTuneReport says how a fine-tune went.
type FineTuneReport struct {
	Rounds  []FitReport
	Windows int // windows used
	Refused int // windows left out: no noise level, or too short
}

// FineTune adapts a copy of m to noisy windows by iterative data refinement
// (Zhang et al., "IDR: Self-Supervised Image Denoising via Iterative Data
// Refinement", 2022): in each round the current net denoises the windows, and
// is then trained to recover what it made of them from the same with fresh
// noise of the windows' own noise level times 10^U(-0.15, 0.15). That works as
// long as the noise is white; the caller has to see to that, and to judge the
// result on held-out data. The same input and seed give the same bytes.
func FineTune(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig) (*model.Model, FineTuneReport, error) {
	var rep FineTuneReport
	if err := m.Trainable(); err != nil {
		return nil, rep, fmt.Errorf("train: %w", err)
	}
	setDefault(&cfg.Rounds, 1)
	setDefault(&cfg.Steps, 300)
	setDefault(&cfg.Batch, 8)
	setDefault(&cfg.Length, 512)
	setDefault(&cfg.Peak, 1e-3)
	h := m.Header()
	if cfg.Name != "" {
		h.Name = cfg.Name
	}
	arch := archOf(m)
	if arch.Spec.Window > 0 {
		cfg.Length = arch.Spec.Window
	}
	usable, length, err := selectWindows(arch, windows, cfg.Length)
	rep.Windows, rep.Refused = len(usable), len(windows)-len(usable)
	if err != nil {
		return nil, rep, err
	}
	net := m.Net().Clone()
	current := m
	for round := range cfg.Rounds {
		data := &refinement{arch: arch, length: length, seed: mix(cfg.Seed) ^ uint64(round), rehearse: cfg.Rehearse}
		if err := data.denoise(current, usable); err != nil {
			return nil, rep, err
		}
		data.base = baseData{arch: arch, seed: data.seed, window: length}
		fit, err := Fit(ctx, net, data, FitConfig{Steps: cfg.Steps, Batch: cfg.Batch, Cycle: OneCycle{Peak: cfg.Peak},
			Decay: cfg.Decay, Loss: arch.loss(0), Workers: cfg.Workers, Progress: cfg.Progress})
		rep.Rounds = append(rep.Rounds, fit)
		if err != nil {
			return nil, rep, err
		}
		h.Metrics, h.Card = nil, ""
		h.Provenance = model.Provenance{Data: fmt.Sprintf("%d noisy windows of the series itself", len(usable)),
			Command: fmt.Sprintf("fine-tune, %d rounds of %d steps", round+1, cfg.Steps), Seed: cfg.Seed, Go: runtime.Version(), Parent: m.Name()}
		if current, err = model.New(h, net); err != nil {
			return nil, rep, err
		}
	}
	return current, rep, nil
}

// selectWindows returns the windows that can be trained on, and the length of
// the training windows: whole hops of the net, as long as the shortest.
func selectWindows(a Arch, windows []Window, length int) ([]Window, int, error) {
	hop := a.Spec.Stride()
	least := max(hop, 32)
	if a.Spec.Window > 0 {
		least = a.Spec.Window
	}
	var usable []Window
	for _, w := range windows {
		c := w.Channels
		if c < 1 || len(w.Cols)%c != 0 || a.Channels > 0 && a.Channels != c {
			return nil, 0, errors.New("train: fine-tune: a window's channels do not fit the model")
		}
		if n := len(w.Cols) / c; n >= least && hasLevel(w) {
			usable = append(usable, w)
			length = min(length, n/hop*hop)
		}
	}
	if len(usable) == 0 {
		return nil, 0, fmt.Errorf("train: fine-tune: none of %d windows has a noise level and %d slots or more", len(windows), least)
	}
	return usable, length, nil
}

// hasLevel says whether some channel of a window has a known noise level.
func hasLevel(w Window) bool {
	for _, c := range w.Cols {
		if !c.Missing && c.Level > -3 {
			return true
		}
	}
	return false
}

// refinement draws windows of pseudo-clean signals with fresh noise.
type refinement struct {
	arch     Arch
	length   int
	seed     uint64
	rehearse float64
	base     baseData
	windows  []refined
}

// refined is a window as one net sees it: all channels of a multi-channel
// model, one of a per-channel one.
type refined struct {
	cols  []model.Column
	clean []float32 // pseudo-clean, [T][channels of the net]
	from  int       // the first slot whose pseudo-clean value had some past
	to    int       // after the last one that had its whole look-ahead
	sigma []float64 // noise level, scaled; NaN where unknown
}

// edge is how many slots at the start of a window are not learnt from.
const edge = 32

func (r *refinement) denoise(m *model.Model, windows []Window) error {
	n := r.arch.perNet()
	for _, w := range windows {
		st, err := m.NewStream(w.Channels)
		if err != nil {
			return err
		}
		clean := append([]float32(nil), st.Push(w.Cols)...)
		clean = append(clean, st.Finish()...)
		for first := 0; first < w.Channels; first += n {
			slots := len(w.Cols) / w.Channels
			one := refined{from: min(edge, slots/8), to: max(slots-m.Lookahead(), slots/2)}
			known := false
			for t := range slots {
				at := t*w.Channels + first
				one.cols = append(one.cols, w.Cols[at:at+n]...)
				one.clean = append(one.clean, clean[at:at+n]...)
				for _, c := range w.Cols[at : at+n] {
					s := math.NaN()
					if c.Level > -3 {
						s, known = math.Pow(10, float64(c.Level)), true
					}
					one.sigma = append(one.sigma, s)
				}
			}
			if known {
				r.windows = append(r.windows, one)
			}
		}
	}
	return nil
}

// Example cuts a window and adds fresh noise to its pseudo-clean values. What
// was missing is missing again and holds the noisy value before it.
func (r *refinement) Example(e *Example, step, i int) {
	rng := e.draw(r.seed, step, i)
	if r.rehearse > 0 && r.arch.Channels == 0 && rng.Float64() < r.rehearse {
		r.base.Example(e, step, i)
		return
	}
	n := r.arch.perNet()
	w := &r.windows[rng.IntN(len(r.windows))]
	slots := len(w.cols) / n
	start := rng.IntN(slots - r.length + 1)
	gain := math.Pow(10, -.15+.3*rng.Float64())
	cols, want := e.columns(r.length * n)
	for k := range n {
		held := w.clean[start*n+k]
		for t := range r.length {
			at, to := (start+t)*n+k, t*n+k
			c := w.cols[at]
			sigma := w.sigma[at] * gain
			if !c.Missing && !math.IsNaN(sigma) {
				held = w.clean[at] + float32(sigma*rng.NormFloat64())
			} else if !c.Missing {
				held = w.clean[at]
			}
			cols[to] = model.Column{X: held, Level: c.Level, Colour: c.Colour, Missing: c.Missing}
			if !math.IsNaN(sigma) {
				cols[to].Level = scale{dev: 1, sigma: sigma}.level()
			}
			want[to] = target{float64(w.clean[at]), sigma}
			// The net's own guess teaches it nothing, and at the ends it is worse than
			// what the net could know from the neighbours.
			if c.Missing || start+t < w.from || start+t >= w.to {
				want[to].sigma = math.NaN()
			}
		}
	}
	r.arch.fill(e, cols, want)
}
