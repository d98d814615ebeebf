package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memSource is a log in memory: it delivers from wherever it is told, and keeps
// what was finished.
type memSource struct {
	part   string // name of its partition; empty: mem
	log    []ingest.Sample
	bad    map[int]bool // offsets that are malformed
	resume chan int64
	next   int64
	from   int64            // offset that the pipeline began with: it holds what came before
	wake   func(next int64) // called before each delivery

	mu       sync.Mutex
	finished map[int64]bool
}

func (s *memSource) Open(context.Context) error {
	s.resume = make(chan int64, 1)
	s.next = -2
	return nil
}

// fetched is how many messages a source has ready at a time.
const fetched = 500

func (s *memSource) Next(ctx context.Context) (ingest.Delivery, error) {
	switch s.next {
	case -2:
		s.next = -1
		return ingest.Delivery{Assignment: &ingest.Assignment{Parts: []ingest.Partition{{Name: cmp.Or(s.part, "mem"), Committed: 0}},
			Resume: func(first []int64) { s.resume <- max(first[0], 0) }}}, nil
	case -1:
		select {
		case s.next = <-s.resume:
			s.from = s.next
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	if int(s.next) >= len(s.log) {
		return ingest.Delivery{}, io.EOF
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
	d := ingest.Delivery{Position: pos, Ack: ingest.Ack{To: s, Position: pos}}
	if s.bad[int(s.next)] {
		d.Err = ingest.Malformed("json", "not an object")
		d.Payload = []byte("{")
	} else {
		d.Samples = s.log[s.next : s.next+1]
	}
	s.next++
	return d, nil
}

func (s *memSource) Close(context.Context) error { return nil }

func (s *memSource) Finished(_ int64, pos ingest.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished[pos.Offset] = true
}

// memSink keeps what it is given. It fails at random: before, after or in the
// middle of a batch, as a sink at the other end of a network does.
type memSink struct {
	rng  *rand.Rand
	mu   sync.Mutex
	got  []string
	done bool
}

func (s *memSink) Open(context.Context) error { return nil }
func (s *memSink) Write(_ context.Context, items []sink.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return errors.New("the process is dead")
	}
	n := len(items)
	fail := s.rng.IntN(20) == 0
	if fail {
		n = s.rng.IntN(n + 1)
	}
	for _, it := range items[:n] {
		s.got = append(s.got, string(it.JSON))
	}
	if fail {
		return errors.New("connection lost")
	}
	return nil
}
func (s *memSink) Close(context.Context) error { return nil }

func testPipeline(t *testing.T, dir string, src *memSource, out, dead *memSink) *Pipeline {
	t.Helper()
	p, err := New(Config{
		StateDir: dir,
		Streams: []StreamConfig{{
			Engine: EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Model: testModel(t, 1), Guard: true, Watch: true, FitSentinel: untrained,
				FalseAlarms: monitor.DefaultRate, SentinelSlots: 256,
				Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond}},
			Source: src, Sinks: []string{"out"}, Checkpoint: time.Millisecond,
		}},
		Sinks:      []OutletConfig{{Name: "out", Sink: out, Emit: "records", Required: true}},
		DeadLetter: OutletConfig{Sink: dead},
		Log:        slog.New(slog.NewTextHandler(io.Discard, nil)),
		Metrics:    NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newSink(seed uint64) *memSink { return &memSink{rng: rand.New(rand.NewPCG(seed, 5))} }

// distinct returns the records by key, and fails where two of a key differ.
func distinct(t *testing.T, got []string) map[string]string {
	t.Helper()
	by := map[string]string{}
	for _, line := range got {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(r.Series, "/", r.Epoch, "/", r.Time)
		if had, ok := by[key]; ok && had != line {
			t.Fatalf("two records of key %s differ:\n%s\n%s", key, had, line)
		}
		by[key] = line
	}
	return by
}

// TestKilledAnywhere kills the pipeline at random offsets and starts it again
// over the same state: every record of an uninterrupted run arrives, and
// whatever arrives twice is identical.
func TestKilledAnywhere(t *testing.T) {
	in := disorder(900)
	bad := map[int]bool{3: true, 400: true, 1001: true}
	src := &memSource{log: in, bad: bad, finished: map[int64]bool{}}
	whole, letters := newSink(1), newSink(2)
	if err := testPipeline(t, t.TempDir(), src, whole, letters).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := distinct(t, whole.got)
	if len(src.finished) != len(in) {
		t.Fatalf("%d of %d deliveries were acknowledged", len(src.finished), len(in))
	}
	if n := len(letters.got); n < len(bad) {
		t.Fatalf("%d dead letters, want at least the %d malformed", n, len(bad))
	}

	rng := rand.New(rand.NewPCG(11, 11))
	dir := t.TempDir()
	var got []string
	acked := map[int64]bool{}
	for life := 0; ; life++ {
		killAt := int64(len(in)) + 1
		if life < 10 {
			killAt = int64(rng.IntN(len(in)))
		}
		out := newSink(uint64(life))
		src := &memSource{log: in, bad: bad, finished: acked}
		p := testPipeline(t, dir, src, out, newSink(99))
		killed := errors.New("killed")
		src.wake = func(next int64) {
			if next == killAt {
				// Nothing leaves or becomes durable from here on.
				out.mu.Lock()
				out.done = true
				out.mu.Unlock()
				p.kill(killed)
			}
		}
		err := p.Run(t.Context())
		got = append(got, out.got...)
		if err == nil {
			break
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
	have := distinct(t, got)
	for key, line := range want {
		if have[key] != line {
			t.Fatalf("key %s: got\n%s\nwant\n%s", key, have[key], line)
		}
	}
	if len(have) != len(want) {
		t.Errorf("%d records, want %d", len(have), len(want))
	}
	if len(acked) != len(in) {
		t.Errorf("%d of %d deliveries were acknowledged", len(acked), len(in))
	}
}

// TestStopDrains stops the pipeline in the middle: what was read is durable and
// acknowledged when Run returns.
func TestStopDrains(t *testing.T) {
	in := disorder(900)
	src := &memSource{log: in, finished: map[int64]bool{}}
	out := newSink(3)
	p := testPipeline(t, t.TempDir(), src, out, newSink(4))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var read int64
	src.wake = func(next int64) {
		read = next
		if next == 1500 {
			stop()
		}
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	// The delivery at which the source saw the end is the first not read.
	if read < 1500 || int(read) >= len(in) || int64(len(src.finished)) != read {
		t.Errorf("%d deliveries read of %d, %d acknowledged: all that were read must be", read, len(in), len(src.finished))
	}
	if len(out.got) == 0 {
		t.Error("nothing came out")
	}
}

// TestRefusedForGood ends the run with the sink's own words.
func TestRefusedForGood(t *testing.T) {
	src := &memSource{log: disorder(200), finished: map[int64]bool{}}
	p := testPipeline(t, t.TempDir(), src, newSink(1), newSink(1))
	p.outlets[0].cfg.Sink = refusing{}
	err := p.Run(t.Context())
	if !errors.Is(err, sink.ErrPermanent) {
		t.Errorf("got %v, want the refusal", err)
	}
	if len(src.finished) != 0 {
		t.Errorf("%d deliveries were acknowledged though nothing is durable", len(src.finished))
	}
}

type refusing struct{}

func (refusing) Open(context.Context) error { return nil }
func (refusing) Write(context.Context, []sink.Item) error {
	return fmt.Errorf("bad password: %w", sink.ErrPermanent)
}
func (refusing) Close(context.Context) error { return nil }
