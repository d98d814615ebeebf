package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// ErrBreak is what a RowReader returns between rows that do not follow each other,
// as at the end of a file: no window reaches across.
var ErrBreak = errors.New("the recording breaks off")

// RowReader hands out a recording once, row by row.
type RowReader interface {
	// Read sets the clean value of each channel in the next row, NaN where it is
	// missing. Of a reader of pairs it sets noise too, what is to be added to them;
	// otherwise noise is nil. The error is io.EOF at the end and ErrBreak where the
	// next row does not follow; others end the training, which returns them.
	Read(clean, noise []float64) error
}

// OnlineConfig says how to train on a recording that is too long to be kept.
type OnlineConfig struct {
	// SupervisedConfig holds for what it names, but that Clean, Patience, Resume and
	// Checkpoint must not be set. Steps is the number of updates: where the
	// recording ends before, what is kept of it is trained on until then, and what
	// comes after is not read. With 0 training ends with the recording. Schedule
	// defaults to ConstantKind, the only one that needs no Steps, and EMA to .99.
	SupervisedConfig
	Channels int
	Pairs    bool // the reader has noise too; Noise must not be set then
	// Memory bounds in bytes what is kept of the recording, Noise included. Default
	// 64 MiB. The net, and what a training works on, come on top: see
	// docs/techniques.md.
	Memory int64
}

// OnlineReport says how an online training went.
type OnlineReport struct {
	FitReport
	Rows   int64 // read
	Scaled int64 // rows at the start that the scale was learnt from
	Kept   int   // samples per channel that were trained on last
	Held   int   // samples per channel held out to validate
	Ended  bool  // the recording was read to its end
}

const (
	defaultMemory = 64 << 20
	onlineEMA     = .99
	// onlineWarmUp is the number of updates in which the rate rises where their
	// total is not known.
	onlineWarmUp = 100
	// heldOut seeds what is drawn from held-out pieces.
	heldOut = 0x0b5e55ed
)

// Online is Supervised on a recording that is read once while the net is trained,
// in bounded memory.
//
// The recording is cut into pieces of four windows. Every sixth is held out, a
// receptive field away from its neighbours; of the others a uniform sample of what
// was read so far is kept (Vitter, "Random Sampling with a Reservoir", 1985,
// algorithm R), from which each update draws its windows. One window's length of
// rows is read per update, so that each sample is seen as often as an update has
// windows.
//
// The scale is learnt from the first 65,536 rows, or what memory holds, robustly,
// and then fixed: see robustMoments. So is the noise level of pairs. What is kept
// of the net is the mean of its weights; the validation loss is that of its end.
// The same rows, config and seed give the same bytes for any number of Workers.
func Online(ctx context.Context, rows RowReader, cfg OnlineConfig) (*model.Model, OnlineReport, error) {
	var rep OnlineReport
	if err := cfg.defaults(); err != nil {
		return nil, rep, err
	}
	net, err := cfg.net()
	if err != nil {
		return nil, rep, err
	}
	o, err := newOnline(rows, &cfg)
	if err != nil {
		return nil, rep, err
	}
	if err := o.begin(ctx); err != nil {
		return nil, o.report(rep.FitReport), err
	}
	fit, err := cfg.Recipe.fit(FitConfig{Steps: cfg.scheduled(), Batch: cfg.Batch, Decay: cfg.Decay, Workers: cfg.Workers,
		Seed: cfg.Seed, Progress: cfg.Progress, Next: o.next}, cfg.Arch, cfg.Peak)
	if err != nil {
		return nil, rep, err
	}
	if cfg.Steps == 0 {
		fit.Steps = math.MaxInt
	}
	rep.FitReport, err = Fit(ctx, net, o.data, fit)
	if err != nil {
		return nil, o.report(rep.FitReport), err
	}
	if rep.Best, err = o.validate(net, fit.Loss); err != nil {
		return nil, o.report(rep.FitReport), err
	}
	rep.BestAt = rep.Steps
	if cfg.Pairs {
		cfg.Noise = o.data.noise // the model says whether it is white
	}
	m, err := cfg.calibrated(net, o.data, o.val, rep.FitReport)
	rep = o.report(rep.FitReport)
	if err != nil {
		return nil, rep, err
	}
	h := m.Header()
	h.Provenance.Data += fmt.Sprintf("; %d rows, read once, the scale from the first %d", rep.Rows, rep.Scaled)
	m, err = model.New(h, net)
	return m, rep, err
}

func (c *OnlineConfig) defaults() error {
	switch {
	case c.Channels < 1:
		return errors.New("train: online: at least one channel is needed")
	case c.Clean != nil:
		return errors.New("train: online: the recording is read, not given")
	case c.Pairs && c.Noise != nil:
		return errors.New("train: online: the noise is that of the pairs, or recorded apart, not both")
	case c.Resume != nil || c.Checkpoint != nil || c.Patience != 0:
		return errors.New("train: online: there are no checkpoints and there is no early stop: what was read is gone")
	case c.Outputs != nil || c.Labels != nil || c.Sections != nil || c.From != nil && archOf(c.From).binary():
		return errors.New("train: online: classes, binary channels and conditions are learnt from a recording that is read whole")
	case c.Steps < 0 || c.Memory < 0:
		return errors.New("train: online: steps and memory must not be negative")
	}
	if c.Schedule == "" {
		c.Schedule = ConstantKind
	}
	if c.Steps == 0 && (c.Schedule != ConstantKind || c.Curriculum) {
		return errors.New("train: online: the length of the recording is not known: give Steps, or a constant rate and no curriculum")
	}
	setDefault(&c.EMA, onlineEMA)
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	steps := c.Steps
	err := c.complete(c.Channels, c.Pairs || c.Noise != nil)
	c.Steps = steps
	return err
}

// scheduled returns the number of steps that the schedule is made for.
func (c *OnlineConfig) scheduled() int {
	if c.Steps > 0 {
		return c.Steps
	}
	return warmShare * onlineWarmUp
}

// online is a run of Online: what is kept of the recording, and what is drawn
// from it.
type online struct {
	cfg       *OnlineConfig
	cut       *cutter
	data, val *pairs
	ended     bool
	scaled    int64
	updates   int64
}

func newOnline(rows RowReader, cfg *OnlineConfig) (*online, error) {
	cut, err := newCutter(rows, cfg)
	if err != nil {
		return nil, err
	}
	return &online{cfg: cfg, cut: cut}, nil
}

// begin reads what the scale is learnt from.
func (o *online) begin(ctx context.Context) error {
	c := o.cut
	for !o.ended && c.kept.full < c.kept.first() {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("train: stopped before the first step: %w", err)
		}
		if err := o.read(c.length); err != nil {
			return err
		}
	}
	if c.kept.full == 0 || c.held.full == 0 {
		return fmt.Errorf("train: online: the recording has %d rows; at least %d in a row are needed to train on and to validate: train on the whole of it, without a bound on memory", c.rows, c.least())
	}
	o.scaled = c.rows
	o.data, o.val = o.pairs(c.kept, o.cfg.Seed, 0, .8), o.pairs(c.held, mix.Next(o.cfg.Seed^heldOut), .8, 1)
	for _, x := range c.kept.clean {
		mean, dev := robustMoments(x[:c.kept.samples()])
		if !(dev > 0) {
			dev = 1 // a channel that does not move is its mean
		}
		o.data.devs = append(o.data.devs, dev)
		o.data.scales = append(o.data.scales, scale{mean: mean, dev: dev})
	}
	o.val.scales, o.val.devs = o.data.scales, o.data.devs
	if o.cfg.Curriculum {
		o.data.ease = newCurriculum(o.cfg.Corrupt, o.cfg.Steps)
	}
	o.grown()
	return nil
}

// pairs draws from pieces, and from the given fractions of noise recorded apart.
func (o *online) pairs(r *reservoir, seed uint64, from, to float64) *pairs {
	cfg := o.cfg.SupervisedConfig
	cfg.Clean, cfg.Seed = nil, seed
	p := newPairs(&cfg, r.part(), from, to)
	cfg.Clean, p.piece = r.clean, r.length
	if o.cfg.Pairs {
		p.noisePiece = r.length
		for _, z := range o.cut.kept.noise {
			p.noiseSigma = append(p.noiseSigma, noise.SigmaMAD(z[:o.cut.kept.samples()]))
		}
	}
	return p
}

// next reads on before an update, until the recording is a window longer than
// what the updates before are worth.
func (o *online) next() (bool, error) {
	o.updates++
	need := o.updates * int64(o.cfg.Window)
	for !o.ended && o.cut.rows < need {
		if err := o.read(int(need - o.cut.rows)); err != nil {
			return false, err
		}
	}
	o.grown()
	return o.cut.rows >= need || o.cfg.Steps > 0, nil
}

// read reads so many rows.
func (o *online) read(n int) error {
	for range n {
		switch err := o.cut.read(); {
		case errors.Is(err, io.EOF):
			o.ended = true
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// grown has the examples drawn from all pieces that there are.
func (o *online) grown() {
	o.data.part, o.val.part = o.cut.kept.part(), o.cut.held.part()
	if o.cfg.Pairs {
		o.data.noise = cutAll(o.cut.kept.noise, o.cut.kept.samples())
		o.val.noise = cutAll(o.cut.held.noise, o.cut.held.samples())
	}
}

// validate returns the loss on the held-out pieces.
func (o *online) validate(net *nn.Net, loss Loss) (float64, error) {
	v := validator(o.val, loss, 64)(net)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return v, errors.New("train: online: the training did not converge: the recording has values far beyond its first part's, or the rate is too high")
	}
	return v, nil
}

func (o *online) report(fit FitReport) OnlineReport {
	return OnlineReport{fit, o.cut.rows, o.scaled, o.cut.kept.samples(), o.cut.held.samples(), o.ended}
}
