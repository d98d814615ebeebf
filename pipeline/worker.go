package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// StreamConfig says what one stream is made of.
type StreamConfig struct {
	Engine EngineConfig
	Source ingest.Source
	// Sinks are the names of the outlets that the stream feeds.
	Sinks []string
	// StateDir holds the stream's checkpoints.
	StateDir string
	// Shared, when not nil, takes the checkpoints in the place of StateDir: the
	// partitions of the source go from process to process. The pipeline closes it, after
	// an error too. What StateDir has of a partition that Shared knows nothing of is
	// taken over.
	Shared state.Shared
	// OneLog says that the source has one partition and never gets another one: what the
	// state has of others is of the source that the stream was read from before, and its
	// series go on in that one. It must not be set with Shared.
	OneLog bool
	// Checkpoint is the time between checkpoints, or up to ten times as long where many series
	// make them long, see pointDue. Default 1 s. It bounds how much is computed again
	// after a kill, and changes no value.
	Checkpoint time.Duration
	// NoData is how long a source that is up may be silent before an event tells
	// so; 0: for ever.
	NoData time.Duration
	// IdleFlush is how long a series may send nothing before what waits of it is given
	// out as provisional records; 0: for ever. It goes by the clock.
	IdleFlush time.Duration
	// Now is the clock, by which nothing is decided but what IdleFlush asks for, and
	// how often the log tells of dead letters.
	// Default time.Now.
	Now func() time.Time
	// Adapter, when not nil, fine-tunes models in the background.
	Adapter Adapter
	// Deterministic has the worker wait for the verdict of the Adapter, which must be
	// a Settler, behind the delivery that called for it: what it decides takes
	// effect there, however long it took.
	Deterministic bool
	// Obey are switches that are known beforehand, by partition, as those of a run
	// that is run again are. The worker takes out what it has scheduled.
	Obey map[string][]Switch
	// Decided, when not nil, hears of each switch once it is durable.
	Decided func(part string, sw Switch) error
	// About is shown to who looks on.
	About About
}

// Adapter watches the slots of a stream and decides on switches of models.
type Adapter interface {
	Tap
	// Decisions delivers switches to put into effect, and events to emit.
	Decisions() <-chan Decision
	// Close stops background work and waits for it.
	Close() error
}

// Leader is an Adapter of series that several processes have among them and that one
// model serves: the one that leads trains it.
type Leader interface {
	// Lead says that this process leads from now on, with a term that is larger than
	// that of whoever led before, or that it does not (0). It does not wait.
	Lead(term int64)
}

// Decision is what an adapter asks for: a switch (Model not nil), an event, or both.
type Decision struct {
	Switch Switch
	Event  *sink.Event // Stream, Epoch, ID and Model are filled in by the worker
}

// worker drives one stream: it alone touches the engine.
type worker struct {
	cfg   StreamConfig
	name  string
	log   *slog.Logger
	met   *Metrics
	bank  *Bank
	eng   *Engine
	outs  []*outlet // the stream's sinks, then the dead letter
	store state.Store
	snap  *state.Snapshot   // of the partitions that are not owned: as loaded, or as they were given up
	lost  map[string]bool   // partitions given up by this process
	logs  map[string][]byte // marks of the partitions that have one
	// made are the channels of the states of partitions in snap, or of one that is being
	// taken over, where they differ from those configured.
	made map[string][]string
	pool batchPool
	// perItem is about how many bytes of JSON an item takes, by the latest batch.
	perItem int

	arenas   arenaShelf  // of states on their way to the committer
	cut      *cut        // the checkpoint that is being taken, nil: none is
	cutLanes []*lane     // memory of its lanes
	rested   *time.Timer // when it goes on, unless a chunk comes before

	parts []part
	halt  <-chan struct{} // closed when the worker is to stop reading
	cur   *batch
	seq   int64 // of the batch being filled
	open  []ingest.Ack

	unread     unread // payloads that were told of in the log, and those that are to be
	com        *committer
	lastPoint  time.Time
	pointCost  time.Duration // that the latest checkpoint held the worker up
	chunkStart time.Time

	idle            *time.Timer   // of the next look for idle series; nil: there is none
	began           time.Time     // when the worker was made
	stalled         time.Duration // spent waiting for sinks
	heard           atomic.Int64  // when deliveries came last, Unix ns
	pulse           pulse         // whether it gets on
	newest          int64         // stored stamp of the latest delivery, Unix ns; 0: it has none
	arrived         int           // deliveries that tally has not told of
	read            int64         // deliveries of this run
	lag             int64         // of the latest of them that has one, ns
	lags            bool          // it has one
	records, events int64         // handed to the sinks
	muted           int64         // events kept back, as of the latest observe
	evicted         int64         // series forgotten, likewise

	shown   [window.NumFates]atomic.Int64 // fates as of the latest observe
	desk    *desk                         // where others look on
	took    atomic.Int64                  // deliveries of the latest chunk
	waits   atomic.Pointer[error]         // why the state of the partitions can't be had; nil: it need not be waited for
	told    *view.Ring[view.Event]
	letters *view.Ring[view.Letter]
}

// part is a partition that the worker owns.
type part struct {
	name  string
	next  int64            // first offset not applied
	from  int64            // next, when it was taken over
	till  int64            // largest offset of ahead
	ahead map[string]int64 // of series that had more applied then: up to which offset
}

func newWorker(cfg StreamConfig, log *slog.Logger, met *Metrics, bank *Bank, outs []*outlet) (*worker, error) {
	if cfg.Checkpoint == 0 {
		cfg.Checkpoint = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &worker{
		cfg: cfg, name: cfg.Engine.Stream, log: log.With("stream", cfg.Engine.Stream), met: met, bank: bank, outs: outs,
		lost: map[string]bool{}, logs: map[string][]byte{}, made: map[string][]string{}, began: cfg.Now(), pulse: pulse{begun: make(chan struct{})}, desk: newDesk(),
	}
	if cfg.Adapter != nil {
		cfg.Engine.Tap = cfg.Adapter
	}
	var err error
	if w.eng, err = NewEngine(cfg.Engine, w); err != nil {
		return nil, err
	}
	w.eng.save = w.saveOne
	w.rested = time.NewTimer(0)
	if err = w.openStore(); err != nil {
		return nil, err
	}
	if err := w.restoreExtra(w.snap.Extra); err != nil {
		return nil, errors.Join(err, w.store.Close())
	}
	if err := w.keepConfigured(); err != nil {
		return nil, errors.Join(err, w.store.Close())
	}
	w.refer()
	w.limits()
	w.cur = w.newBatch()
	w.com = newCommitter(w.store, w.log, met.checkpoints.WithLabelValues(w.name))
	w.com.rejoin = w.rejoin
	return w, nil
}

// keepConfigured puts the configured model into the bank, where it stays while a series is served
// by it: its file may be overwritten, and the next version of the program have other base models.
func (w *worker) keepConfigured() error {
	m := w.eng.cfg.Model
	if m == nil {
		return nil
	}
	if err := w.bank.Hold(w.name, m); err != nil && !errors.Is(err, ErrNameTaken) {
		return fmt.Errorf("stream %s: %w", w.name, err)
	}
	return nil
}

func (w *worker) newBatch() *batch {
	b := w.pool.get()
	w.seq++
	b.seq = w.seq
	return b
}

// run works until the input ends or ctx is cancelled; then it hands out what it
// has, waits for it to be durable (until hard ends), and checkpoints.
func (w *worker) run(ctx, hard context.Context) error {
	if err := w.cfg.Source.Open(ctx); err != nil {
		return errors.Join(fmt.Errorf("stream %s: %w", w.name, err), w.close())
	}
	chunks := make(chan *chunk)
	free := make(chan *chunk, 2)
	free <- new(chunk)
	free <- new(chunk)
	readCtx, stopReading := context.WithCancel(ctx)
	var reader sync.WaitGroup
	quit := make(chan struct{})
	reader.Go(func() { read(readCtx, w.cfg.Source, chunks, free, quit) })
	w.com.start(hard)
	w.pulse.begin()
	w.halt = ctx.Done()

	err := w.loop(ctx, hard, chunks, free)
	w.pulse.end()
	defer w.desk.leave()
	stopReading()
	close(quit)
	reader.Wait()
	if errors.Is(err, io.EOF) {
		w.eng.Finish()
		err = nil
	}
	if err == nil {
		err = w.flush(hard)
	}
	if err == nil {
		err = w.checkpoint(hard, true)
	}
	if err != nil {
		w.com.abandon() // a sink that is down must not keep the process from ending
	}
	err = errors.Join(err, w.com.close())
	w.observe()
	return errors.Join(err, w.cfg.Source.Close(hard), w.close())
}

// close ends what a worker has from the day it is made.
func (w *worker) close() error {
	var err error
	if w.cfg.Adapter != nil {
		err = w.cfg.Adapter.Close()
	}
	w.eng.Close()
	return errors.Join(err, w.store.Close())
}

func (w *worker) loop(ctx, hard context.Context, chunks, free chan *chunk) error {
	var decisions <-chan Decision
	if w.cfg.Adapter != nil && !w.cfg.Deterministic {
		decisions = w.cfg.Adapter.Decisions()
	}
	tick := time.NewTicker(w.cfg.Checkpoint)
	defer tick.Stop()
	idle := w.watchIdle()
	if w.idle != nil {
		defer w.idle.Stop()
	}
	for {
		w.pulse.beat()
		in, gone := w.input(ctx, chunks)
		select {
		case c, ok := <-in:
			if !ok {
				return nil
			}
			if last, err := w.consume(ctx, hard, c, free); last || err != nil {
				return err
			}
		case <-gone:
		case d := <-decisions:
			if err := w.decide(hard, d); err != nil {
				return err
			}
		case <-tick.C:
		case <-w.more(): // of a checkpoint
		case <-w.desk.wake:
			w.attend()
		case <-idle:
			if err := w.flushIdle(hard); err != nil {
				return err
			}
		case err := <-w.com.failed:
			return fmt.Errorf("stream %s: %w", w.name, err)
		case <-hard.Done():
			return context.Cause(hard)
		}
		if w.cut != nil {
			if err := w.carve(hard, pointSlice); err != nil {
				return err
			}
		} else if w.pointDue(time.Now()) {
			if err := w.checkpoint(hard, false); err != nil {
				return err
			}
			w.observe()
		}
	}
}

// consume works a chunk off and gives it back. last says that none follows.
func (w *worker) consume(ctx, hard context.Context, c *chunk, free chan<- *chunk) (last bool, err error) {
	if len(c.deliveries) > 0 {
		w.heard.Store(time.Now().UnixNano())
		w.took.Store(int64(len(c.deliveries)))
	}
	err = w.work(hard, c)
	end := c.err
	free <- c
	switch {
	case err != nil:
		return true, err
	case end == nil:
		return false, nil
	case errors.Is(end, io.EOF):
		return true, io.EOF
	case ctx.Err() != nil:
		return true, nil
	}
	return true, fmt.Errorf("stream %s: %w", w.name, end)
}

// work takes one chunk through the engine and to the sinks.
func (w *worker) work(hard context.Context, c *chunk) error {
	w.chunkStart = time.Now()
	w.tick()
	for i := range c.deliveries {
		d := &c.deliveries[i]
		if d.Assignment != nil {
			w.met.ended(w.name, w.eng.Fates())
			if err := w.assign(hard, d.Assignment); err != nil {
				return err
			}
			w.met.held(w.name, w.eng.Fates())
			continue
		}
		if w.com.over.Load() {
			continue // it comes again, under the next assignment
		}
		if err := w.deliver(d); err != nil {
			w.tally()
			return err
		}
		if w.cfg.Deterministic {
			if err := w.settle(hard); err != nil {
				return err
			}
		}
	}
	w.tally()
	return w.flush(hard)
}

// tally tells the metrics what a chunk brought, all at once: looking one up takes as
// long as decoding a small message.
func (w *worker) tally() {
	if w.arrived > 0 {
		w.met.ingestMessages.WithLabelValues(w.name).Add(float64(w.arrived))
		w.read += int64(w.arrived)
	}
	if w.lags {
		w.met.lag.WithLabelValues(w.name).Set(float64(w.lag) / 1e9)
	}
	w.arrived, w.lags = 0, false
}

func (w *worker) deliver(d *ingest.Delivery) error {
	w.arrived++
	w.pulse.beat()
	w.newest = d.Stored
	p := &w.parts[d.Part]
	if e := w.eng.eyes; e != nil {
		e.delivery(w, p.name, d)
	}
	switch {
	case d.Err != nil:
		w.eng.spend(p.name, window.Malformed, 1)
		w.malformed(d)
	case d.Skip:
		w.eng.spend(p.name, window.NotMine, int64(max(1, len(d.Samples))))
	default:
		stored := d.Stored
		if err := w.eng.Push(p.name, w.unapplied(p, d), stored); err != nil {
			return fmt.Errorf("stream %s: %w", w.name, err)
		}
		if n := len(d.Samples); n > 0 && stored != 0 {
			w.lag, w.lags = stored-d.Samples[n-1].Time, true
		}
	}
	p.next = d.Offset + 1
	w.open = append(w.open, d.Ack)
	return nil
}

// few is the number of samples below which a batch grows as it is filled.
const few = 64

// foresee makes room in the open batch for what the next Run gives out: about a record for
// each sample that waits, as long as those before.
func (w *worker) foresee() {
	if n := len(w.eng.inbox); n >= few {
		w.cur.reserve(n, len(w.eng.cfg.Channels), n*(w.perItem+w.perItem/16))
	}
}

// flush hands everything computed so far to the sinks.
func (w *worker) flush(hard context.Context) error {
	if w.com.over.Load() {
		return nil // what is computed now is computed again, from the newest checkpoint
	}
	w.foresee()
	w.eng.Run()
	b := w.cur
	if b.len() == 0 {
		return nil
	}
	w.perItem = len(b.json)/b.len() + 1
	w.cur = w.newBatch()
	b.seal()
	required := 0
	for _, o := range w.outs {
		if o.cfg.Required {
			required++
		}
	}
	// The worker itself holds the batch until every sink has it, so that a
	// quick sink can't return it to the pool in between.
	b.left.Store(int32(required + 1))
	b.held.Store(int32(len(w.outs) + 1))
	start := w.chunkStart
	hist := w.met.latency.WithLabelValues(w.name)
	b.done = func(b *batch) {
		hist.Observe(time.Since(start).Seconds())
		w.com.durable(b.seq)
	}
	defer w.stall()()
	for i, o := range w.outs {
		if err := w.put(hard, o, b); err != nil {
			for range w.outs[i:] {
				b.release()
			}
			b.release()
			return fmt.Errorf("stream %s: stopped while sink %s was behind: %w", w.name, o.cfg.Name, context.Cause(hard))
		}
	}
	b.finished(true)
	return nil
}

// Record, Event and Dead make the worker the engine's Out.

// Record adds a record to the open batch.
func (w *worker) Record(r *sink.Record) {
	w.count(r)
	w.cur.addRecord(r)
}

// Encoded adds a record whose JSON is written already.
func (w *worker) Encoded(r *sink.Record, json []byte) {
	w.count(r)
	w.cur.addEncoded(r, json)
}

func (w *worker) count(r *sink.Record) {
	w.records++
	switch {
	case r.Rev < 0:
		w.met.provisional.WithLabelValues(w.name).Inc()
	case r.Rev > 0:
		w.met.revised.WithLabelValues(w.name).Inc()
	}
	if e := w.eng.eyes; e != nil {
		e.record(r)
	}
}

// Event adds an event to the open batch.
func (w *worker) Event(e sink.Event) {
	w.log.Info("event", "kind", e.Kind, "series", e.Series, "why", e.Why)
	w.events++
	w.told.Add(view.NewEvent(&e))
	w.cur.addEvent(e, false)
}

// decide makes a switch durable and schedules it, and passes an event on.
func (w *worker) decide(hard context.Context, d Decision) error {
	if e := d.Event; e != nil {
		if l := w.eng.lanes[e.Series]; l != nil {
			e.Stream, e.Epoch = w.name, l.win.Epoch()
			if e.Time == 0 {
				e.Time = l.stamp(e.Kind)
			}
			if e.Model == "" {
				e.Model = l.modelName()
			}
			e.ID = sink.EventKey(e.Stream, e.Series, e.Epoch, e.Kind, e.Time)
			e.Link = sink.FillLink(w.cfg.Engine.Link, e)
			w.Event(*e)
		}
	}
	if d.Switch.Model != nil {
		l := w.eng.lanes[d.Switch.Series]
		if l == nil || w.com.over.Load() {
			return nil
		}
		if w.com.wantsFull() {
			if err := w.flush(hard); err != nil {
				return err
			}
			if err := w.checkpoint(hard, true); err != nil {
				return err
			}
		}
		if err := w.turnTo(l, d.Switch); err != nil {
			return err
		}
	}
	return w.flush(hard)
}

// turnTo makes a switch durable and schedules it.
func (w *worker) turnTo(l *lane, to Switch) error {
	m, err := w.bank.know(to.Model)
	if err == nil {
		defer w.pulse.wait()() // for a disk that is full
		err = w.com.insist(func() error { return w.bank.Hold(w.name, m) })
	}
	if errors.Is(err, ErrNameTaken) {
		w.log.Error("a model is not switched to: it could not be told from the other one", "series", to.Series, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	to.Model = m
	sw, ok := w.eng.Decide(to)
	if !ok {
		return nil
	}
	if err := w.com.insist(func() error { return w.com.decide(w.decision(l, &sw)) }); errors.Is(err, state.ErrOver) {
		return w.com.lose(err) // and the switch with it
	} else if err != nil {
		return fmt.Errorf("stream %s: %w", w.name, err)
	}
	w.refer()
	if w.cfg.Decided != nil {
		if err := w.cfg.Decided(l.part, sw); err != nil {
			return fmt.Errorf("stream %s: %w", w.name, err)
		}
	}
	w.log.Info("model switched", "series", sw.Series, "model", sw.Model.Name(), "why", sw.Why)
	return nil
}

// observe updates the metrics.
func (w *worker) observe() {
	f := w.eng.Fates()
	w.met.ended(w.name, f)
	for i, n := range f {
		w.shown[i].Store(n)
	}
	states := map[string]int{"learning": 0, "normal": 0, "warning": 0, "noise": 0, "regime": 0, "fault": 0, "unknown": 0}
	w.eng.States(states)
	for s, n := range states {
		w.met.driftSeries.WithLabelValues(w.name, s).Set(float64(n))
	}
	w.met.muted.WithLabelValues(w.name).Add(float64(w.eng.muted - w.muted))
	w.muted = w.eng.muted
	w.met.series.WithLabelValues(w.name).Set(float64(w.eng.Series()))
	w.met.evicted.WithLabelValues(w.name).Add(float64(w.eng.evicted - w.evicted))
	w.evicted = w.eng.evicted
	if w.newest != 0 {
		w.met.behind.WithLabelValues(w.name).Set(w.chunkStart.Sub(time.Unix(0, w.newest)).Seconds())
	}
	if j, ok := w.cfg.Source.(interface{ JournalBytes() int64 }); ok {
		w.met.journalBytes.WithLabelValues(w.name).Set(float64(j.JournalBytes()))
	}
}
