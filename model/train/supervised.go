package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// SupervisedConfig says how to train on clean truth.
type SupervisedConfig struct {
	Name string // of the model, default "trained"
	// Arch is that of all channels at once, or of one, which then makes a net of
	// Arch.Beside of several. Default TCNArch(0, WidthBeside(24, channels), 5, 1…32, 8).
	Arch Arch

	// Clean are the clean recordings, one per channel and of equal length. The
	// first 60 % are trained on, the next 20 % validate, the rest is not touched;
	// a receptive field is left out at each border.
	Clean [][]float64
	// Corrupt is drawn anew for every window. Signal-to-noise ratios refer to
	// the deviation of the training part. Default: gaussian:snr=-2..25.
	Corrupt noise.Chain
	// Noise, if set, are recordings of real noise, per channel and of equal
	// length, pieces of which are added to the training windows as they are, before
	// Corrupt: the same piece of all channels, so that they share what they share.
	// Those for validation come from the last fifth.
	Noise [][]float64

	// Names are those of the channels, for the header of a model that serves several;
	// none: unknown.
	Names []string
	// Outputs are what the channels are, default values; those of 0 and 1 are not
	// scaled. Only a net that is not trained on takes them.
	Outputs []model.Output
	// Labels say which of Classes each sample is, -1 where it is not known; Classes[0]
	// is the normal one. A head on the net learns to tell them.
	Labels  []int
	Classes []string
	// Sections say which condition holds where in the recordings, for a net that
	// takes one. A window lies in one of them; what is in none is not used.
	Sections []Section

	Steps    int     // default 4000
	Batch    int     // default 8
	Window   int     // default 512
	Peak     float64 // largest learning rate, default 3e-3
	Decay    float64 // default 1e-4
	Patience int     // validations without a new best before stopping, default 0: never
	Seed     uint64
	Workers  int          // does not change the result
	From     *model.Model // start from this model's weights; its Arch is taken, as above
	Recipe
	Curriculum bool // noise begins weak, and of one kind, and is all there from the middle of the training on

	Progress   func(Progress)
	Resume     *Snapshot
	Checkpoint func(*Snapshot) error

	alone *Arch // of one channel, where nets are put side by side
}

func (c *SupervisedConfig) defaults() error {
	if len(c.Clean) == 0 {
		return errors.New("train: no clean recording")
	}
	for i, x := range c.Clean {
		if len(x) != len(c.Clean[0]) {
			return fmt.Errorf("train: clean channel %d has %d samples, channel 0 has %d", i, len(x), len(c.Clean[0]))
		}
		for t, v := range x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("train: clean channel %d: sample %d is not finite; cut or fill the gap", i, t)
			}
		}
	}
	return c.complete(len(c.Clean), c.Noise != nil)
}

// complete fills in the defaults of a training on so many channels; paired says
// that there is recorded noise.
func (c *SupervisedConfig) complete(channels int, paired bool) error {
	if c.Name == "" {
		c.Name = "trained"
	}
	if c.From != nil {
		c.Arch = archOf(c.From)
	}
	if c.Arch.Kind == model.BlindSpot {
		return errors.New("train: a net of kind blindspot learns from noisy readings: train it without clean truth, by method blind")
	}
	if c.From == nil && len(c.Arch.Spec.Layers) == 0 {
		c.Arch = TCNArch(0, WidthBeside(24, channels), 5, []int{1, 2, 4, 8, 16, 32}, 8)
	}
	if channels > 1 && c.Arch.perNet() == 1 {
		var err error
		alone := c.Arch
		if c.Arch, err = alone.Beside(channels); err != nil {
			return err
		}
		c.alone = &alone
	}
	if err := c.heads(); err != nil {
		return err
	}
	if n := c.Arch.perNet(); n != channels {
		return fmt.Errorf("train: %d clean channels; the net takes %d", channels, n)
	}
	if c.Noise != nil && len(c.Noise) != channels {
		return fmt.Errorf("train: %d channels of noise; want %d", len(c.Noise), channels)
	}
	for i, z := range c.Noise {
		if len(z) != len(c.Noise[0]) {
			return fmt.Errorf("train: noise of channel %d has %d samples, that of channel 0 has %d", i, len(z), len(c.Noise[0]))
		}
	}
	if c.Corrupt == nil && !paired {
		c.Corrupt = noise.Chain{{Kind: "gaussian", Args: []noise.Arg{{Name: "snr", Value: noise.Range{Lo: -2, Hi: 25}}, {Name: "sigma", Value: noise.Range{Lo: math.NaN(), Hi: math.NaN()}}}}}
	}
	setDefault(&c.Steps, 4000)
	setDefault(&c.Batch, 8)
	setDefault(&c.Window, 512)
	setDefault(&c.Peak, 3e-3)
	setDefault(&c.Decay, 1e-4)
	if err := c.Recipe.check(c.Arch); err != nil {
		return err
	}
	if c.From != nil && c.Pretrain > 0 {
		return errors.New("train: a model that is trained on is not pretrained again")
	}
	if err := c.checkSections(); err != nil {
		return err
	}
	return c.Arch.checkWindow(c.Window)
}

func setDefault[T int | float64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Supervised trains a net on clean recordings to which it adds noise. The
// model's scaler is fixed: mean and deviation of the training part; its noise
// level is left to be estimated (0) where Corrupt has a range of levels. The
// interval of a model of one channel is calibrated on the validation part, of one that
// takes a condition as told it.
func Supervised(ctx context.Context, cfg SupervisedConfig) (*model.Model, FitReport, error) {
	if err := cfg.defaults(); err != nil {
		return nil, FitReport{}, err
	}
	arch := cfg.Arch
	parts, err := eval.Split(len(cfg.Clean[0]), arch.Spec.ReceptiveField())
	if err != nil {
		return nil, FitReport{}, fmt.Errorf("train: %w", err)
	}
	if parts.Train.Len() < cfg.Window || parts.Tune.Len() < cfg.Window {
		return nil, FitReport{}, fmt.Errorf("train: %d samples are too few for windows of %d: at least %d are needed", len(cfg.Clean[0]), cfg.Window, 5*(cfg.Window+arch.Spec.ReceptiveField()+1))
	}
	net, err := cfg.net()
	if err != nil {
		return nil, FitReport{}, err
	}
	data := newPairs(&cfg, parts.Train, 0, .8)
	val := newPairs(&cfg, parts.Tune, .8, 1)
	val.scales, val.devs = data.scales, data.devs
	if l, ok := cfg.Loss.(Feature); ok {
		if cfg.Loss, err = l.fitted(data); err != nil {
			return nil, FitReport{}, err
		}
	}
	for _, p := range [2]*pairs{data, val} {
		if p.places, err = placesOf(cfg.Sections, arch.Condition, p.part, cfg.Window); err != nil {
			return nil, FitReport{}, err
		}
	}
	if cfg.Curriculum {
		data.ease = newCurriculum(cfg.Corrupt, cfg.Steps)
	}
	fit, err := cfg.Recipe.fit(FitConfig{Steps: cfg.Steps, Batch: cfg.Batch, Decay: cfg.Decay, Workers: cfg.Workers, Seed: cfg.Seed,
		Progress: cfg.Progress, Resume: cfg.Resume, Checkpoint: cfg.Checkpoint, Patience: cfg.Patience}, arch, cfg.Peak)
	if err != nil {
		return nil, FitReport{}, err
	}
	judge := fit.Loss
	if h, ok := fit.Loss.(Head); ok && cfg.Labels != nil {
		if fit.Loss, err = cfg.shared(h, parts.Train); err != nil {
			return nil, FitReport{}, err
		}
		h.Weight = 0 // few labels say little: the estimate decides which net is kept
		judge = h
	}
	if cfg.Pretrain > 0 && cfg.Resume == nil {
		if err := pretrain(ctx, net, data, fit, cfg.Pretrain); err != nil {
			return nil, FitReport{}, err
		}
	}
	fit.Validate = validator(val, judge, 64)
	rep, err := Fit(ctx, net, data, fit)
	if err != nil {
		return nil, rep, err
	}
	m, err := cfg.calibrated(net, data, val, rep)
	return m, rep, err
}

// net returns the net to train: a new one, or a copy of From's.
func (c *SupervisedConfig) net() (*nn.Net, error) {
	net, err := nn.NewInit(c.Arch.Spec, c.Seed, c.Init)
	if err == nil && c.From != nil {
		err = c.From.Trainable()
	}
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if c.alone == nil && c.From != nil {
		return widened(net, c.From.Net()), nil
	}
	if c.alone == nil {
		return net, nil
	}
	each := make([]*nn.Net, c.Arch.perNet())
	for k := range each {
		if c.From != nil {
			each[k] = c.From.Net()
		} else if each[k], err = nn.NewInit(c.alone.Spec, c.Seed+uint64(k), c.Init); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	setBeside(net, each)
	return net, nil
}

// calibrated makes a model of the trained net, with the interval of one channel.
func (c *SupervisedConfig) calibrated(net *nn.Net, data, val *pairs, rep FitReport) (*model.Model, error) {
	m, err := c.model(net, data, rep)
	if err != nil || len(data.scales) > 1 {
		return m, err
	}
	h := m.Header()
	if h.Interval, err = val.calibrate(m); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return model.New(h, net)
}

// calibrate measures the errors of a model of one channel by noise level, on
// pieces of the recording that the scaler has had time to learn.
func (p *pairs) calibrate(m *model.Model) (model.Interval, error) {
	const pieces, longest, warmUp = 32, 2048, scaleBlock
	var cal calibration
	n := min(longest, p.part.Len())
	if p.piece > 0 {
		n = min(longest, p.piece)
	}
	for _, at := range p.places {
		n = min(n, at.Len())
	}
	conditions := model.NewConditions(m)
	x, lost := make([]float64, n), make([]bool, n)
	for k := range pieces {
		rng := draw(p.cfg.Seed^uint64(p.part.From), 1, k)
		start, at := p.cut(n, rng)
		served, err := conditions.Of(at.known)
		if err != nil {
			return model.Interval{}, err
		}
		truth := p.cfg.Clean[0][start : start+n]
		copy(x, truth)
		clear(lost)
		p.addRecorded(x, 0, p.noiseAt(n, rng), 1)
		p.cfg.Corrupt.Apply(x, lost, p.devs[0], rng)
		clean, scales, err := denoise(served, x, lost)
		if err != nil {
			return model.Interval{}, err
		}
		for t := warmUp; t < n; t++ {
			if !lost[t] {
				cal.add(scales[t], math.Abs(clean[t]-truth[t]))
			}
		}
	}
	return cal.table(), nil
}

func (c *SupervisedConfig) model(net *nn.Net, data *pairs, rep FitReport) (*model.Model, error) {
	h := c.Arch.header(c.Name)
	h.Scaler.Kind = model.ScaleFixed
	for i, s := range data.scales {
		h.Scaler.Mean, h.Scaler.Dev = append(h.Scaler.Mean, s.mean), append(h.Scaler.Dev, s.dev)
		h.Scaler.Sigma = append(h.Scaler.Sigma, data.fixedSigma(i))
	}
	if len(c.Names) == h.Channels {
		h.Names = c.Names
	}
	what := "clean recordings with added noise: " + c.Corrupt.String()
	if c.Corrupt == nil {
		what = "clean recordings with recorded noise"
	}
	h.Provenance = model.Provenance{Data: what, Seed: c.Seed, Go: runtime.Version()}
	h.NotWhite = c.notWhite() || c.Arch.binary()
	if c.From != nil {
		h.Provenance.Parent = c.From.Name()
		h.NotWhite = h.NotWhite || c.From.Header().NotWhite
	}
	h.Metrics = map[string]float64{"validation_loss": round(rep.Best)}
	return model.New(h, net)
}

// notWhite says whether the net learns to take away other noise than white noise,
// beside samples that are lost.
func (c *SupervisedConfig) notWhite() bool {
	for _, s := range c.Corrupt {
		if s.Kind != "gaussian" && s.Kind != "mask" && s.Kind != "dropout" {
			return true
		}
	}
	return slices.ContainsFunc(c.Noise, notWhite)
}

// What white Gaussian noise stays well below: its autocorrelation from sample to
// sample, and by how much its kurtosis differs from 3.
const (
	mostCorrelated = .1
	mostKurtosis   = 1.
)

// notWhite says whether recorded noise is coloured, or made of spikes.
func notWhite(z []float64) bool {
	mean, dev := moments(z)
	if dev == 0 {
		return false
	}
	r1, m4 := 0.0, 0.0
	for i, v := range z {
		d := (v - mean) / dev
		m4 += d * d * d * d / float64(len(z))
		if i > 0 {
			r1 += d * (z[i-1] - mean) / dev / float64(len(z))
		}
	}
	return math.Abs(r1) > mostCorrelated || math.Abs(m4-3) > mostKurtosis
}

// validator returns the mean loss over the first n examples of a batcher's
// step 0, which are always the same.
func validator(b Batcher, loss Loss, n int) func(*nn.Net) float64 {
	ex := make([]Example, n)
	for i := range ex {
		b.Example(&ex[i], 0, i)
	}
	return func(net *nn.Net) float64 {
		run := runnerOf(net)
		var y, dy []float32
		sum := 0.0
		for i := range ex {
			y = run(y, &ex[i])
			dy = grow(dy, len(y))
			sum += loss.Gradient(dy, y, &ex[i], 1)
		}
		return sum / float64(n)
	}
}

// runnerOf returns what runs a net over an example under its condition, if it takes
// one, and gives the output in y, if that is long enough.
func runnerOf(net *nn.Net) func(y []float32, e *Example) []float32 {
	if net.Spec().Cond == 0 {
		run := net.NewRunner(1)
		return func(y []float32, e *Example) []float32 { return run.Run(y, e.X) }
	}
	tape := net.NewTape(1)
	return func(y []float32, e *Example) []float32 {
		tape.Cond = e.Cond
		return append(y[:0], tape.Forward(e.X)...)
	}
}

// pairs draws windows of clean recordings and corrupts them.
type pairs struct {
	cfg        *SupervisedConfig
	part       eval.Range
	noise      [][]float64
	noiseSigma []float64
	scales     []scale     // per channel, of the training part
	devs       []float64   // of the channels there, which ratios of noise refer to
	ease       *curriculum // nil without
	places     []place     // where windows are cut

	// The recordings, and those of noise, are made of pieces of this length, which
	// no window reaches across; 0: of one piece.
	piece, noisePiece int
}

// begin draws where n samples begin within so many, cut into pieces of a length.
func begin(rng *rand.Rand, length, piece, n int) int {
	if piece == 0 {
		return rng.IntN(length - n + 1)
	}
	return rng.IntN(length/piece)*piece + rng.IntN(piece-n+1)
}

// newPairs takes windows from a part of the recordings, and noise from the
// given fractions of the noise recordings.
func newPairs(cfg *SupervisedConfig, part eval.Range, from, to float64) *pairs {
	p := &pairs{cfg: cfg, part: part, places: []place{{Range: part}}}
	for k, x := range cfg.Clean {
		mean, dev := moments(part.Of(x))
		if !(dev > 0) {
			dev = 1 // a channel that does not move is its mean
		}
		p.devs = append(p.devs, dev)
		if cfg.Arch.Outputs != nil && cfg.Arch.Outputs[k] != model.Value {
			mean, dev = 0, 1
		}
		p.scales = append(p.scales, scale{mean: mean, dev: dev})
	}
	for _, z := range cfg.Noise {
		n := float64(len(z))
		p.noise = append(p.noise, z[int(from*n):int(to*n)])
		p.noiseSigma = append(p.noiseSigma, noise.SigmaMAD(z))
	}
	return p
}

// Example cuts a window at random, corrupts each channel by itself, but for
// recorded noise, which all take from the same stretch, and scales it. The noise
// level is off by up to a fifth.
func (p *pairs) Example(e *Example, step, i int) {
	rng := e.draw(p.cfg.Seed^uint64(p.part.From), step, i)
	c, n := len(p.scales), p.cfg.Window
	start, at := p.cut(n, rng)
	if e.Cond = at.cond; e.Cond != nil && rng.Float64() < untold {
		e.Cond = nil
	}
	cols, want := e.columns(n * c)
	x, lost := e.float(0, n), e.bools(n)
	hard, corrupt := p.ease.at(step, p.cfg.Corrupt)
	piece := p.noiseAt(n, rng)
	for k, s := range p.scales {
		clean := p.cfg.Clean[k][start : start+n]
		copy(x, clean)
		clear(lost)
		sigma := p.addRecorded(x, k, piece, hard)
		if a := corrupt.Apply(x, lost, p.devs[k], rng); a.Sigma > 0 {
			sigma = math.Hypot(sigma, a.Sigma)
		}
		level := scale{dev: s.dev, sigma: sigma * math.Pow(10, -.08+.16*rng.Float64())}.level()
		for t, v := range x {
			v = min(max((v-s.mean)/s.dev, -inputLimit), inputLimit)
			cols[t*c+k] = model.Column{X: float32(v), Level: level, Missing: lost[t]}
			want[t*c+k] = target{(clean[t] - s.mean) / s.dev, sigma / s.dev}
		}
	}
	p.cfg.Arch.fill(e, cols, want)
	if p.cfg.Labels != nil {
		e.Class = append(e.Class[:0], p.cfg.Labels[start:start+n]...)
	}
}

// clean appends a window of the clean recordings, scaled, as a net takes it that
// reads signals and masks.
func (p *pairs) clean(dst []float32, start, n int) []float32 {
	for t := start; t < start+n; t++ {
		for k, s := range p.scales {
			dst = append(dst, float32(min(max((p.cfg.Clean[k][t]-s.mean)/s.dev, -inputLimit), inputLimit)))
		}
		for range p.scales {
			dst = append(dst, 0)
		}
	}
	return dst
}

// noiseAt returns where n samples of recorded noise begin, -1 if there are none. It
// is the same for all channels: what they share of the noise is what one of them
// can tell another.
func (p *pairs) noiseAt(n int, rng *rand.Rand) int {
	if p.noise == nil || len(p.noise[0]) < n {
		return -1
	}
	return begin(rng, len(p.noise[0]), p.noisePiece, n)
}

// addRecorded adds the recorded noise from at on, if there is any, times gain, and
// returns its noise level.
func (p *pairs) addRecorded(x []float64, channel, at int, gain float64) float64 {
	if at < 0 {
		return 0
	}
	z := p.noise[channel][at:]
	for t := range x {
		x[t] += gain * z[t]
	}
	return gain * p.noiseSigma[channel]
}

// fixedSigma returns the deviation of the noise of a channel if it is always
// the same, else 0.
func (p *pairs) fixedSigma(channel int) float64 {
	if p.noise != nil {
		return p.noiseSigma[channel]
	}
	rng := draw(p.cfg.Seed, 0, 0)
	first := -1.
	for range 8 {
		x := make([]float64, 16)
		s := p.cfg.Corrupt.Apply(x, nil, p.devs[channel], rng).Sigma
		if first >= 0 && math.Abs(s-first) > 1e-12*first {
			return 0
		}
		first = s
	}
	return first
}
