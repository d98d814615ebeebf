// Package adapt keeps the model of a stream up with its sensors: it fills replay
// buffers from what the stream serves, fine-tunes a copy of the model in the
// background after a drift, judges the copy on windows that no training saw, and
// asks for a switch only where it is better. A promoted model is watched; its
// predecessor is kept and takes over again if the same test says so.
//
// Nothing here is on the way of a sample: a Tap call copies a slot, and training
// runs in a goroutine that sleeps for most of the time. A second one does what may
// not wait for that: it asks the bank, and writes state. Config.InStep has Slot wait
// for both, for runs that are to come out the same each time.
package adapt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/quell-stream/quell/drift/fleet"
	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/state"
)

// The modes.
const (
	Shadow = "shadow" // fine-tune and judge, never switch
	Auto   = "auto"   // switch where the gate lets the new model through
)

// Config says how a stream's models adapt. Mode and Channels must be set.
type Config struct {
	Mode string // Shadow or Auto
	// Shared says that one model serves all series of the stream: it is tuned on
	// the windows of all of them, and all switch together.
	Shared bool
	// Fleet says what it takes, where Shared, for the stream to have drifted and
	// not a few of its sensors. Default: that of the package.
	Fleet    fleet.Config
	Channels int
	// Names are those of the channels, for reasons in words, and by which the states in
	// Dir are told from those of other channels. Default: their numbers, and states are
	// taken to be of the same channels.
	Names []string
	// Model is what new series start with. It may be nil where the engine tells
	// by Serving what it serves.
	Model *model.Model
	// CPUShare is the share of one core that fine-tuning may take. Default 0.25.
	CPUShare float64
	// ReplayBytes bounds the replay buffer of a series, or that of the stream
	// where Shared. Default 8 MiB. A buffer takes its memory as it fills, and a
	// fine-tune that waits or runs may hold as much again.
	ReplayBytes int
	// Seed keys every random draw together with series and position.
	Seed uint64
	// Window is the number of slots of a replay window, at least 64. Default 256,
	// the number after which a scale changes.
	Window int
	// Need is the number of new windows of a series that the first fine-tune waits
	// for after a drift, at least 4. Further ones follow when there are one and a half
	// times, three and six times as many. Default: as many as cover 1,024 slots.
	Need int
	// Cooldown is the number of slots of a series after a verdict in which no
	// fine-tune starts for another drift. With each drift in a row of which the first
	// challenger is rejected it doubles, up to 16 times. Default 4096.
	Cooldown int
	// StepBudget bounds training: so many updates of a net per million slots of a
	// series. What is not used gathers, up to four fine-tunes. Default: as many as 64
	// fine-tunes take.
	StepBudget int
	// Level is that of the gate's test. Default 0.01.
	Level float64
	// BankModels and BankBytes bound the models of earlier regimes that are kept
	// for a series, or for the stream where Shared. Defaults 8 and 4 MiB.
	BankModels, BankBytes int
	// Steps and Rounds are those of train.FineTuneConfig, for each of the trainings
	// of a fine-tune: four nets that judge, or two where there are more than 2,048 new
	// slots, and the whole; defaults 100 and 1.
	Steps, Rounds int
	// InStep has Slot wait until the background has done what the slots so far ask
	// of it, so that what is decided depends on them alone, and not on how many come
	// between two calls of Idle. Decisions are then to be taken from Idle only.
	InStep bool
	// Models, where Shared, are how other processes hear of promotions that have series of the stream
	// too. Then models are decided on while Lead says so, and only then. Close
	// closes it.
	Models state.Models
	// Offered returns models that may be promoted by hand beside those that the adapter
	// knows. It must be safe for concurrent use. Default: there are none.
	Offered func() []Offer
	// Dir holds what outlives the process: replay buffers, banks, what is being
	// trained or on probation, and the audit trail. Default: nothing does.
	Dir string
	// Now stamps the lines of the audit trail, and nothing else. Default: the clock.
	Now func() time.Time
	// Log takes what is of interest to whoever runs the program. Default: none.
	Log *slog.Logger

	newsEvery time.Duration // how often Models is asked; below 0: by nobody but tests
}

// Offer is a model that somebody would have promoted.
type Offer struct {
	Model *model.Model // nil: File holds none, Unfit says why
	File  string       // its name, for messages
	Unfit string       // why it can't be promoted; "": it can
}

// holdoutEvery is k of the replay buffers: half of the windows are held out.
// What limits a fine-tune on a thousand samples is, beside their number, telling
// whether it helped.
const holdoutEvery = 2

// maxSteps bounds what a fine-tune may take, so that budgets don't overflow.
const maxSteps = 1 << 32

// Defaults returns c with zero fields replaced by their defaults.
func (c Config) Defaults() Config {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if c.CPUShare == 0 {
		c.CPUShare = .25
	}
	def(&c.ReplayBytes, 8<<20)
	def(&c.Window, 256)
	if c.Window > 0 {
		def(&c.Need, max(4, (1024+c.Window-1)/c.Window))
	}
	def(&c.Cooldown, 4096)
	def(&c.Steps, 100)
	def(&c.Rounds, 1)
	def(&c.StepBudget, 64*mostTrainings*c.Steps*c.Rounds)
	def(&c.BankModels, 8)
	def(&c.BankBytes, 4<<20)
	if c.Level == 0 {
		c.Level = .01
	}
	if c.newsEvery == 0 {
		c.newsEvery = newsEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate reports the first field that can't be used; call it on what Defaults
// returned.
func (c Config) Validate() error {
	switch {
	case c.Mode != Shadow && c.Mode != Auto:
		return fmt.Errorf("adapt: mode %q is not known, it is %q or %q", c.Mode, Shadow, Auto)
	case c.Channels < 1:
		return errors.New("adapt: a stream has at least 1 channel")
	case !(c.CPUShare > 0 && c.CPUShare <= 1):
		return fmt.Errorf("adapt: the CPU share is %g, it must be above 0 and at most 1", c.CPUShare)
	case c.Window < 64:
		return fmt.Errorf("adapt: a window of %d slots is too short to tell noise from signal, it needs 64", c.Window)
	case c.Need < 2*minHeld:
		return fmt.Errorf("adapt: %d new windows are too few to train on one half and judge on the other, it takes %d", c.Need, 2*minHeld)
	case c.Cooldown < 0 || c.Steps < 1 || c.Rounds < 1:
		return fmt.Errorf("adapt: a cool-down of %d slots and %d rounds of %d steps can't be kept to", c.Cooldown, c.Rounds, c.Steps)
	case int64(c.Steps) > maxSteps/mostTrainings/int64(c.Rounds) || int64(c.Cooldown) > maxSteps || c.StepBudget < 1:
		return fmt.Errorf("adapt: a cool-down of %d slots, %d rounds of %d steps or a budget of %d updates per million slots is out of range", c.Cooldown, c.Rounds, c.Steps, c.StepBudget)
	case !(c.Level > 0 && c.Level < 1):
		return fmt.Errorf("adapt: a level of %g is none, it must lie between 0 and 1", c.Level)
	case c.Models != nil && !c.Shared:
		return errors.New("adapt: models are told to others only where all series share one")
	case c.BankModels < 1 || c.BankBytes < 1:
		return fmt.Errorf("adapt: a bank of %d models in %d bytes holds nothing", c.BankModels, c.BankBytes)
	}
	if err := c.Fleet.Validate(); err != nil {
		return fmt.Errorf("adapt: %w", err)
	}
	if c.Model != nil {
		if err := c.Model.Trainable(); err != nil {
			return fmt.Errorf("adapt: %w", err)
		}
		if _, err := c.Model.NewStream(c.Channels); err != nil {
			return fmt.Errorf("adapt: %w", err)
		}
	}
	return nil
}

func (c Config) replay() replay.Config {
	return replay.Config{Steps: c.Window, Channels: c.Channels, Bytes: c.ReplayBytes, HoldoutEvery: holdoutEvery, Seed: c.Seed}
}

// Adapter adapts the models of one stream; it implements pipeline.Adapter. Slot,
// Opened, Resolved and Serving come from the goroutine that drives the engine;
// unless Config.InStep, they never wait for training, nor for Decisions to be read.
// Given the same slots, the models are the same; from which record a verdict takes
// effect depends on how long the training took, and with it what may start next.
// With InStep nothing does.
//
// It holds a replay buffer and a window per series seen, or one buffer in all
// where Shared.
type Adapter struct {
	cfg       Config
	decisions chan pipeline.Decision
	team      team
	slow      queue // training, and what follows from it
	quick     queue // what may not wait for training
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	// mu guards what follows, and all that hangs on it. It is held for the time
	// it takes to copy a window or the pointers of a buffer, or to read what was
	// saved of a series that is seen for the first time, never while training.
	mu     sync.Mutex
	tracks map[string]*track
	known  map[string]*track // of the shared group, not back yet since a restart
	// leaving are series that were dropped and whose file is still there.
	leaving map[string]bool
	noted   []record // for the audit trail, not written yet
	shared  *group   // nil unless cfg.Shared
	pushed  uint64   // works queued so far
	done    uint64   // pushed, when the last step was over (InStep)

	// decided is what steps have decided, for Idle to hand over. It belongs to the
	// goroutine that drives the engine.
	decided []pipeline.Decision

	files sync.Mutex // held to write files; taken before mu, never under it
	// apart says that a file of its own holds cfg.Model, guarded by files.
	apart  bool
	opened map[string]*model.Model // from such files, by name; guarded by mu
}

// queue is work for one goroutine, in order.
type queue struct {
	wake chan struct{} // holds a token while there may be work
	work []func()      // guarded by the adapter's mu
}

var _ pipeline.Adapter = (*Adapter)(nil)

// New returns an Adapter whose background goroutines, two or with Models three, run
// until Close. Zero fields of cfg take their defaults.
func New(cfg Config) (*Adapter, error) {
	cfg = cfg.Defaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if _, err := replay.New(cfg.replay()); err != nil {
		return nil, fmt.Errorf("adapt: %w", err)
	}
	if cfg.Dir != "" {
		if err := atomicfile.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("adapt: %w", err)
		}
		if err := cfg.claim(); err != nil {
			return nil, fmt.Errorf("adapt: %w", err)
		}
	}
	a := &Adapter{cfg: cfg, team: newTeam(cfg.Models), decisions: make(chan pipeline.Decision, 16), tracks: map[string]*track{}, known: map[string]*track{}, leaving: map[string]bool{}, opened: map[string]*model.Model{},
		slow: queue{wake: make(chan struct{}, 1)}, quick: queue{wake: make(chan struct{}, 1)}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	if cfg.Shared {
		for _, t := range a.loadGroup("") {
			a.known[t.name] = t
		}
		if a.shared == nil {
			a.shared = a.newGroup("")
		}
	}
	if cfg.Models != nil && cfg.newsEvery > 0 {
		a.wg.Go(a.listen)
	}
	a.wg.Go(func() { a.background(&a.slow) })
	a.wg.Go(func() { a.background(&a.quick) })
	return a, nil
}

// Decisions delivers switches and events. The background goroutines alone wait
// where nobody reads.
func (a *Adapter) Decisions() <-chan pipeline.Decision { return a.decisions }

// Close stops what runs after its present step, waits for it and writes what
// outlives the process. Later calls of the Tap's methods do no harm.
func (a *Adapter) Close() error {
	first := a.ctx.Err() == nil
	a.cancel()
	a.wg.Wait()
	if !first {
		return nil
	}
	// What was still queued and is on no other record: the audit trail, and removals.
	a.auditNoted()
	a.mu.Lock()
	leaving := slices.Sorted(maps.Keys(a.leaving))
	a.mu.Unlock()
	for _, name := range leaving {
		a.removeState(name)
	}
	a.saveAll()
	if a.team.models != nil {
		return a.team.models.Close()
	}
	return nil
}

// groups returns all groups, in order of name. The caller holds mu.
func (a *Adapter) groups() []*group {
	if a.shared != nil {
		return []*group{a.shared}
	}
	var gs []*group
	for _, name := range slices.Sorted(maps.Keys(a.tracks)) {
		gs = append(gs, a.tracks[name].group)
	}
	return gs
}

// push queues work for the background. The caller holds mu.
func (a *Adapter) push(work func()) {
	a.pushed++
	a.slow.push(work)
}

// pushQuick queues work that does not wait for a training. The caller holds mu.
func (a *Adapter) pushQuick(work func()) {
	a.pushed++
	a.quick.push(work)
}

func (q *queue) push(work func()) {
	q.work = append(q.work, work)
	select {
	case q.wake <- struct{}{}:
	default: // a token is there already
	}
}

// background does the work of a queue in order until Close.
func (a *Adapter) background(q *queue) {
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-q.wake:
		}
		for work := a.next(q); work != nil && a.ctx.Err() == nil; work = a.next(q) {
			work()
		}
	}
}

func (a *Adapter) next(q *queue) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(q.work) == 0 {
		return nil
	}
	work := q.work[0]
	q.work[0] = nil
	q.work = q.work[1:]
	return work
}

// send hands a decision over, unless the adapter is closed first.
func (a *Adapter) send(d pipeline.Decision) {
	select {
	case a.decisions <- d:
	case <-a.ctx.Done():
	}
}
