package pipeline

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// FuzzLaneState: no state of a series has the engine fail or fill the memory, whatever
// it holds, and one that is taken is written as it was read.
func FuzzLaneState(f *testing.F) {
	in := disorder(1100)
	m := testModel(f, 1)
	bank, err := NewBank(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	if err := bank.Save(m); err != nil {
		f.Fatal(err)
	}
	for _, cut := range []int{1, 50, 700, len(in)} {
		e := testEngine(f, m, &lines{})
		if err := e.Push("p", in[:cut], 0); err != nil {
			f.Fatal(err)
		}
		e.Run()
		for _, l := range e.lanes {
			f.Add(l.appendState(nil))
		}
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		e := testEngine(t, m, &lines{})
		fuzztest.Bounded(t, len(state), 4000, 32<<20, func() {
			l, err := restoreLane(e, "p", "x", state, bank)
			if err != nil {
				return
			}
			again, err := restoreLane(e, "p", "x", l.appendState(nil), bank)
			if err != nil {
				t.Fatalf("what was taken is refused when it is written again: %v", err)
			}
			e.lanes["x"] = again
			if err := e.Push("p", in[1000:1060], 0); err == nil {
				e.Run()
				e.Finish()
			}
		})
	})
}

// FuzzSwitch: a switch that can be read names a model of the bank.
func FuzzSwitch(f *testing.F) {
	m := testModel(f, 1)
	bank, err := NewBank(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	if err := bank.Save(m); err != nil {
		f.Fatal(err)
	}
	f.Add(AppendSwitch(nil, &Switch{Series: "x", Record: 3, Model: m, Kind: "model.promoted", Why: "better", At: 9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		sw, err := ReadSwitch("x", b, bank)
		if err != nil {
			return
		}
		again, err := ReadSwitch("x", AppendSwitch(nil, &sw), bank)
		if err != nil || again != sw {
			t.Errorf("%+v comes back as %+v, %v", sw, again, err)
		}
	})
}

// FuzzOutages: what was told of outages is read as it was kept, or set aside.
func FuzzOutages(f *testing.F) {
	f.Add([]byte(`{"told":{}}`))
	f.Add([]byte(`{"latest":5,"told":{"s/sink/clean":{}},"waiting":{"clean":[{"v":1,"type":"event","ts":"2026-11-23T12:00:00Z"}]}}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "outages.json")
		w := newWard(t, path, 8)
		w.log = slog.New(slog.NewTextHandler(io.Discard, nil))
		if w.restore(b) {
			w.pass(2*downAfter, "down")
			w.events()
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	})
}
