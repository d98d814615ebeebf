package pipeline

import (
	"slices"
	"testing"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// A guard that is switched on over the state of a series that had none numbers its
// slots as the stream does, so that what it nudges is what it looks at.
func TestGuardSwitchedOn(t *testing.T) {
	_, noisy := beats(12000, 12000)
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	engine := func(guarded bool) (*Engine, *lines) {
		out := &lines{}
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: m, Guard: guarded, Window: window.Config{RateHz: 100}}, out)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e, out
	}
	before, _ := engine(false)
	feed(t, before, noisy[:3000], 0)
	before.Run()
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.Save(m); err != nil {
		t.Fatal(err)
	}
	after, _ := engine(true)
	if after.lanes["x"], err = restoreLane(after, "p", "x", before.lanes["x"].appendState(nil), bank); err != nil {
		t.Fatal(err)
	}
	feed(t, after, noisy[3000:], 3000)
	after.Run()
	for _, l := range after.lanes {
		_, out := l.stream.Position()
		if got := l.guard.Slot(); got != out {
			t.Errorf("the guard is at slot %d, the stream has given out %d", got, out)
		}
	}
}

// What the second run says does not hang on how its blocks were cut into calls: up to the
// end of a row of blocks, where no more is pushed than is wanted, and into the next one, where
// it begins as a copy of the lane's own stream.
func TestSecondRunAnyCut(t *testing.T) {
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	secondRunAnyCut(t, m)
}

// Nor does it of a strided net, which gives out several values at once.
func TestStridedAnyCut(t *testing.T) { secondRunAnyCut(t, fixedModel(t, 3, true)) }

func secondRunAnyCut(t *testing.T, m *model.Model) {
	t.Helper()
	_, noisy := beats(7200, 7200)
	var want []string
	for _, chunk := range []int{1, 11, 250, 7200} {
		out := &lines{}
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: m, Guard: true, Window: window.Config{RateHz: 100}}, out)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(noisy); at += chunk {
			feed(t, e, noisy[at:min(at+chunk, len(noisy))], at)
			e.Run()
		}
		e.Finish()
		e.Close()
		if want == nil {
			want = out.records
		}
		if !slices.Equal(out.records, want) {
			t.Errorf("chunks of %d change records", chunk)
		}
	}
}

// A guard that is switched off over the state of a series that had one is forgotten, and the
// net serves from there on, as if there had never been one.
func TestGuardSwitchedOff(t *testing.T) {
	_, noisy := beats(4000, 4000)
	m, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	engine := func(guarded bool) (*Engine, *lines) {
		out := &lines{}
		e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: m, Guard: guarded, Watch: true, FitSentinel: untrained,
			FalseAlarms: monitor.DefaultRate, Window: window.Config{RateHz: 100}}, out)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e, out
	}
	before, _ := engine(true)
	feed(t, before, noisy[:3000], 0)
	before.Run()
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	after, got := engine(false)
	if after.lanes["x"], err = restoreLane(after, "p", "x", before.lanes["x"].appendState(nil), bank); err != nil {
		t.Fatal(err)
	}
	never, want := engine(false)
	feed(t, never, noisy[:3000], 0)
	never.Run()
	want.records = nil
	feed(t, after, noisy[3000:], 3000)
	feed(t, never, noisy[3000:], 3000)
	after.Run()
	never.Run()
	if len(want.records) == 0 || !slices.Equal(got.records, want.records) {
		t.Errorf("%d records, without a guard %d, or others", len(got.records), len(want.records))
	}
}

// TestStridedStateOfBefore: a guard whose filters looked as far ahead as a strided net does
// at most, as those of earlier versions did, is read, and goes on with those of now.
func TestStridedStateOfBefore(t *testing.T) {
	m := fixedModel(t, 3, true)
	_, noisy := beats(3000, 3000)
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a"}, Model: m, Guard: true, Window: window.Config{RateHz: 100}}, &lines{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	feed(t, e, noisy[:2000], 0)
	e.Run()
	l := e.lanes["x"]
	now, err := l.panel(m.CertainAhead())
	if err != nil {
		t.Fatal(err)
	}
	was, err := l.panel(m.Lookahead())
	if err != nil || was == now {
		t.Fatal("a strided net looks as far ahead for certain as at most", err)
	}
	l.guard.Renew(was)
	rest, err := l.restoreGuard(append(l.guard.AppendState(nil), "rest"...))
	if err != nil || string(rest) != "rest" {
		t.Fatalf("%q, %v", rest, err)
	}
	if again, err := l.restoreGuard(l.guard.AppendState(nil)); err != nil || len(again) != 0 {
		t.Errorf("what was renewed is read back as %q, %v", again, err)
	}
	feed(t, e, noisy[2000:], 2000)
	e.Run()
	if _, err := l.restoreGuard(nil); err == nil {
		t.Error("a guard was read from nothing")
	}
}
