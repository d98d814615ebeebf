package adapteval

import (
	"math"
	"testing"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
)

func TestGateRows(t *testing.T) {
	rows := gateRows([]challenge{{-.4, false}, {0, true}, {.1, true}, {.3, false}, {.5, true}, {2, true}, {-1, false}, {-2, false}}, "")
	if got := rows[0].Got; got != 25 {
		t.Errorf("%g %% of the worse ones, want 25", got)
	}
	if got := rows[1].Got; math.Abs(got-200./3) > 1e-9 {
		t.Errorf("%g %% of the better ones, want 2 of 3", got)
	}
	if got := rows[2].Got; got != 0 {
		t.Errorf("the worst is %g, want 0", got)
	}
	if scoreboard.MissedOf(rows) != 2 {
		t.Error("both bounds are missed")
	}
	for _, r := range gateRows(nil, "none") {
		if !math.IsNaN(r.Got) {
			t.Errorf("%s: %g of nothing", r.Name, r.Got)
		}
	}
}

func TestSpoilt(t *testing.T) {
	base, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	nets, err := spoilt(base, 1)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range nets {
		seen[m.Name()] = true
	}
	if nets[0].Name() != base.Name() || len(seen) != len(spoils) {
		t.Errorf("%d nets, the first is %s", len(seen), nets[0].Name())
	}
}

func TestHeldOut(t *testing.T) {
	x := make([]float64, (gateWarm+8)*gateSlots+100)
	for i := range x {
		x[i] = math.Sin(float64(i) / 9)
	}
	ws, err := heldOut(x)
	if err != nil || len(ws) != 4 {
		t.Fatalf("%d windows: %v", len(ws), err)
	}
	for _, w := range ws {
		for i := range gateSlots {
			if got, want := w.Raw(i, 0), x[int(w.Start)+i]; math.Abs(got-want) > 1e-5 {
				t.Fatalf("slot %d of the window at %d is %g, want %g", i, w.Start, got, want)
			}
		}
	}
}
