package adapt

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/pipeline/view"
)

// TestShown follows a fine-tune from the windows that it waits for to the probation of
// what came of it.
func TestShown(t *testing.T) {
	a := open(t, quick(general(t)))
	r := read(t, a)
	s := newSensor(a, "x", 1)
	if a.Adaptation("x") != nil {
		t.Error("a series that is not there yet is shown")
	}
	drifted(s, 2, "regime")
	is := a.Adaptation("x")
	if is.Phase != view.Collecting || is.Windows < 1 || is.Need != 4 || is.Evidence != nil || is.Steps != 500 {
		t.Errorf("while it collects: %+v", is)
	}
	s.feed(4*256, pulses, "regime")
	r.wait(t, "model.promoted")
	if is = a.Adaptation("x"); is.Phase != view.Probation || is.Challenger == nil || is.Evidence == nil || len(is.Curve) == 0 {
		t.Fatalf("after the promotion: %+v", is)
	}
	for i, p := range is.Curve {
		if i > 0 && p.Step <= is.Curve[i-1].Step || p.Step > is.Steps || !p.Loss.Known() {
			t.Errorf("point %d of the curve: %+v", i, p)
		}
	}
	if last := a.groups()[0].last; last == nil || last.evidence == nil || !(last.evidence.LogE >= last.evidence.Accept) || !(last.gain > 0) || last.evidence.Accept != view.Number(-math.Log(.01)) {
		t.Errorf("of the gate: %+v", last)
	}
	if all := a.Adaptations(10); len(all) != 1 || all[0].Series != "x" {
		t.Errorf("%+v", all)
	}
	states := map[string]bool{}
	for _, k := range a.Known() {
		states[k.State] = true
		if k.Series != "x" {
			t.Errorf("a model of series %q", k.Series)
		}
	}
	if !states[view.Kept] || !states[view.Probation] {
		t.Errorf("states %v", states)
	}
}

// TestExcludedWindow: one that is taken out is trained on no more, over a restart too,
// until it is taken back in.
func TestExcludedWindow(t *testing.T) {
	cfg := quick(general(t))
	cfg.Dir = t.TempDir()
	a := open(t, cfg)
	r := read(t, a)
	s := newSensor(a, "x", 1)
	s.feed(10*256, slow, "normal")
	shown, from, end := a.Replay("x")
	if len(shown.Windows) < 5 || from != 0 || end != 10*256 || shown.Bytes <= 0 || shown.MaxBytes != 1<<20 {
		t.Fatalf("%+v, %d to %d", shown, from, end)
	}
	w := shown.Windows[2]
	values := a.ReplayWindow("x", w.ID)
	if len(values) != 1 || len(values[0]) != 256 || !(math.Abs(float64(values[0][0])-30) < 6) {
		t.Fatalf("window %s holds %v", w.ID, values)
	}
	count := func(a *Adapter) int {
		a.mu.Lock()
		defer a.mu.Unlock()
		s := a.track("x").group.buf.Snapshot()
		return len(s.Old) + len(s.Recent) + len(s.Holdout)
	}
	before := count(a)
	for _, id := range []string{"", "7", "x", "99999999999999999999"} {
		if a.ExcludeWindow("x", id, true) || a.ReplayWindow("x", id) != nil {
			t.Errorf("there is a window %q", id)
		}
	}
	if !a.ExcludeWindow("x", w.ID, true) || count(a) != before-1 {
		t.Fatalf("%d of %d windows are left", count(a), before)
	}
	settled(t, a, r)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := open(t, cfg)
	read(t, b)
	newSensor(b, "x", 1).feed(1, slow, "normal")
	if shown, _, _ = b.Replay("x"); !shown.Windows[2].Excluded || shown.Windows[2].ID != w.ID || count(b) != before-1 {
		t.Errorf("after a restart: %+v", shown.Windows[2])
	}
	if !b.ExcludeWindow("x", w.ID, false) || count(b) != before {
		t.Errorf("%d of %d windows after it was taken back in", count(b), before)
	}
}
