package ingesttest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
)

// assignmentFirst: the first delivery is an Assignment, and until it is
// answered nothing else comes.
func assignmentFirst(t *testing.T, w *world) {
	r := &reader{world: w, src: w.New(t)}
	if err := r.src.Open(t.Context()); err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer r.close(t)
	r.take(t)
	// A group that is still settling may replace the assignment; a message must
	// not come.
	for range 3 {
		d, err := r.src.Next(expired(t))
		switch {
		case err == nil && d.Assignment == nil:
			t.Fatalf("message %+v delivered before Resume", d.Position)
		case err == nil:
			r.accept(t, d.Assignment)
		case !isWait(err):
			t.Fatalf("Next before Resume: %v, want the context's error", err)
		}
	}
	r.answer()
	r.feed(t, 1)
	r.next(t)
}

// offsetsRise: positions lie within the assignment and rise per partition;
// well-formed messages carry samples.
func offsetsRise(t *testing.T, w *world) {
	r := w.open(t, nil)
	defer r.close(t)
	r.feed(t, messages)
	samples := 0
	for _, d := range r.read(t, messages) {
		samples += len(d.Samples)
		if d.Ack.To != nil && d.Ack.Position != d.Position {
			t.Errorf("Ack is for %+v, the delivery at %+v", d.Ack.Position, d.Position)
		}
		d.Ack.Done()
	}
	if samples == 0 {
		t.Errorf("%d deliveries hold no sample", messages)
	}
}

// resumeHonoured: a successor asked to start at an offset delivers from there,
// and the same content as before.
func resumeHonoured(t *testing.T, w *world) {
	r := w.open(t, nil)
	r.feed(t, messages)
	before := r.read(t, messages)
	// From the middle of each partition.
	byPart := make(map[string][]ingest.Delivery)
	for i := range before {
		name := r.part(&before[i]).Name
		byPart[name] = append(byPart[name], before[i])
	}
	first := make(map[string]int64)
	left := 0
	for name, ds := range byPart {
		first[name] = ds[len(ds)/2].Offset
		left += len(ds) - len(ds)/2
	}
	r.close(t)

	r = w.open(t, first)
	defer r.close(t)
	got := make(map[string][]ingest.Delivery)
	for i := 0; i < left; {
		d := r.next(t)
		name := r.part(&d).Name
		if _, ok := first[name]; !ok {
			continue // a partition that held nothing in the first round
		}
		got[name] = append(got[name], d)
		i++
	}
	for name, ds := range byPart {
		for i, want := range ds[len(ds)/2:] {
			if i >= len(got[name]) {
				break // an endless input gives a partition's share in its own time
			}
			g := got[name][i]
			if g.Offset != want.Offset {
				t.Errorf("partition %s: message %d after Resume(%d) is at %d, want %d", name, i, first[name], g.Offset, want.Offset)
			}
			if d := cmp.Diff(want.Samples, g.Samples); d != "" {
				t.Errorf("partition %s offset %d: samples differ after Resume (-first +second):\n%s", name, g.Offset, d)
			}
			if d := cmp.Diff(string(want.Payload), string(g.Payload)); d != "" {
				t.Errorf("partition %s offset %d: payload differs after Resume (-first +second):\n%s", name, g.Offset, d)
			}
		}
	}
}

// pollLosesNothing: with an expired context Next returns at once, and what it
// did not return is still to come.
func pollLosesNothing(t *testing.T, w *world) {
	r := w.open(t, nil)
	defer r.close(t)
	if w.Publish != nil {
		if d, err := r.src.Next(expired(t)); err == nil && r.digest(t, &d) {
			t.Fatalf("message %+v before anything was published", d.Position)
		} else if err != nil && !isWait(err) {
			t.Fatalf("poll of an empty source: %v, want context.DeadlineExceeded", err)
		}
	}
	r.feed(t, messages)
	// A message lost by a poll would be missing at the end, where next then
	// waits in vain and fails.
	for n := 0; n < messages; {
		d, err := r.src.Next(expired(t))
		switch {
		case err == nil:
			if !r.digest(t, &d) {
				continue
			}
		case isWait(err):
			r.next(t)
		default:
			t.Fatalf("poll: %v, want a delivery or context.DeadlineExceeded", err)
		}
		n++
	}
}

// cancelWhileWaiting: a cancelled context ends a waiting Next with the
// context's error, and the source stays usable.
func cancelWhileWaiting(t *testing.T, w *world) {
	r := w.open(t, nil)
	defer r.close(t)
	if w.Publish == nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d, err := r.src.Next(ctx)
		if err != nil && !errors.Is(err, context.Canceled) && !isEnd(err) {
			t.Fatalf("Next with a cancelled context: %v", err)
		}
		if err == nil {
			r.digest(t, &d)
		}
		r.next(t)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	type result struct {
		d   ingest.Delivery
		err error
	}
	done := make(chan result, 1)
	go func() {
		d, err := r.src.Next(ctx)
		done <- result{d, err}
	}()
	cancel()
	guard, stop := context.WithTimeout(context.Background(), w.Patience)
	defer stop()
	select {
	case res := <-done:
		if res.err == nil {
			if r.digest(t, &res.d) {
				t.Fatalf("message %+v before anything was published", res.d.Position)
			}
		} else if !errors.Is(res.err, context.Canceled) {
			t.Fatalf("cancelled Next: %v, want context.Canceled", res.err)
		}
	case <-guard.Done():
		t.Fatal("Next does not return when its context is cancelled")
	}
	r.feed(t, 1)
	r.next(t)
}

// finishedIsRemembered: after every message was finished and the source
// closed, its successor starts behind them.
func finishedIsRemembered(t *testing.T, w *world) {
	if !w.Commits {
		t.Skip("the source leaves the memory of offsets to checkpoints")
	}
	r := w.open(t, nil)
	r.feed(t, messages)
	last := make(map[string]int64)
	for _, d := range r.read(t, messages) {
		last[r.part(&d).Name] = d.Offset
		d.Ack.Done()
	}
	r.close(t)

	r = w.open(t, nil)
	defer r.close(t)
	for _, p := range r.assign.Parts {
		if o, ok := last[p.Name]; ok && p.Committed != o+1 {
			t.Errorf("partition %s: Committed is %d after offset %d was finished, want %d", p.Name, p.Committed, o, o+1)
		}
	}
	r.feed(t, 1)
	d := r.next(t)
	if o, ok := last[r.part(&d).Name]; ok && d.Offset <= o {
		t.Errorf("partition %s: offset %d delivered again after it was finished", r.part(&d).Name, d.Offset)
	}
}

// ackGapHoldsCommit: messages finished out of order never move the committed
// offset past one that is unfinished.
func ackGapHoldsCommit(t *testing.T, w *world) {
	if !w.Commits {
		t.Skip("the source leaves the memory of offsets to checkpoints")
	}
	r := w.open(t, nil)
	r.feed(t, messages)
	ds := r.read(t, messages)
	held := &ds[messages/2]
	name := r.part(held).Name
	for i := len(ds) - 1; i >= 0; i-- {
		if &ds[i] != held {
			ds[i].Ack.Done()
		}
	}
	r.close(t)

	r = w.open(t, nil)
	defer r.close(t)
	for _, p := range r.assign.Parts {
		if p.Name == name && p.Committed > held.Offset {
			t.Errorf("partition %s: Committed is %d with offset %d unfinished", name, p.Committed, held.Offset)
		}
	}
	for {
		d := r.next(t)
		if r.part(&d).Name == name {
			if d.Offset > held.Offset {
				t.Errorf("partition %s: first delivery is at %d, but %d is unfinished", name, d.Offset, held.Offset)
			}
			return
		}
	}
}

// staleAckIgnored: acks of a source that was closed, or of another generation,
// change nothing and do not panic.
func staleAckIgnored(t *testing.T, w *world) {
	r := w.open(t, nil)
	r.feed(t, messages)
	d := r.next(t)
	stale := d.Ack
	stale.Generation--
	stale.Done()
	r.close(t)
	d.Ack.Done()
	stale.Done()
}

// endOfInput: a fixed input ends with io.EOF, again and again.
func endOfInput(t *testing.T, w *world) {
	if w.Publish != nil || w.Total == 0 {
		t.Skip("the input does not end")
	}
	r := w.open(t, nil)
	defer r.close(t)
	r.read(t, w.Total)
	for range 3 {
		if _, err := r.src.Next(t.Context()); !isEnd(err) {
			t.Fatalf("Next after the last message: %v, want io.EOF", err)
		}
	}
	if _, err := r.src.Next(expired(t)); !isEnd(err) {
		t.Fatalf("poll after the last message: %v, want io.EOF", err)
	}
}

// closeIsIdempotent: a second Close does nothing, and Next afterwards is an
// error rather than a hang.
func closeIsIdempotent(t *testing.T, w *world) {
	r := w.open(t, nil)
	r.feed(t, messages)
	r.next(t)
	r.close(t)
	if err := r.src.Close(context.Background()); err != nil {
		t.Errorf("second Close: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.Patience)
	defer cancel()
	if d, err := r.src.Next(ctx); err == nil {
		t.Errorf("Next after Close returned %+v, want an error", d.Position)
	} else if ctx.Err() != nil {
		t.Error("Next after Close waits for its context, want an error at once")
	}
}

// closeWithoutOpen: a source that was never opened can be closed.
func closeWithoutOpen(t *testing.T, w *world) {
	src := w.New(t)
	if err := src.Close(context.Background()); err != nil {
		t.Errorf("Close without Open: %v", err)
	}
}
