// Package pipeline drives the way from a source to the sinks and back: it
// decodes nothing and computes nothing itself, but orders the work of ingest,
// window, model, drift and sink, and decides when a message is finished.
//
// An Engine computes the records of one stream from its samples; it is what
// the offline commands use too. A Pipeline runs one worker per stream around
// an Engine, with checkpoints, back-pressure and acks. docs/architecture.md
// tells the story.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/window"
)

// Config says what a pipeline is made of.
type Config struct {
	Streams []StreamConfig
	Sinks   []OutletConfig
	// DeadLetter takes what can't be used. It is required like a sink, and has
	// no stream of its own.
	DeadLetter OutletConfig
	// StateDir is locked for the life of the pipeline. Streams without a
	// StateDir of their own keep their checkpoints below it.
	StateDir string
	// Drain is how long a stop waits for what was read to become durable.
	// Default 20 s.
	Drain   time.Duration
	Log     *slog.Logger
	Metrics *Metrics
}

// Pipeline runs streams. Its read-only methods are safe for concurrent use.
type Pipeline struct {
	cfg     Config
	log     *slog.Logger
	bank    *Bank
	workers []*worker // these two are replaced, never written into: see crew and sinks
	outlets []*outlet
	dead    *outlet
	health  *health
	release func() error
	hard    context.Context
	kill    context.CancelCauseFunc
	ready   atomic.Bool
	reading chan struct{} // closed once every source is being read
	change  change
	began   time.Time

	told    *view.Ring[view.Event]
	letters *view.Ring[view.Letter]
	acks    view.Acks
}

// DeadLetterName is what the dead letter is called among the sinks.
const DeadLetterName = "dead_letter"

// ErrDrain says that a stop ran out of time before everything was durable.
// Nothing is lost: what was not acknowledged comes again.
var ErrDrain = errors.New("stopped before everything was durable; what was not acknowledged will be delivered again")

// New sets a pipeline up: it locks the state directory and loads checkpoints,
// but connects to nothing. The streams' adapters and shared stores are the pipeline's from then on:
// it closes them, after an error too.
func New(cfg Config) (*Pipeline, error) {
	if cfg.Drain == 0 {
		cfg.Drain = 20 * time.Second
	}
	release, err := state.Lock(cfg.StateDir)
	if err != nil {
		return nil, errors.Join(err, closeUnused(cfg.Streams))
	}
	p := &Pipeline{cfg: cfg, log: cfg.Log, release: release, reading: make(chan struct{}), began: time.Now(),
		told: view.NewRing[view.Event](mostEvents), letters: view.NewRing[view.Letter](mostLetters)}
	p.change.init()
	p.hard, p.kill = context.WithCancelCause(context.Background())
	if err := p.build(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Pipeline) build() error {
	var err error
	if p.bank, err = NewBank(filepath.Join(p.cfg.StateDir, "models")); err != nil {
		return err
	}
	if !strangers(p.cfg.StateDir, p.cfg.Streams) {
		p.bank.streams = len(p.cfg.Streams)
	}
	fatal := func(err error) { p.kill(err) }
	for _, c := range p.cfg.Sinks {
		p.outlets = append(p.outlets, newOutlet(c, p.log, p.cfg.Metrics, fatal))
	}
	c := p.cfg.DeadLetter
	c.Name, c.Emit, c.Required = DeadLetterName, "dead", true
	p.dead = newOutlet(c, p.log, p.cfg.Metrics, fatal)
	spools := filepath.Join(p.cfg.StateDir, "spools")
	for _, o := range p.outlets {
		if err := o.openSpool(spools); err != nil {
			return err
		}
	}
	p.strandedSpools(spools)
	for _, s := range p.cfg.Streams {
		w, err := p.makeWorker(s)
		if err != nil {
			return err
		}
		p.workers = append(p.workers, w)
	}
	p.health, err = newHealth(p)
	return err
}

// makeWorker makes the worker of a stream, which starts from its checkpoint.
func (p *Pipeline) makeWorker(s StreamConfig) (*worker, error) {
	if s.StateDir == "" {
		s.StateDir = filepath.Join(p.cfg.StateDir, "streams", s.Engine.Stream)
	}
	var outs []*outlet
	for _, name := range s.Sinks {
		i := slices.IndexFunc(p.outlets, func(o *outlet) bool { return o.cfg.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("stream %s: there is no sink %q", s.Engine.Stream, name)
		}
		outs = append(outs, p.outlets[i])
	}
	w, err := newWorker(s, p.log, p.cfg.Metrics, p.bank, append(outs, p.dead))
	if err != nil {
		return nil, err
	}
	w.told, w.letters = p.told, p.letters
	if s.Engine.Model != nil {
		p.cfg.Metrics.modelInfo.WithLabelValues(s.Engine.Stream, s.Engine.Model.Name()).Set(1)
	}
	return w, nil
}

// Close releases a pipeline that is not going to Run.
func (p *Pipeline) Close() error {
	return errors.Join(p.closeWorkers(), closeUnused(p.cfg.Streams[len(p.workers):]), p.closeSpools(), p.release())
}

func (p *Pipeline) closeSpools() error {
	var errs []error
	for _, o := range p.outlets {
		errs = append(errs, o.closeSpool())
	}
	return errors.Join(errs...)
}

func (p *Pipeline) closeWorkers() error {
	var errs []error
	for _, w := range p.workers {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

func closeUnused(streams []StreamConfig) error {
	var errs []error
	for _, s := range streams {
		if s.Adapter != nil {
			errs = append(errs, s.Adapter.Close())
		}
		if s.Shared != nil {
			errs = append(errs, s.Shared.Close())
		}
	}
	return errors.Join(errs...)
}

// Run works until every source has ended or ctx is cancelled. Then it stops
// reading, waits until what was read is durable, checkpoints, gives the acks
// back and returns nil. An error means that the work can't go on, or (ErrDrain)
// that the time for draining was not enough. Run may be called once.
func (p *Pipeline) Run(ctx context.Context) error {
	all := append(slices.Clone(p.outlets), p.dead)
	var errs []error
	started := 0
	for _, o := range all {
		if err := o.start(p.hard); err != nil {
			errs = append(errs, err)
			break
		}
		started++
	}
	if len(errs) == 0 {
		errs = append(errs, p.work(ctx)...)
		all = append(slices.Clone(p.outlets), p.dead) // those that are there by now
		started = len(all)
	} else {
		errs = append(errs, p.closeWorkers())
	}
	p.ready.Store(false)
	failed := errors.Join(errs...) != nil
	if failed {
		p.kill(ErrDrain)
	}
	// A sink that is away may have something left that nobody waits for.
	defer time.AfterFunc(p.cfg.Drain, func() { p.kill(ErrDrain) }).Stop()
	for _, o := range all[:started] {
		o.end() // all of them first: what one spool has to itself is not added up
	}
	for _, o := range all[:started] {
		o.wg.Wait()
	}
	closing, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	for _, o := range all[:started] {
		if err := o.close(closing); err != nil {
			p.log.Warn("a sink did not close cleanly", "err", err)
		}
	}
	p.health.close()
	p.kill(ErrDrain)
	return errors.Join(append(errs, p.closeSpools(), p.release())...)
}

func (p *Pipeline) work(ctx context.Context) []error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	drained := make(chan struct{})
	defer close(drained)
	context.AfterFunc(ctx, func() {
		select {
		case <-time.After(p.cfg.Drain):
			p.kill(ErrDrain)
		case <-drained:
		}
	})
	context.AfterFunc(p.hard, stop)
	p.ready.Store(true)
	defer p.awaitReading()()
	p.watchHealth()
	errs := p.runWorkers(ctx, stop)
	p.health.stop()
	if cause := context.Cause(p.hard); cause != nil && !errors.Is(cause, ErrDrain) {
		return []error{cause}
	}
	return errs
}

// watchHealth tells of outages until health is stopped.
func (p *Pipeline) watchHealth() {
	h, quit, done := p.health, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		wg.Go(func() { p.showUp(quit) })
		h.run(quit)
		wg.Wait()
	}()
	h.stop = func() {
		close(quit)
		<-done
	}
}

// Summary says what became of a stream's samples.
type Summary struct {
	In      int64            `json:"in"`      // samples and malformed messages, since the state began
	Fates   map[string]int64 `json:"fates"`   // adds up to In
	Records int64            `json:"records"` // handed to the sinks by this run
	Events  int64            `json:"events"`  // likewise, dead letters not among them
	Series  int              `json:"series"`
	Read    int64            `json:"-"` // messages that came in this run, whatever became of them
}

// Summaries returns the summary of each stream, once Run has returned.
func (p *Pipeline) Summaries() map[string]Summary {
	all := maps.Clone(p.change.past)
	for _, w := range p.crew() {
		s, was := w.summary(), all[w.name]
		s.Records, s.Events, s.Read = s.Records+was.Records, s.Events+was.Events, s.Read+was.Read
		all[w.name] = s
	}
	return all
}

func (w *worker) summary() Summary {
	f := w.eng.Fates()
	s := Summary{In: f.In(), Fates: make(map[string]int64, len(f)), Records: w.records, Events: w.events, Series: w.eng.Series(), Read: w.read}
	for i, n := range f {
		s.Fates[window.Fate(i).String()] = n
	}
	return s
}

// Status is a read-only view of a component.
type Status struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
	Err  string `json:"err,omitempty"`
	// Of sinks: the circuit is closed (what it is given goes to it), open (left alone
	// for a while after a failure) or half_open (being tried).
	Circuit string `json:"circuit,omitempty"`
	// What waits for the sink in its spool.
	SpoolItems int64 `json:"spool_items,omitempty"`
	SpoolBytes int64 `json:"spool_bytes,omitempty"`
}

// status returns the view of the source, where it has one or cannot go on.
func (w *worker) status() (s Status, known bool) {
	s = Status{Name: "source " + w.name, Up: true}
	r, known := w.cfg.Source.(interface{ Status() (bool, error) })
	var err error
	if known {
		s.Up, err = r.Status()
	}
	for _, why := range []*error{w.waits.Load(), w.com.noRoom.Load()} {
		if why != nil && s.Up {
			s.Up, err, known = false, *why, true
		}
	}
	if err != nil {
		s.Err = err.Error()
	}
	return s, known
}

// Ready says whether every source and every required sink is up, and the
// status of each.
func (p *Pipeline) Ready() (bool, []Status) {
	ok := p.ready.Load()
	var all []Status
	for _, w := range p.crew() {
		if s, known := w.status(); known {
			ok = ok && s.Up
			all = append(all, s)
		}
	}
	for _, o := range append(p.sinks(), p.dead) {
		s := o.status()
		ok = ok && (s.Up || !o.cfg.Required)
		all = append(all, s)
	}
	return ok, all
}
