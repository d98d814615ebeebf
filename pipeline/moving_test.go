package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic"
	"github.com/quell-stream/quell/pipeline/state/topic/memlog"
)

var nothing = slog.New(slog.NewTextHandler(io.Discard, nil))

// brokers are what they know of one partition, t/0: its messages, and up to where they
// are finished.
type brokers struct {
	log []ingest.Sample
	bad map[int64]bool

	mu        sync.Mutex
	serial    int64
	committed int64
	finished  map[int64]bool
}

// member is a source that reads the partition as a member of a group.
type member struct {
	g      *brokers
	wake   func(next int64)
	gone   func(next int64) bool // the partition is given to the member anew before this message
	serial int64                 // of the assignment; -1: there was none
	resume chan int64
	next   int64
}

func (s *member) Open(context.Context) error {
	s.serial = -1
	return nil
}

func (s *member) Close(context.Context) error { return nil }

func (s *member) Rejoin() {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.g.serial++ // what the member works for is over
}

func (s *member) assign() ingest.Delivery {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.g.serial++
	serial := s.g.serial
	s.serial, s.next, s.resume = serial, -1, make(chan int64, 1)
	resume := s.resume
	return ingest.Delivery{Assignment: &ingest.Assignment{
		Parts:  []ingest.Partition{{Name: "t/0", Committed: s.g.committed}},
		Resume: func(first []int64) { resume <- first[0] },
		Confirm: func(context.Context) error {
			s.g.mu.Lock()
			defer s.g.mu.Unlock()
			if s.g.serial != serial {
				return ingest.ErrStale
			}
			return nil
		}}}
}

func (s *member) current() bool {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	return s.g.serial == s.serial
}

func (s *member) Next(ctx context.Context) (ingest.Delivery, error) {
	if !s.current() || s.next >= 0 && s.gone != nil && s.gone(s.next) {
		return s.assign(), nil
	}
	if s.next < 0 {
		select {
		case s.next = <-s.resume:
			s.g.mu.Lock()
			if s.next < 0 {
				s.next = s.g.committed
			}
			s.g.committed = max(s.g.committed, s.next)
			s.g.mu.Unlock()
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	if int(s.next) >= len(s.g.log) {
		return s.end(ctx)
	}
	if err := ctx.Err(); s.next%fetched == 0 && errors.Is(err, context.DeadlineExceeded) {
		return ingest.Delivery{}, err
	}
	if s.wake != nil {
		s.wake(s.next)
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return ingest.Delivery{}, err
	}
	pos := ingest.Position{Offset: s.next}
	d := ingest.Delivery{Position: pos, Ack: ingest.Ack{To: s, Generation: s.serial, Position: pos}}
	if s.g.bad[s.next] {
		d.Err, d.Payload = ingest.Malformed("json", "not an object"), []byte("{")
	} else {
		d.Samples = s.g.log[s.next : s.next+1]
	}
	s.next++
	return d, nil
}

// end waits until everything is finished, or there is another assignment.
func (s *member) end(ctx context.Context) (ingest.Delivery, error) {
	for {
		s.g.mu.Lock()
		done := s.g.committed == s.next
		s.g.mu.Unlock()
		switch {
		case done:
			return ingest.Delivery{}, io.EOF
		case ctx.Err() != nil:
			return ingest.Delivery{}, ctx.Err()
		case !s.current():
			return s.assign(), nil
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// Finished commits what is finished without a hole, under the present assignment.
func (s *member) Finished(serial int64, pos ingest.Position) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if serial != s.g.serial {
		return
	}
	s.g.finished[pos.Offset] = true
	for s.g.finished[s.g.committed] {
		s.g.committed++
	}
}

// moved returns a pipeline like those of testPipeline whose checkpoints go to a log,
// in a state directory of its own.
func moved(t *testing.T, g *brokers, client *memlog.Client, out, dead *memSink) (*Pipeline, *member) {
	t.Helper()
	p := testPipeline(t, t.TempDir(), &memSource{}, out, dead)
	return p, intoTopic(t, p, g, client)
}

// intoTopic has the checkpoints of a pipeline that has not run go to a log, and returns its
// new source.
func intoTopic(t *testing.T, p *Pipeline, g *brokers, client *memlog.Client) *member {
	t.Helper()
	s := &member{g: g}
	w := p.workers[0]
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Source, w.cfg.Shared = s, topic.New(client, "g", nothing)
	if err := w.openStore(); err != nil {
		t.Fatal(err)
	}
	w.com = newCommitter(w.store, w.log, w.met.checkpoints.WithLabelValues(w.name))
	w.com.rejoin = w.rejoin
	return s
}

// TestMovesAnywhere kills the process at random offsets and goes on in another one,
// which has nothing but the log, while writes are lost or late, the log is compacted
// and the partition is given anew: every record of an uninterrupted run arrives, and
// whatever arrives twice is identical.
func TestMovesAnywhere(t *testing.T) {
	in := disorder(900)
	bad := map[int64]bool{3: true, 400: true, 1001: true}
	whole, letters := newSink(1), newSink(2)
	fresh := func() *brokers { return &brokers{log: in, bad: bad, finished: map[int64]bool{}} }
	p, _ := moved(t, fresh(), &memlog.Client{Log: memlog.New(), Partitions: 1}, whole, letters)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, balance := distinct(t, whole.got), p.Summaries()["s"]
	if in := balance.In; len(letters.got) < len(bad) || in != int64(len(disorder(900))) {
		t.Fatalf("%d dead letters, %d samples in, want %d", len(letters.got), in, len(disorder(900)))
	}

	rng := rand.New(rand.NewPCG(12, 12))
	g, log := fresh(), memlog.New()
	var got []string
	resumed, rejoined := 0, 0
	for life := 0; ; life++ {
		killAt, dead := int64(len(in))+1, new(atomic.Bool)
		if life < 10 {
			killAt = g.committed + int64(rng.IntN(len(in)/8))
		}
		seed := rand.New(rand.NewPCG(uint64(life), 3))
		again := rand.New(rand.NewPCG(uint64(life), 4)) // for another goroutine
		out := newSink(uint64(life))
		client := &memlog.Client{Log: log, Partitions: 1, Max: 60_000, Gate: func(op memlog.Op) memlog.Fate {
			if log.Pending() > 0 && seed.IntN(4) == 0 {
				log.Land(0)
			}
			if seed.IntN(10) == 0 {
				log.Compact(0, log.End(0)*int64(seed.IntN(5))/4, seed.IntN(2) == 0)
			}
			switch n := seed.IntN(60); {
			case dead.Load():
				return memlog.Dead
			case n == 0 && op.Records != nil:
				return memlog.Late
			case n == 1:
				return memlog.Lost
			}
			return memlog.Done
		}}
		p, s := moved(t, g, client, out, newSink(99))
		killed := errors.New("killed")
		begun := false
		s.wake = func(next int64) {
			if !begun && next > 0 {
				resumed++
			}
			begun = true
			if next == killAt {
				out.mu.Lock()
				out.done = true
				out.mu.Unlock()
				dead.Store(true)
				p.kill(killed)
			}
		}
		s.gone = func(int64) bool {
			if again.IntN(700) != 0 {
				return false
			}
			rejoined++
			return true
		}
		err := p.Run(t.Context())
		got = append(got, out.got...)
		if err == nil {
			if s := p.Summaries()["s"]; s.In != balance.In {
				t.Errorf("%d samples in, want %d: %v", s.In, balance.In, s.Fates)
			}
			break
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
		g.mu.Lock()
		g.serial++ // the group notices
		g.mu.Unlock()
	}
	if resumed < 5 || rejoined < 5 {
		t.Errorf("resumed %d times and given anew %d times: the test tests nothing", resumed, rejoined)
	}
	if d := cmp.Diff(want, distinct(t, got)); d != "" {
		t.Errorf("%.3000s", d)
	}
	if g.committed != int64(len(in)) {
		t.Errorf("%d of %d messages are finished", g.committed, len(in))
	}
}

// asking is an adapter that decides what a test asks for.
type asking struct {
	idleAdapter
	asked chan Decision
}

func (a *asking) Decisions() <-chan Decision { return a.asked }

// TestSwitchMoves switches a series to a model in one process, which is killed, and goes
// on in another one that has never seen the model: it comes with the state, and no
// record is told in two ways.
func TestSwitchMoves(t *testing.T) {
	t.Run("in the state", func(t *testing.T) { switchMoves(t, true) })
	t.Run("by itself", func(t *testing.T) { switchMoves(t, false) })
}

func switchMoves(t *testing.T, inState bool) {
	in := disorder(900)
	g, log := &brokers{log: in, finished: map[int64]bool{}}, memlog.New()
	tuned := testModel(t, 2)
	var got []string
	dead := new(atomic.Bool)
	client := &memlog.Client{Log: log, Partitions: 1, Gate: func(memlog.Op) memlog.Fate {
		if dead.Load() {
			return memlog.Dead
		}
		return memlog.Done
	}}
	out := newSink(1)
	p, s := moved(t, g, client, out, newSink(2))
	a := &asking{asked: make(chan Decision)}
	p.workers[0].cfg.Adapter = a
	if !inState {
		p.workers[0].cfg.Checkpoint = time.Hour // no state holds the switch
	}
	killed := errors.New("killed")
	s.wake = func(next int64) {
		switch next {
		case 1000:
			a.asked <- Decision{Switch: Switch{Series: "x", Model: tuned, Kind: "model.promoted", Why: "better"}}
		case 1800:
			out.mu.Lock()
			out.done = true
			out.mu.Unlock()
			dead.Store(true)
			p.kill(killed)
		}
	}
	if err := p.Run(t.Context()); !errors.Is(err, killed) {
		t.Fatal(err)
	}
	got = append(got, out.got...)
	g.serial++
	out = newSink(3)
	p, _ = moved(t, g, &memlog.Client{Log: log, Partitions: 1}, out, newSink(4))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := p.workers[0].eng.lanes["x"].modelName(); name != tuned.Name() {
		t.Errorf("x is served by %s, want %s", name, tuned.Name())
	}
	if name := p.workers[0].eng.lanes["y"].modelName(); name == tuned.Name() {
		t.Error("y is served by the model of x")
	}
	whole := newSink(5)
	p, _ = moved(t, &brokers{log: in, finished: map[int64]bool{}}, &memlog.Client{Log: memlog.New(), Partitions: 1}, whole, newSink(6))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	have, want := distinct(t, append(got, out.got...)), distinct(t, whole.got)
	if len(have) != len(want) {
		t.Errorf("%d records, want %d", len(have), len(want))
	}
}

// TestPartitionsAdded adds partitions to the source between two processes: the series
// of before end, with an event that says so, and begin anew where they are now.
func TestPartitionsAdded(t *testing.T) {
	in := disorder(900)
	g, log := &brokers{log: in, finished: map[int64]bool{}}, memlog.New()
	p, s := moved(t, g, &memlog.Client{Log: log, Partitions: 1}, newSink(1), newSink(2))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.wake = func(next int64) {
		if next == 1000 {
			stop()
		}
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	g.serial++
	out := newSink(3)
	p, _ = moved(t, g, &memlog.Client{Log: log, Partitions: 2}, out, newSink(4))
	p.outlets[0].cfg.Emit = "all"
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	resets := 0
	for _, line := range out.got {
		if strings.Contains(line, `"series.reset"`) && strings.Contains(line, "number of partitions") {
			resets++
		}
	}
	if resets < 2 {
		t.Errorf("%d events of contexts that end, want one of each series", resets)
	}
	if s := p.Summaries()["s"]; s.In != int64(len(in)) {
		t.Errorf("%d samples in, want %d: %v", s.In, len(in), s.Fates)
	}
}

// TestRefusedStateTopic: what is in the way of the state topic ends the run, with what
// to do.
func TestRefusedStateTopic(t *testing.T) {
	log := memlog.New()
	client := &memlog.Client{Log: log, Partitions: 1}
	if _, err := client.Append(t.Context(), 0, []topic.Record{{Key: []byte("somebody's"), Value: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	p, _ := moved(t, &brokers{log: disorder(20), finished: map[int64]bool{}}, client, newSink(1), newSink(2))
	if err := p.Run(t.Context()); !errors.Is(err, state.ErrRefused) || !strings.Contains(err.Error(), "state_topic") {
		t.Errorf("got %v", err)
	}
}

// TestStateOfFilesIsTakenOver runs the first part with checkpoints in files, as versions
// before did, and the rest with a log: the stream goes on without a seam, and then goes by the log.
func TestStateOfFilesIsTakenOver(t *testing.T) {
	in := disorder(900)
	whole := newSink(1)
	p, _ := moved(t, &brokers{log: in, finished: map[int64]bool{}}, &memlog.Client{Log: memlog.New(), Partitions: 1}, whole, newSink(2))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir, g, log := t.TempDir(), &brokers{log: in, finished: map[int64]bool{}}, memlog.New()
	var got []string
	for _, end := range []int64{800, 1600, int64(len(in)) + 1} {
		out := newSink(uint64(end))
		p := testPipeline(t, dir, &memSource{}, out, newSink(4))
		s := &member{g: g}
		w := p.workers[0]
		w.cfg.Source = s
		if end > 800 {
			if err := w.store.Close(); err != nil {
				t.Fatal(err)
			}
			w.cfg.Shared = topic.New(&memlog.Client{Log: log, Partitions: 1}, "g", nothing)
			if err := w.openStore(); err != nil {
				t.Fatal(err)
			}
			w.com = newCommitter(w.store, w.log, w.met.checkpoints.WithLabelValues(w.name))
			w.com.rejoin = w.rejoin
		}
		ctx, stop := context.WithCancel(t.Context())
		s.wake = func(next int64) {
			if next == end {
				stop()
			}
		}
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		stop()
		g.serial++
		got = append(got, out.got...)
	}
	if d := cmp.Diff(distinct(t, whole.got), distinct(t, got)); d != "" {
		t.Errorf("%.2000s", d)
	}
}
