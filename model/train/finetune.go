package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model"
)

// Window is a stretch of what a live series handed to its net, [T][channels]
// columns slot-major, without clean truth.
type Window struct {
	Channels int
	Cols     []model.Column

	// Sigma are the deviations of the noise of Cols, scaled; NaN where unknown.
	// Nil: what the columns' levels say.
	Sigma []float64
	// Noise, if set, are recordings of the noise of each channel, scaled to a
	// deviation of 1: fresh noise is taken from there in place of white noise.
	Noise [][]float64
	// Twin, if set, are the readings of a second sensor, scaled like Cols; NaN
	// where there is none. TwinSigma is the deviation of their noise, scaled alike.
	Twin      []float64
	TwinSigma []float64

	// Context, if set, are the slots, [T], that are there for the others' sake: the
	// net sees them and does not learn from them.
	Context []bool

	// Weight is how often a window is drawn beside others; where all are 0, all are
	// drawn alike.
	Weight float64
	// Old says that the window is of what the model knows and is not to forget,
	// which Recall is about.
	Old bool
}

// slots returns T.
func (w *Window) slots() int { return len(w.Cols) / w.Channels }

// sigma returns the deviation of the noise of column i, scaled; NaN where it is
// unknown.
func (w *Window) sigma(i int) float64 {
	switch {
	case w.Sigma != nil:
		return w.Sigma[i]
	case w.Cols[i].Missing || w.Cols[i].Level <= -3:
		return math.NaN()
	}
	return math.Pow(10, float64(w.Cols[i].Level))
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
	// Teacher, if set, makes what the first round of FineTune is to recover of
	// windows that are not Old, in place of the model itself: one with more look-ahead
	// comes nearer to the truth. It must serve as many channels.
	Teacher *model.Model
	// Known, if set, makes what the first round of FineTune is to recover of windows
	// that are Old, in place of the model itself: what it knows is to be kept, where the
	// training begins from another. It must serve as many channels.
	Known *model.Model
	// Rehearse is the share of training windows drawn from the synthetic
	// families, so that the model forgets less; only for per-channel models.
	Rehearse float64
	Seed     uint64
	Workers  int // does not change the result
	Recipe
	Recall
	Brake

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
// result on held-out data. A blind-spot model is trained by Blind in its place.
// Recall and Brake hold for every way of fine-tuning without clean truth. The
// same input and seed give the same bytes.
func FineTune(ctx context.Context, m *model.Model, windows []Window, cfg FineTuneConfig) (*model.Model, FineTuneReport, error) {
	if m.Kind() == model.BlindSpot {
		return Blind(ctx, m, windows, cfg)
	}
	t, rep, err := newTuner(m, windows, cfg)
	if err != nil {
		return nil, rep, err
	}
	for round := range t.cfg.Rounds {
		data := &refinement{examples: t.examples(round), rehearse: cfg.Rehearse}
		data.base = baseData{arch: t.arch, seed: data.seed, window: t.length}
		teacher := t.model
		if round == 0 && cfg.Teacher != nil {
			teacher = cfg.Teacher
		}
		known := t.model
		if round == 0 && cfg.Known != nil {
			known = cfg.Known
		}
		if err := data.denoise(known, teacher); err != nil {
			return nil, rep, fmt.Errorf("train: fine-tune: %w", err)
		}
		fit, err := t.fit(ctx, data, fmt.Sprintf("fine-tune, %d rounds of %d steps", round+1, t.cfg.Steps))
		rep.Rounds = append(rep.Rounds, fit)
		if err != nil {
			return nil, rep, err
		}
	}
	return t.model, rep, nil
}

// tuner is what all ways of fine-tuning without clean truth have in common.
type tuner struct {
	cfg    FineTuneConfig
	arch   Arch
	usable []Window
	length int // of the training windows
	parent string
	model  *model.Model // as trained so far
}

func newTuner(m *model.Model, windows []Window, cfg FineTuneConfig) (*tuner, FineTuneReport, error) {
	var rep FineTuneReport
	if err := m.Trainable(); err != nil {
		return nil, rep, fmt.Errorf("train: %w", err)
	}
	if c := m.Header().Classes; c != nil {
		return nil, FineTuneReport{}, fmt.Errorf("train: %s tells which of %s a slot is, which training without labels would spoil", m.Name(), strings.Join(c, ", "))
	}
	if archOf(m).binary() {
		return nil, rep, fmt.Errorf("train: %s has binary channels, which need clean truth to be trained on", m.Name())
	}
	setDefault(&cfg.Rounds, 1)
	setDefault(&cfg.Steps, 300)
	setDefault(&cfg.Batch, 8)
	setDefault(&cfg.Length, 512)
	setDefault(&cfg.Peak, 1e-3)
	if err := errors.Join(cfg.checkRecall(), cfg.checkBrake()); err != nil {
		return nil, rep, err
	}
	t := &tuner{cfg: cfg, arch: archOf(m), model: m, parent: m.Name()}
	if w := t.arch.Spec.Window; w > 0 {
		t.cfg.Length = w
	}
	var err error
	t.usable, t.length, err = selectWindows(t.arch, windows, t.cfg.Length)
	rep.Windows, rep.Refused = len(t.usable), len(windows)-len(t.usable)
	return t, rep, err
}

// examples returns the windows as examples of a round are cut out of them.
func (t *tuner) examples(round int) examples {
	x := examples{arch: t.arch, length: t.length, seed: mix.Next(t.cfg.Seed) ^ uint64(round)}
	for i := range t.usable {
		x.add(&t.usable[i], t.model.Lookahead())
	}
	return x
}

// fit trains a copy of the model's net, which becomes the model.
func (t *tuner) fit(ctx context.Context, data Batcher, command string) (FitReport, error) {
	net := t.model.Net().Clone()
	cfg, err := t.cfg.Recipe.fit(FitConfig{Steps: t.cfg.Steps, Batch: t.cfg.Batch, Decay: t.cfg.Decay,
		Workers: t.cfg.Workers, Seed: t.cfg.Seed, Progress: t.cfg.Progress}, t.arch, t.cfg.Peak)
	if err != nil {
		return FitReport{}, err
	}
	cfg.Loss = t.arch.lossWithoutTruth(t.cfg.Recipe.Loss)
	if data, err = t.recall(net, data, &cfg); err != nil {
		return FitReport{}, err
	}
	t.brake(data, &cfg)
	fit, err := Fit(ctx, net, data, cfg)
	if err != nil {
		return fit, err
	}
	h := t.model.Header()
	if t.cfg.Name != "" {
		h.Name = t.cfg.Name
	}
	h.Metrics, h.Card = nil, ""
	h.NotWhite = h.NotWhite || slices.ContainsFunc(t.usable, func(w Window) bool { return slices.ContainsFunc(w.Noise, notWhite) })
	h.Provenance = model.Provenance{Data: fmt.Sprintf("%d noisy windows of the series itself", len(t.usable)),
		Command: command, Seed: t.cfg.Seed, Go: runtime.Version(), Parent: t.parent}
	t.model, err = model.New(h, net)
	return fit, err
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
		if n := w.slots(); n >= least && hasLevel(&w) {
			usable = append(usable, w)
			length = min(length, n/hop*hop)
		}
	}
	if len(usable) == 0 {
		return nil, 0, fmt.Errorf("train: fine-tune: %w, or none of %d windows has %d slots or more", ErrNoLevel, len(windows), least)
	}
	return usable, length, nil
}

// ErrNoLevel says that no noise is seen in a history, so that its level is not known.
var ErrNoLevel = errors.New("no noise is seen in the readings")

// hasLevel says whether some channel of a window has a known noise level.
func hasLevel(w *Window) bool {
	for i := range w.Cols {
		if !math.IsNaN(w.sigma(i)) {
			return true
		}
	}
	return false
}
