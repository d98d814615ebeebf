package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
)

// TestCutIsOfOneMoment: whatever comes while a checkpoint is being taken, it holds every
// series as it was when it was begun, and the series that changed meanwhile are in the
// next one.
func TestCutIsOfOneMoment(t *testing.T) {
	const series = 60
	e := testEngine(t, testModel(t, 1), &lines{})
	rng := rand.New(rand.NewPCG(1, 2))
	at := make([]int64, series)
	push := func(i int) {
		t.Helper()
		at[i]++
		in := []ingest.Sample{{Series: fmt.Sprint("s", i), Time: at[i] * 1e7, Value: rng.NormFloat64()},
			{Series: fmt.Sprint("s", i), Channel: 1, Time: at[i] * 1e7, Value: rng.NormFloat64()}}
		if err := e.Push("p", in, 0); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, snap, err := state.Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := &worker{eng: e, log: log, snap: snap, com: newCommitter(store, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "x"}))}
	w.arenas.New = func() any { return new(arena) }
	e.save = w.saveOne
	for range 3000 {
		push(rng.IntN(series))
	}
	for round := range 3 {
		e.Run()
		want := map[string][]byte{}
		for name, l := range e.lanes {
			want[name] = l.appendState(nil) // nothing is in the store: it wants all of them
		}
		w.begin()
		changed := map[string]bool{}
		for c := w.cut; len(c.lanes) > 0; c.lanes = c.lanes[1:] {
			for range rng.IntN(4) {
				i := rng.IntN(series / 2)
				push(i)
				changed[fmt.Sprint("s", i)] = true
			}
			e.Run()
			w.save(c.lanes[:1])
		}
		p := w.taken()
		if len(p.Entries) != len(want) {
			t.Errorf("round %d: %d series, want %d", round, len(p.Entries), len(want))
		}
		for _, en := range p.Entries {
			if !bytes.Equal(en.State, want[en.Series]) {
				t.Errorf("round %d: series %s is not as it was when the checkpoint was begun", round, en.Series)
			}
		}
		for name, l := range e.lanes {
			if l.touched != changed[name] || l.due {
				t.Errorf("round %d: series %s: touched %v, changed meanwhile %v, due %v", round, name, l.touched, changed[name], l.due)
			}
		}
		p.states.release()
	}
}
