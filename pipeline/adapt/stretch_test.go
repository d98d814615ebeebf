package adapt

import (
	"math"
	"math/rand/v2"
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
	in := stretches(all, false)
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

// Older windows are judged beside what lay right around them, at their own noise level.
func TestAmong(t *testing.T) {
	ws := inARow(t, pulses, 10, 4)
	judged := []*replay.Window{ws[4], ws[6]}
	around := []*replay.Window{ws[2], ws[3], ws[5], ws[6], ws[9]}
	loud := *ws[7]
	loud.Values = slices.Clone(loud.Values)
	for i := range loud.Values {
		loud.Values[i] *= 5
	}
	in := among(judged, append(around, &loud))
	if len(in) != 1 || !slices.Equal(in[0].windows, []*replay.Window{ws[3], ws[4], ws[5], ws[6], &loud}) {
		t.Fatalf("%d stretches: %v", len(in), in)
	}
	if s, want := in[0].sigma[0], sigmas(judged, true)["x"][0]; s != want {
		t.Errorf("a noise level of %g, that of what is judged is %g", s, want)
	}
	if e := in[0].evidence(1, 1); e.From != 256 || e.To != 512 || e.Cols[0].X != ws[3].Values[0] {
		t.Errorf("slots %d to %d, which begin with %g", e.From, e.To, e.Cols[0].X)
	}
	if in := among(judged, nil); len(in) != 2 {
		t.Errorf("%d stretches of two windows apart", len(in))
	}
}

// A scale that is a model's own stays; the noise level is measured.
func TestFixedScaleStays(t *testing.T) {
	buf, err := replay.New(replay.Config{Steps: 256, Channels: 1, Bytes: 1 << 20, HoldoutEvery: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range int64(3) {
		values := make([]float32, 256)
		for k := range values {
			values[k] = 5 + .1*float32(rng.NormFloat64())
		}
		buf.Add("x", i*256, values, nil, []replay.Scale{{Mean: 2, Dev: 7, Sigma: float64(i)}})
	}
	s := stretches(buf.Snapshot().Recent, true)[0]
	if e := s.evidence(1, 1); math.Abs(e.Sigma[0]-.1) > .015 || e.From != 256 {
		t.Errorf("a noise level of %.3f from slot %d on", e.Sigma[0], e.From)
	}
	if w := s.window(func(*replay.Window) bool { return true }); w.Cols[0].X != s.windows[0].Values[0] {
		t.Errorf("%g, want %g", w.Cols[0].X, s.windows[0].Values[0])
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
		a.trainedOn(j)
	}
	left := a.unknown(slices.Clone(ws))
	if len(left) != 30-mostSpans || left[0] != ws[0] || left[3] != ws[mostSpans+3] || len(tr.known) != mostSpans {
		t.Errorf("%d windows are left, of %d spans", len(left), len(tr.known))
	}
}

// What is missing is given to a net as it is when it serves: what was there before
// stands in, on the scale of the stretch, and nothing is far beyond it.
func TestMissingInStretch(t *testing.T) {
	buf, err := replay.New(replay.Config{Steps: 256, Channels: 1, Bytes: 1 << 20, HoldoutEvery: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range int64(4) {
		values, missing := make([]float32, 256), make([]bool, 256)
		for k := range values {
			values[k], missing[k] = float32(rng.NormFloat64()), k < 20 || k > 250
		}
		buf.Add("x", i*256, values, missing, []replay.Scale{{Mean: float64(i) * 1e6, Dev: 1 + float64(i)}})
	}
	s := stretches(buf.Snapshot().Recent, false)[0]
	w := s.window(func(*replay.Window) bool { return true })
	for i, c := range w.Cols {
		if c.Missing && i > 0 && c.X != w.Cols[i-1].X {
			t.Fatalf("slot %d is missing and %g, %g came before", i, c.X, w.Cols[i-1].X)
		}
		if !(math.Abs(float64(c.X)) <= 3) {
			t.Fatalf("slot %d is %g", i, c.X)
		}
	}
}

// A series that is forgotten and returns begins anew, and in a buffer that it shares
// behind what it left there.
func TestReturns(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	for _, shared := range []bool{false, true} {
		cfg.Shared = shared
		cfg.Dir = t.TempDir()
		a := open(t, cfg)
		read(t, a)
		for range 20 {
			s := newSensor(a, "x", 1)
			s.feed(3*256, slow, "normal")
			a.save(a.tracks["x"].group)
			a.Dropped("x")
			newSensor(a, "x", 1).feed(1, slow, "normal")
			a.mu.Lock()
			seen, windows := a.tracks["x"].seen, a.tracks["x"].group.buf.Len()
			a.mu.Unlock()
			if seen != 1 || !shared && windows > 0 {
				t.Fatalf("shared %v: %d slots, %d windows", shared, seen, windows)
			}
			a.Dropped("x")
		}
		if !shared {
			continue
		}
		starts := map[int64]bool{}
		snap := a.shared.buf.Snapshot()
		for _, w := range slices.Concat(snap.Old, snap.Recent, snap.Holdout) {
			if starts[w.Start] {
				t.Errorf("two windows begin at %d", w.Start)
			}
			starts[w.Start] = true
		}
	}
}
