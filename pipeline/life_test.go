package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSwitchOfItsLife: a switch that was decided after a series had been forgotten and
// had come back is obeyed there, though it is known from the start, with a restore at
// any point too.
func TestSwitchOfItsLife(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first, second := testModel(t, 1), testModel(t, 2)
	if err := bank.Save(second); err != nil {
		t.Fatal(err)
	}
	for _, back := range []int{0, 1000} { // the second life sends old times again, or goes on
		in := append(steady("x", 0, 400), steady("y", 0, 1000)...)
		in = append(append(in, steady("x", back, 400)...), steady("y", 1000, 5)...)
		make := func(out Out) *Engine {
			e := testEngine(t, first, out)
			e.cfg.StateTTL = 5 * time.Second
			return e
		}
		out := &lines{}
		e := make(out)
		push(t, e, in[:2*1600])
		sw, ok := e.Decide(Switch{Series: "x", Model: second, Kind: "model.promoted"})
		if !ok || sw.Record == 0 || sw.Record >= 400 {
			t.Fatalf("the switch %+v is not within the second life", sw)
		}
		push(t, e, in[2*1600:])
		e.Finish()
		for _, cut := range []int{0, 100, 800, 1500, 2700, 2900} {
			again := &lines{}
			e := make(again)
			if err := e.Obey("p", sw); err != nil {
				t.Fatal(err)
			}
			push(t, e, in[:cut])
			next := make(again)
			takeOver(t, next, e, bank)
			push(t, next, in[cut:])
			next.Finish()
			if d := cmp.Diff(bySeries(out.records)["x"], bySeries(again.records)["x"]); d != "" {
				t.Fatalf("from %d, cut %d: %.1000s", back, cut, d)
			}
		}
	}
}
