package adapt

import (
	"math"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/replay"
)

// Windows that follow each other make a stretch, on one scale, whatever their own
// scales were and in whatever order they come.
func TestStretches(t *testing.T) {
	ws := inARow(t, pulses, 9, 4)[2:8] // of the first one the scale is not known yet
	if ws[0].Scales[0] == ws[5].Scales[0] {
		t.Fatal("all windows have one scale")
	}
	all := slices.Clone(ws)
	slices.Reverse(all)
	all = slices.DeleteFunc(all, func(w *replay.Window) bool { return w == ws[3] })
	in := stretches(all)
	if len(in) != 2 || !slices.Equal(in[0].windows, ws[:3]) || !slices.Equal(in[1].windows, ws[4:]) {
		t.Fatalf("%d stretches", len(in))
	}
	w := in[0].window(func(w *replay.Window) bool { return w == ws[1] })
	for i, c := range w.Cols {
		raw := ws[i/256].Raw(i%256, 0)
		if got := in[0].scales[0].Mean + in[0].scales[0].Dev*float64(c.X); math.Abs(got-raw) > 1e-4 {
			t.Fatalf("slot %d is %g, want %g", i, got, raw)
		}
		if w.Context[i] != (i/256 != 1) {
			t.Fatalf("slot %d, context %v", i, w.Context[i])
		}
	}
	if s := in[0].scales[0]; math.Abs(s.Sigma-sigma) > .15*sigma {
		t.Errorf("a noise level of %.2f, want %.2f", s.Sigma, sigma)
	}
	for i, want := range [][2]int{{32, 256}, {256, 512}, {256, 480}} {
		if e := in[0].evidence(i, 1); e.From != want[0] || e.To != want[1] || len(e.Sigma) != len(e.Cols) {
			t.Errorf("window %d: slots %d to %d of %d, want %v", i, e.From, e.To, len(e.Cols), want)
		}
	}
}

// What a model was trained on is not judged on later.
func TestTrainedOnIsNotJudged(t *testing.T) {
	cfg := quick(identity(t))
	a := open(t, cfg)
	read(t, a)
	ws := windowsOf(t, slow, 30, 256, 5)
	a.mu.Lock()
	defer a.mu.Unlock()
	tr := a.track(ws[0].Series)
	for k := range mostSpans + 3 {
		j := &job{group: tr.group, first: 1, held: []shot{{w: ws[k]}, {w: ws[29]}}}
		a.remember(j)
	}
	left := a.unknown(slices.Clone(ws))
	if len(left) != 30-mostSpans || left[0] != ws[0] || left[3] != ws[mostSpans+3] || len(tr.known) != mostSpans {
		t.Errorf("%d windows are left, of %d spans", len(left), len(tr.known))
	}
}
