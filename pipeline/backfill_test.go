package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stopAt runs a stream of one log from a source until it comes to an offset, and returns
// how many deliveries of the source it is past.
func stopAt(t *testing.T, dir string, src *memSource, out *memSink, at int64) int64 {
	t.Helper()
	src.finished = map[int64]bool{}
	p := testPipeline(t, dir, src, out, newSink(4))
	p.workers[0].cfg.OneLog = true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	src.wake = func(next int64) {
		if next == at {
			stop()
		}
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return src.next
}

// TestBackfill reads a stream from a recording, then from a live log of another name, with
// kills there: the series go on without a seam. The recording is known again afterwards.
func TestBackfill(t *testing.T) {
	in := disorder(900)
	whole := newSink(1)
	first := testPipeline(t, t.TempDir(), &memSource{log: in, finished: map[int64]bool{}}, whole, newSink(2))
	if err := first.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, fates := distinct(t, whole.got), first.Summaries()["s"].Fates

	dir := t.TempDir()
	out := newSink(3)
	at := stopAt(t, dir, &memSource{part: "file", log: in}, out, 1500)
	got := out.got
	live := func(dir string, src *memSource, out *memSink) *Pipeline {
		src.part = "journal"
		p := testPipeline(t, dir, src, out, newSink(99))
		p.workers[0].cfg.OneLog = true
		return p
	}
	rng := rand.New(rand.NewPCG(12, 12))
	for life := 0; ; life++ {
		killAt := int64(len(in)) + 1
		if life < 5 {
			killAt = int64(rng.IntN(len(in) - int(at)))
		}
		if life == 0 {
			killAt = 0 // when nothing is read yet
		}
		out := newSink(uint64(life) + 6)
		p, killed := killedAt(live, dir, in[at:], out, killAt)
		err := p.Run(t.Context())
		got = append(got, out.got...)
		if err == nil {
			if d := cmp.Diff(fates, p.Summaries()["s"].Fates); d != "" {
				t.Errorf("fates: %s", d)
			}
			break
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, distinct(t, got)); d != "" {
		t.Errorf("%.2000s", d)
	}
	if again := stopAt(t, dir, &memSource{part: "file", log: in[:at]}, newSink(5), -1); again != at {
		t.Errorf("the recording is read from row %d, want its end %d", again, at)
	}
}

// TestPartitionsStayApart: where a source has several partitions, the state of one that it
// is not given is not another one's.
func TestPartitionsStayApart(t *testing.T) {
	in := disorder(300)
	dir := t.TempDir()
	runParts(t, dir, &partSource{log: in, turns: []turn{{[]string{"t/0"}, -1, len(in)}}})
	_, s := runParts(t, dir, &partSource{log: in, turns: []turn{{[]string{"t/1"}, -1, len(in)}}})
	if s.In != int64(len(in)) {
		t.Errorf("%d samples came in, want the %d of the second partition", s.In, len(in))
	}
}
