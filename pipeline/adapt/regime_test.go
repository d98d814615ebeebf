package adapt

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// A regime that was short counts in what is trained on as much as one that lasted,
// in the balanced fifth, and a job that is taken up again trains on the same.
func TestTrainingSetIsBalanced(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Steps = 1 << 20 // it is not to end
	a := open(t, cfg)
	r := read(t, a)
	s := newSensor(a, "x", 1)
	s.feed(40*256, slow, "normal")
	s.feed(3*256, pulses, "regime") // too short to be learnt
	s.feed(12*256, slow, "normal")
	s.feed(12*256, func(i int) float64 { return -pulses(i) }, "regime")
	r.wait(t, "finetune.started")
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.tracks["x"].group
	b, err := a.snapshot(g).encode()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := a.decode("x", b)
	if err != nil {
		t.Fatal(err)
	}
	half := func(j *job) []train.Window {
		return trainingSet(j.old, stretches(slices.Concat(j.recent, windowsIn(j.held[:j.first])), false), j.recent)
	}
	set := half(g.job)
	if diff := cmp.Diff(set, half(again.job)); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	share, windows := map[int]float64{}, map[int]int{}
	for i, w := range g.job.old {
		if r := a.regimeOf(w); w.Regime != r || !set[i].Old {
			t.Errorf("a window of regime %d is marked %d, old: %v", r, w.Regime, set[i].Old)
		}
		share[w.Regime] += set[i].Weight
		windows[w.Regime]++
	}
	for regime, n := range windows {
		want := .2*float64(n)/float64(len(g.job.old)) + .2/2
		if len(windows) != 2 || math.Abs(share[regime]-want) > 1e-9 {
			t.Errorf("%d windows of regime %d have a share of %.3f, want %.3f; there are %v", n, regime, share[regime], want, windows)
		}
	}
	fresh := 0.
	for _, w := range set[len(g.job.old):] {
		fresh += w.Weight
	}
	if math.Abs(fresh-.6) > 1e-9 {
		t.Errorf("new windows have a share of %.3f", fresh)
	}
}

// A window of a state that does not know its regime is read as before.
func TestWindowOfVersion1(t *testing.T) {
	a := open(t, quick(identity(t)))
	defer a.Close()
	w := windowsOf(t, slow, 1, 256, 1)[0]
	w.Regime = 3
	for version, regime := range map[uint8]int{1: 0, 2: 3} {
		b := wire.I64(wire.String(nil, w.Series), w.Start)
		if version > 1 {
			b = wire.I64(b, int64(w.Regime))
		}
		s := &snapshot{body: b}
		s.values(w.Values, make([]bool, len(w.Values)), w.Scales)
		r := &decoder{Reader: wire.NewReader(s.body), a: a, version: version}
		got, want := r.window(), *w
		want.Regime = regime
		if diff := cmp.Diff(&want, got, cmp.AllowUnexported(replay.Window{})); diff != "" || r.Err() != nil || len(r.Rest()) != 0 {
			t.Errorf("version %d: %v, %d bytes left: %s", version, r.Err(), len(r.Rest()), diff)
		}
	}
}
