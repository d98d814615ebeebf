package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/wire"
)

// versionFive makes of a lane's state what version 5 wrote: without a mark, a rate, a
// past, the times of readings and their spacing.
func versionFive(l *lane) []byte {
	now := l.appendState(nil)
	head := len(wire.Bytes(wire.I64(wire.F64(wire.I64(wire.U8(nil, laneVersion), 0), 0), 0), l.past.appendState(nil)))
	win := l.win.AppendState(nil)
	rest := now[head+len(win):]
	// What waits is found from where it begins to where it ends.
	var six, five []byte
	for i := range l.waiting.len() {
		w := l.waiting.at(i)
		six = appendWaiting(six, w)
		at := len(five)
		five = appendWaiting(five, w)
		cell := (len(five) - at - len(appendWaiting(nil, &waitSlot{state: w.state}))) / len(w.cells)
		for ch := range w.cells {
			from := len(five) - (len(w.cells)-ch)*cell + 8
			five = append(five[:from], five[from+8:]...)
		}
	}
	const pace = 8 + 8 + 8 // that of a given rate
	out := append(wire.U8(nil, 5), win[:len(win)-pace]...)
	for i := 0; i+len(six) <= len(rest); i++ {
		if string(rest[i:i+len(six)]) == string(six) {
			return append(append(append(out, rest[:i]...), five...), rest[i+len(six):]...)
		}
	}
	panic("what waits is not in the state")
}

// TestReadsOlderState restores a series from the state of the version before: it goes
// on as if nothing had happened, and counts as heard of now.
func TestReadsOlderState(t *testing.T) {
	in := disorder(1200)
	m := testModel(t, 1)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	whole, out := &lines{}, &lines{}
	w, a, b := testEngine(t, m, whole), testEngine(t, m, out), testEngine(t, m, out)
	cut := len(in) / 2
	push(t, w, in[:cut])
	push(t, w, in[cut:])
	push(t, a, in[:cut])
	for name, l := range a.lanes {
		r, err := restoreLane(b, "p", name, versionFive(l), bank)
		if err != nil {
			t.Fatal(err)
		}
		if r.mark != noMark {
			t.Errorf("series %s has the mark %d", name, r.mark)
		}
		b.partition("p").newest = 7
		if b.adopt("p", []*lane{r}); r.mark != 7 {
			t.Errorf("series %s counts as heard of at %d, want 7", name, r.mark)
		}
	}
	push(t, b, in[cut:])
	if d := cmp.Diff(bySeries(whole.records), bySeries(out.records)); d != "" {
		t.Errorf("%.2000s", d)
	}
	if _, err := restoreLane(b, "p", "x", wire.U8(nil, laneVersion+1), bank); err == nil {
		t.Error("a state of a later version is read")
	}
}

// TestDamagedState: a state that is cut short anywhere is refused.
func TestDamagedState(t *testing.T) {
	m := testModel(t, 1)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t, m, &lines{})
	e.cfg.Window.AllowedLateness = 1e8
	push(t, e, both(200, 20))
	state := e.lanes["x"].appendState(nil)
	for n := 0; n < len(state); n += 1 + n/97 {
		if _, err := restoreLane(e, "p", "x", state[:n], bank); err == nil {
			t.Fatalf("%d of %d bytes are taken for a state", n, len(state))
		}
	}
}
