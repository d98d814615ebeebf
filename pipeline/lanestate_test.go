package pipeline

import (
	"testing"

	"github.com/quell-stream/quell/internal/wire"
)

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
	if _, err := restoreLane(e, "p", "x", append(wire.U8(nil, laneVersion+1), state[1:]...), bank); err == nil {
		t.Error("a state of a later version is read")
	}
	for n := 0; n < len(state); n += 1 + n/97 {
		if _, err := restoreLane(e, "p", "x", state[:n], bank); err == nil {
			t.Fatalf("%d of %d bytes are taken for a state", n, len(state))
		}
	}
}
