package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/synth"
)

// BaseConfig says how to train a base model. DefaultBase has the values of the
// shipped ones.
type BaseConfig struct {
	Lookahead int     // samples, negative for the symmetrical net
	Channels  int     // of the net's hidden layers
	Taps      int     // of each dilated convolution
	Dilations []int   //
	Steps     int     // updates
	Batch     int     // windows per update
	Window    int     // samples per window
	Peak      float64 // largest learning rate
	Decay     float64 // weight decay
	Huber     float64 // errors of more deviations of the noise count linearly
	Seed      uint64
	Workers   int // does not change the result
	HoldOut   int // recordings of the synthetic hold-out, default 96

	Progress   func(Progress)
	Resume     *Snapshot
	Checkpoint func(*Snapshot) error
}

// DefaultBase returns the recipe of the shipped base model of a look-ahead.
func DefaultBase(lookahead int) BaseConfig {
	return BaseConfig{Lookahead: lookahead, Channels: 32, Taps: 5, Dilations: []int{1, 2, 4, 8, 16, 32},
		Steps: 42000, Batch: 8, Window: 512, Peak: 3e-3, Decay: 1e-4, Huber: 4, Seed: 1}
}

// ahead names the look-ahead as the command line does.
func (c *BaseConfig) ahead() string {
	if c.Lookahead < 0 {
		return "full"
	}
	return strconv.Itoa(c.Lookahead)
}

// Base trains the base model on synthetic signals. The same config gives the
// same bytes on the same kind of machine.
func Base(ctx context.Context, cfg BaseConfig) (*model.Model, FitReport, error) {
	arch := TCNArch(0, cfg.Channels, cfg.Taps, cfg.Dilations, cfg.Lookahead)
	net, err := nn.New(arch.Spec, cfg.Seed)
	if err != nil {
		return nil, FitReport{}, fmt.Errorf("train: base: %w", err)
	}
	data := &baseData{arch: arch, seed: cfg.Seed, window: cfg.Window}
	rep, err := Fit(ctx, net, data, FitConfig{Steps: cfg.Steps, Batch: cfg.Batch, Cycle: OneCycle{Peak: cfg.Peak},
		Decay: cfg.Decay, Loss: arch.loss(SquaredError{Huber: cfg.Huber}), Workers: cfg.Workers, Progress: cfg.Progress, Resume: cfg.Resume, Checkpoint: cfg.Checkpoint})
	if err != nil {
		return nil, rep, err
	}
	h := arch.header("base")
	h.Licence = "Apache-2.0"
	h.Provenance = model.Provenance{Data: "synthetic signals only (package synth)", Seed: cfg.Seed, Go: runtime.Version(),
		Command: fmt.Sprintf("quell train base --lookahead %s --seed %d", cfg.ahead(), cfg.Seed)}
	m, err := model.New(h, net)
	if err != nil {
		return nil, rep, err
	}
	n := cfg.HoldOut
	if n == 0 {
		n = 96
	}
	s, err := scoreSynthetic(m, n)
	if err != nil {
		return nil, rep, err
	}
	h.Metrics, h.Interval, h.Card = s.metrics, s.interval, baseCard(cfg, net, s)
	m, err = model.New(h, net)
	return m, rep, err
}

// baseData draws training windows of synthetic signals as the running scaler
// would hand them to the net.
type baseData struct {
	arch   Arch
	seed   uint64
	window int
}

// draw returns a generator that depends on nothing but its arguments.
func draw(seed uint64, step, i int) *rand.Rand { return rand.New(rand.NewPCG(seeds(seed, step, i))) }

func seeds(seed uint64, step, i int) (uint64, uint64) {
	return mix.Next(seed ^ mix.Next(uint64(step))), mix.Next(uint64(i) + 1)
}

// longest is the largest number of samples before a training window: enough
// for the scale to settle.
const longest = 2048

// Example draws a clean signal, adds noise, scales it causally and cuts the
// window out of its end.
func (b *baseData) Example(e *Example, step, i int) {
	rng := e.draw(b.seed, step, i)
	before := 0 // a quarter of the windows begin with the series
	if rng.Float64() < .75 {
		before = 64 + rng.IntN(longest)
	}
	n := before + b.window
	clean := e.float(0, n)
	synth.Sample(clean, rng)
	snr := -2 + 27*rng.Float64()
	if rng.Float64() < .1 {
		snr = 25 + 20*rng.Float64() // nearly clean
	}
	noisy, sigma := e.float(1, n), e.float(2, n)
	rho := 0.0
	if rng.Float64() < colouredShare {
		rho = rng.Float64()
	}
	addNoise(noisy, sigma, clean, math.Pow(10, -snr/20), rho, rng)
	lost := loseSome(e, n, before, rng)
	e.desk.scales = grow(e.desk.scales, n)
	scales := e.desk.scales
	scalesOf(scales, noisy, lost)
	gain, offset := 1.0, 0.0
	if rng.Float64() < .25 { // the series changed after the scale was learnt
		gain = math.Pow(10, -.5+rng.Float64())
		offset = -3 + 6*rng.Float64()
	}
	wrong := math.Pow(10, -.08+.16*rng.Float64()) // σ̂ is off by up to a fifth
	told := float32(min(max(rho+.05*rng.NormFloat64(), 0), 1))
	if rho == 0 && rng.Float64() < .8 { // most often white noise is taken for white
		told = 0
	}
	cols, want := e.columns(b.window)
	held := 0.0
	for t := range cols {
		at := before + t
		s := scales[at]
		gone := lost != nil && lost[at]
		if !gone {
			held = noisy[at]
		}
		if s.dev <= 0 {
			cols[t] = model.Column{Level: -3, Missing: true}
			want[t].sigma = math.NaN()
			continue
		}
		x := (held-s.mean)/s.dev*gain + offset
		if rho > 0 { // the level of coloured noise can't be read from the series: it is told
			s.sigma = sigma[before]
		}
		level := scale{dev: s.dev, sigma: s.sigma * gain * wrong}.level()
		cols[t] = model.Column{X: float32(min(max(x, -inputLimit), inputLimit)), Level: level, Colour: told, Missing: gone}
		// More of coloured noise can't be told from the signal: its errors weigh less.
		want[t] = target{(clean[at]-s.mean)/s.dev*gain + offset, sigma[at] / s.dev * gain * (1 + rho)}
	}
	b.arch.fill(e, cols, want)
}

// colouredShare is the share of training windows whose noise is not white.
const colouredShare = .2

// addNoise sets noisy to the signal with noise of the lag-1 autocorrelation rho
// (autoregressive, of first order), and sigma to the noise's deviation at each
// sample; it varies along the signal now and then.
func addNoise(noisy, sigma, clean []float64, level, rho float64, rng *rand.Rand) {
	depth, period, phase := 0.0, 1.0, 0.0
	if rng.Float64() < .15 {
		depth, period, phase = .8*rng.Float64(), math.Pow(10, 2.3+rng.Float64()), 2*math.Pi*rng.Float64()
	}
	z, fresh := rng.NormFloat64(), math.Sqrt(1-rho*rho)
	for i, c := range clean {
		sigma[i] = level
		if depth > 0 {
			sigma[i] *= math.Exp(depth * math.Sin(2*math.Pi*float64(i)/period+phase))
		}
		z = rho*z + fresh*rng.NormFloat64()
		noisy[i] = c + sigma[i]*z
	}
}

// loseSome marks some of n samples, from at on, as missing in a fifth of the
// cases, one by one or in a run, and returns nil in the others.
func loseSome(e *Example, n, at int, rng *rand.Rand) []bool {
	if rng.Float64() >= .2 {
		return nil
	}
	lost := e.bools(n)
	if rng.Uint64()&1 == 0 {
		p := .1 * rng.Float64()
		for i := at + 1; i < n; i++ {
			lost[i] = rng.Float64() < p
		}
		return lost
	}
	from := at + 1 + rng.IntN(n-at-1)
	to := min(n, from+1+rng.IntN(20))
	for i := from; i < to; i++ {
		lost[i] = true
	}
	return lost
}
