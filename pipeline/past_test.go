package pipeline

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// TestRevisable: what a slot takes late, and what not.
func TestRevisable(t *testing.T) {
	m := fixedModel(t, 3, false)
	out := &fates{}
	e := revising(t, m, false, 0, out)
	in := steady("x", 0, 400)
	gone := in[2*320] // channel a of slot 320
	old := in[2*290+1]
	push(t, e, slicesWithout(in, 2*320, 2*290+1))
	records := out.records
	two := gone
	two.Value++
	dup := in[2*330]
	conflict := dup
	conflict.Value++
	other := dup
	other.Time++ // another reading of the same slot
	for i, s := range []ingest.Sample{old, gone, gone, two, dup, conflict, other} {
		push(t, e, []ingest.Sample{s})
		if want := []int{0, 1, 1, 1, 1, 1, 1}[i]; (out.records > records) != (want > 0) {
			t.Errorf("sample %d: %d more records", i, out.records-records)
		}
	}
	want := map[window.Fate]int{window.Late: 2, window.Conflicting: 2}
	if d := cmp.Diff(want, out.dead); d != "" {
		t.Error(d)
	}
	if f := e.Fates(); f[window.Duplicate] != 2 || f.In() != int64(len(in)-2+7) {
		t.Errorf("fates %v", f)
	}
	if n := e.lanes["x"].past.slots.len(); n != 101 {
		t.Errorf("%d records are remembered, want 101: a second of them", n)
	}
	// A new context takes nothing for the one before.
	push(t, e, steady("x", 500, 60))
	was := in[2*399]
	was.Time += 5e6
	push(t, e, []ingest.Sample{was})
	if out.dead[window.Late] != 3 {
		t.Errorf("dead %v: a reading of an earlier context is late", out.dead)
	}
}

type fates struct {
	nowhere
	dead map[window.Fate]int
}

func (f *fates) Dead(_ ingest.Sample, why window.Fate) {
	if f.dead == nil {
		f.dead = map[window.Fate]int{}
	}
	f.dead[why]++
}

func slicesWithout(in []ingest.Sample, drop ...int) []ingest.Sample {
	var out []ingest.Sample
	for i, s := range in {
		if !slices.Contains(drop, i) {
			out = append(out, s)
		}
	}
	return out
}

// TestRevisedByItsModel: records from before a switch are revised by the model that
// gave them out.
func TestRevisedByItsModel(t *testing.T) {
	first, second := fixedModel(t, 3, false), fixedModel(t, 4, false)
	in := steady("x", 0, 600)
	late := in[2*300]
	out := &lines{}
	e := revising(t, first, false, 0, out)
	push(t, e, slicesWithout(in[:2*305], 2*300))
	if _, ok := e.Decide(Switch{Series: "x", Model: second, Kind: "model.promoted"}); !ok {
		t.Fatal("the series is unknown")
	}
	push(t, e, in[2*305:2*340])
	n := len(out.records)
	push(t, e, []ingest.Sample{late})
	by := map[string]int{}
	for _, line := range out.records[n:] {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		by[r.Model]++
		before := r.Time < int64(1e18)+297*1e7
		if want := map[bool]string{true: first.Name(), false: second.Name()}[before]; r.Model != want {
			t.Errorf("slot %d: revised by %s, want %s", (r.Time-1e18)/1e7, r.Model, want)
		}
	}
	if by[first.Name()] < 4 || by[second.Name()] < 10 {
		t.Errorf("revised: %v", by)
	}
}

// TestRevisedKilledAnywhere: with kills in between, the same records come under the
// same keys.
func TestRevisedKilledAnywhere(t *testing.T) {
	in := both(700, 30)
	make := func(dir string, src *memSource, out *memSink) *Pipeline {
		p := testPipeline(t, dir, src, out, newSink(99))
		p.workers[0].eng.cfg.Window.AllowedLateness = time.Second
		return p
	}
	whole := newSink(1)
	if err := make(t.TempDir(), &memSource{log: in, finished: map[int64]bool{}}, whole).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := distinctRevs(t, whole.got)
	rng := rand.New(rand.NewPCG(5, 5))
	dir := t.TempDir()
	var got []string
	for life := 0; ; life++ {
		out := newSink(uint64(life))
		p, killed := killedAt(make, dir, in, out, int64(rng.IntN(len(in)))+int64(life/8*len(in)))
		err := p.Run(t.Context())
		got = append(got, out.got...)
		if err == nil {
			break
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, distinctRevs(t, got)); d != "" {
		t.Errorf("%.2000s", d)
	}
}

// TestRememberingAllocatesNothing: what comes in time costs no memory, though it is
// remembered for what comes late.
func TestRememberingAllocatesNothing(t *testing.T) {
	e := revising(t, fixedModel(t, 3, false), false, 0, &nowhere{})
	in := steady("x", 0, 4000)
	push(t, e, in[:4000])
	at := 4000
	if n := testing.AllocsPerRun(1500, func() {
		push(t, e, in[at:at+2])
		at += 2
	}); n != 0 {
		t.Errorf("%g allocations a slot", n)
	}
}

// TestNothingToRevise: a late sample without a value changes no record, whatever
// serves, and so none is told again.
func TestNothingToRevise(t *testing.T) {
	in := noisy("x", 5200)
	var timely []ingest.Sample
	lost := map[int]ingest.Sample{} // by the slot after which they come
	for i, s := range in {
		if slot := i / 2; i%2 == 0 && slot > 600 && slot%23 == 0 {
			s.Missing, s.Value = ingest.Null, 0
			lost[slot+50] = s
			continue
		}
		timely = append(timely, s)
	}
	out := &lines{}
	e := revising(t, testModel(t, 1), true, 0, out)
	n := 0
	for i := range timely {
		push(t, e, timely[i:i+1])
		if s, ok := lost[int((timely[i].Time-1e18)/1e7)]; ok && timely[i].Channel == 1 {
			push(t, e, []ingest.Sample{s})
			n++
		}
	}
	if f := e.Fates(); n < 150 || f.In() != int64(len(timely)+n) || f[window.Late] != 0 {
		t.Fatalf("%d samples came late, fates %v", n, f)
	}
	filters := map[string]int{}
	for _, line := range out.records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if r.Rev != 0 {
			t.Fatalf("told again: %s", line)
		}
		filters[r.Values[0].Method]++
	}
	if len(filters) < 2 || filters["net"] < 500 {
		t.Errorf("served by %v: the recording is not what the test thinks", filters)
	}
}
