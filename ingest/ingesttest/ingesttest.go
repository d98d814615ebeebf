// Package ingesttest is the contract suite of ingest.Source: what the pipeline
// relies on, asked of every driver in the same words.
//
// A driver's test calls Run with a function that sets up one world (a broker
// and a topic of its own, a file, a generator) per subtest:
//
//	ingesttest.Run(t, func(t *testing.T) ingesttest.Harness {
//		dir, topic := t.TempDir(), newTopic(t)
//		return ingesttest.Harness{
//			New:     func(t *testing.T) ingest.Source { return open(dir, topic) },
//			Publish: func(t *testing.T, n int) { publish(t, topic, n) },
//			Commits: true,
//		}
//	})
package ingesttest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quell-stream/quell/ingest"
)

// Harness is one world that a source reads, and what may be asked of it.
type Harness struct {
	// New returns a source that has not been opened. A second call, after the
	// first source was closed, returns its successor over the same input and the
	// same state, as after a restart of the process.
	New func(t *testing.T) ingest.Source
	// Publish adds n more well-formed messages and returns once the transport
	// has taken them. It is called after a source was opened and its first
	// assignment answered. Nil: the input is fixed (see Total).
	Publish func(t *testing.T, n int)
	// Total is how many messages a fixed input holds (at least 8), after which
	// Next says io.EOF. Zero with a nil Publish: the input never ends.
	Total int
	// Commits says that the source itself remembers what was finished: its
	// successor's Partition.Committed is the first unfinished offset.
	Commits bool
	// Patience bounds how long one Next may take when something is to come;
	// default 20 s. It is a guard against hanging, not a measurement.
	Patience time.Duration
	// Leaks are goroutines that do not belong to the source, for goleak.
	Leaks []goleak.Option
	// SkipLeaks leaves the goroutine check out, for worlds that can't be
	// stopped within a subtest.
	SkipLeaks bool
}

// messages is how many messages most subtests publish or read.
const messages = 8

// Run holds the source to the contract of ingest.Source, one subtest per
// clause. Setup is called once per subtest.
func Run(t *testing.T, setup func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"AssignmentFirst", assignmentFirst},
		{"OffsetsRise", offsetsRise},
		{"ResumeHonoured", resumeHonoured},
		{"PollLosesNothing", pollLosesNothing},
		{"CancelWhileWaiting", cancelWhileWaiting},
		{"FinishedIsRemembered", finishedIsRemembered},
		{"AckGapHoldsCommit", ackGapHoldsCommit},
		{"StaleAckIgnored", staleAckIgnored},
		{"EndOfInput", endOfInput},
		{"CloseIsIdempotent", closeIsIdempotent},
		{"CloseWithoutOpen", closeWithoutOpen},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Registered first, so that it runs after the world's own clean-up.
			ignore := goleak.IgnoreCurrent()
			var w world
			t.Cleanup(func() {
				if !w.SkipLeaks && !t.Failed() && !t.Skipped() {
					goleak.VerifyNone(t, append([]goleak.Option{ignore}, w.Leaks...)...)
				}
			})
			w.Harness = setup(t)
			if w.Patience == 0 {
				w.Patience = 20 * time.Second
			}
			c.test(t, &w)
		})
	}
}

// world is a harness with helpers.
type world struct {
	Harness
}

// reader reads one source and answers its assignments.
type reader struct {
	*world
	src    ingest.Source
	assign *ingest.Assignment // the current one
	first  map[string]int64   // wanted offsets by partition name, for Resume; absent: -1
	seen   map[string]int64   // last offset by partition name in this assignment
	closed bool
}

// open opens a new source, reads its first assignment, and answers it with the
// offsets in first (nil: from Committed).
func (w *world) open(t *testing.T, first map[string]int64) *reader {
	t.Helper()
	r := &reader{world: w, src: w.New(t), first: first}
	if err := r.src.Open(t.Context()); err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if !r.closed {
			r.close(t)
		}
	})
	r.take(t)
	r.answer()
	return r
}

// take waits for the first assignment and checks its form.
func (r *reader) take(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	d, err := r.src.Next(ctx)
	if err != nil {
		t.Fatalf("first Next: %v, want an Assignment", err)
	}
	if d.Assignment == nil {
		t.Fatalf("first delivery is a message at %+v, want an Assignment", d.Position)
	}
	r.accept(t, d.Assignment)
}

func (r *reader) accept(t *testing.T, a *ingest.Assignment) {
	t.Helper()
	if a.Resume == nil {
		t.Fatal("Assignment.Resume is nil")
	}
	names := make(map[string]bool)
	for _, p := range a.Parts {
		if p.Name == "" || names[p.Name] {
			t.Fatalf("partition name %q is empty or occurs twice", p.Name)
		}
		names[p.Name] = true
		if p.Committed < -1 {
			t.Fatalf("partition %s: Committed is %d, want -1 or more", p.Name, p.Committed)
		}
	}
	r.assign, r.seen = a, make(map[string]int64)
}

// answer calls Resume.
func (r *reader) answer() {
	first := make([]int64, len(r.assign.Parts))
	for i, p := range r.assign.Parts {
		first[i] = -1
		if o, ok := r.first[p.Name]; ok {
			first[i] = o
		}
	}
	r.assign.Resume(first)
}

// next returns the next message, answering assignments on the way.
func (r *reader) next(t *testing.T) ingest.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	for {
		d, err := r.src.Next(ctx)
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if r.digest(t, &d) {
			return d
		}
	}
}

// digest checks a delivery and says whether it is a message. It makes the
// samples outlive the next call of Next.
func (r *reader) digest(t *testing.T, d *ingest.Delivery) bool {
	t.Helper()
	if d.Assignment != nil {
		// Progress made so far is what a worker would ask for.
		for name, o := range r.seen {
			if r.first == nil {
				r.first = make(map[string]int64)
			}
			r.first[name] = o + 1
		}
		r.accept(t, d.Assignment)
		r.answer()
		return false
	}
	if d.Part < 0 || d.Part >= len(r.assign.Parts) {
		t.Fatalf("delivery of partition %d, but the assignment has %d", d.Part, len(r.assign.Parts))
	}
	name := r.assign.Parts[d.Part].Name
	if last, ok := r.seen[name]; ok && d.Offset <= last {
		t.Fatalf("partition %s: offset %d after %d, want it to rise", name, d.Offset, last)
	}
	if d.Offset < 0 {
		t.Fatalf("partition %s: offset %d is negative", name, d.Offset)
	}
	if want, ok := r.first[name]; ok && d.Offset < want {
		t.Fatalf("partition %s: offset %d, but Resume asked for %d and later", name, d.Offset, want)
	}
	r.seen[name] = d.Offset
	if d.Err != nil {
		var m *ingest.MalformedError
		if !errors.As(d.Err, &m) {
			t.Fatalf("Delivery.Err is %T (%v), want a MalformedError", d.Err, d.Err)
		}
		if len(d.Samples) != 0 {
			t.Fatalf("a malformed delivery carries %d samples", len(d.Samples))
		}
	}
	d.Samples = append([]ingest.Sample(nil), d.Samples...)
	return true
}

// read reads n messages.
func (r *reader) read(t *testing.T, n int) []ingest.Delivery {
	t.Helper()
	out := make([]ingest.Delivery, 0, n)
	for len(out) < n {
		out = append(out, r.next(t))
	}
	return out
}

// feed publishes n messages where the input isn't fixed.
func (r *reader) feed(t *testing.T, n int) {
	t.Helper()
	if r.Publish != nil {
		r.Publish(t, n)
	} else if r.Total != 0 && r.Total < n {
		t.Fatalf("Harness.Total is %d, want at least %d", r.Total, n)
	}
}

func (r *reader) close(t *testing.T) {
	t.Helper()
	r.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	if err := r.src.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// part returns the partition of a delivery of the current assignment.
func (r *reader) part(d *ingest.Delivery) ingest.Partition { return r.assign.Parts[d.Part] }

// expired returns a context whose deadline has passed: with it Next polls.
func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return ctx
}

// isWait says that err is what Next returns when there is nothing now.
func isWait(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// isEnd says that the input ended.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
