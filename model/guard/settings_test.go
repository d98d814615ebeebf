package guard

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/wire"
)

// TestSettings: of every filter of a panel the settings come back from their state
// and give the same values, and differ from those of all others.
func TestSettings(t *testing.T) {
	p, err := NewPanel(8)
	if err != nil {
		t.Fatal(err)
	}
	ys := make([]float64, 300)
	for i := range ys {
		if ys[i] = math.Sin(float64(i) / 9); i%17 == 3 {
			ys[i] = math.NaN()
		}
	}
	for i, params := range p.params {
		if p.filters[i] == nil { // learnt from readings
			params.Taps, params.Mean = make([]float64, params.Window), .5
			params.Taps[1] = 1
		}
		s := Settings{params}
		r := wire.NewReader(s.AppendState(nil))
		back := ReadSettings(r)
		if err := r.Err(); err != nil || len(r.Rest()) != 0 || !s.Equal(&back) {
			t.Fatalf("%v: read back as %v: %v", params, back.p, err)
		}
		x := s.Filtered(ys)
		if d := cmp.Diff(x, back.Filtered(ys), cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); d != "" || len(x) != len(ys) {
			t.Errorf("%v: %d values of %d: %s", params, len(x), len(ys), d)
		}
		for k, other := range p.params {
			if o := (Settings{other}); k != i && s.Equal(&o) {
				t.Errorf("%v is %v", params, other)
			}
		}
	}
	if r := wire.NewReader(new(Settings).AppendState(nil)); ReadSettings(r).p.Family != "" || r.Err() == nil {
		t.Error("settings of no filter are read")
	}
}
