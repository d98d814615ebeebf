package adapt

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// quick is a configuration whose fine-tunes take a moment.
func quick(m *model.Model) Config {
	return Config{Model: m, CPUShare: 1, Steps: 100, Seed: 5, ReplayBytes: 1 << 20}
}

// drifted feeds a drift: the old regime, the new one unnoticed for a while, the
// alarm, and n windows more.
func drifted(s *sensor, n int, kind string) {
	s.feed(40*256, slow, "normal")
	s.feed(200, pulses, "normal")
	s.a.Opened(s.series, s.index-1, kind)
	s.feed(n*256, pulses, kind)
}

func TestDriftToSwitch(t *testing.T) {
	base := general(t)
	var names []string
	for range 2 {
		a := open(t, quick(base))
		hold(a) // with windows behind its end one more fine-tune would begin
		s := newSensor(a, "pump-1", 1)
		drifted(s, 4, "regime")
		if j := jobOf(a, "pump-1"); j != nil {
			t.Fatalf("after 3 whole windows there is a fine-tune on %d", len(j.recent))
		}
		s.feed(61*256, pulses, "regime") // in case the gate asks for more windows
		if jobOf(a, "pump-1") == nil {
			t.Fatal("there is no fine-tune")
		}
		r := read(t, a)
		r.wait(t, "model.promoted")
		if diff := cmp.Diff([]string{"finetune.started", "finetune.finished", "model.promoted"}, r.kinds()); diff != "" {
			t.Error(diff)
		}
		sw, fin := r.switched()[0], r.event("finetune.finished")
		if sw.Series != "pump-1" || !sw.Rebase || sw.Why != fin.Why || sw.Model.Header().Provenance.Parent != base.Name() {
			t.Errorf("switch %+v", sw)
		}
		if fin.Series != "pump-1" || fin.Data["verdict"] != "promoted" || !(fin.Data["gain_db"].(float64) > .5) || !(fin.Data["old_gain_db"].(float64) > -.3) {
			t.Errorf("event %+v", fin)
		}
		if g := truth(t, base, sw.Model, pulses, 99); g < .5 {
			t.Errorf("%s: in truth %.2f dB", sw.Why, g)
		}
		if g := truth(t, base, sw.Model, slow, 99); g < -.5 {
			t.Errorf("%s: on the old regime in truth %.2f dB", sw.Why, g)
		}
		t.Log(sw.Why)
		names = append(names, sw.Model.Name())
	}
	if names[0] != names[1] {
		t.Errorf("the same slots made %s and %s", names[0], names[1])
	}
}

func TestShadowNeverSwitches(t *testing.T) {
	cfg := quick(general(t))
	cfg.Mode = Shadow
	a := open(t, cfg)
	r := read(t, a)
	s := newSensor(a, "x", 1)
	drifted(s, 60, "regime")
	r.wait(t, "finetune.finished")
	if e := r.event("finetune.finished"); e.Data["verdict"] != "promoted" {
		t.Errorf("event %+v", e)
	}
	s.feed(60*256, pulses, "regime")
	settled(t, a, r)
	if diff := cmp.Diff([]string{"finetune.started", "finetune.finished"}, r.kinds()); diff != "" {
		t.Error(diff)
	}
}

// settled waits until the background has nothing to do and all it said is read.
func settled(t *testing.T, a *Adapter, r *reader) {
	t.Helper()
	a.mu.Lock()
	a.push(func() { a.event("", marker, "", nil) })
	a.mu.Unlock()
	select {
	case <-r.marks:
	case <-late(t):
		t.Fatal("the background does not end")
	}
}

// What must not train, and what is over before it starts.
func TestNeverTrains(t *testing.T) {
	base := identity(t)
	for name, feed := range map[string]func(a *Adapter, s *sensor){
		"fault":   func(a *Adapter, s *sensor) { drifted(s, 40, "fault") },
		"unknown": func(a *Adapter, s *sensor) { drifted(s, 40, "unknown") },
		"no drift": func(a *Adapter, s *sensor) {
			s.feed(80*256, slow, "normal")
			s.feed(80*256, slow, "warning")
		},
		"resolved in time": func(a *Adapter, s *sensor) {
			drifted(s, 4, "regime")
			a.Resolved("x", s.index-1)
			s.feed(40*256, pulses, "normal")
		},
		"turned out a fault": func(a *Adapter, s *sensor) {
			drifted(s, 4, "regime")
			s.feed(40*256, pulses, "fault")
		},
		"without a model": func(a *Adapter, s *sensor) {
			a.Serving("x", nil)
			drifted(s, 40, "regime")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, quick(base))
			r := read(t, a)
			s := newSensor(a, "x", 1)
			feed(a, s)
			settled(t, a, r)
			if k := r.kinds(); len(k) != 0 {
				t.Errorf("there is %v", k)
			}
		})
	}
}

// A drift that could not be named first is learnt once it is, with what came in
// meanwhile.
func TestUnknownBecomesRegime(t *testing.T) {
	cfg := quick(trained(t, "base", 30, slow))
	cfg.Steps = 2
	a := open(t, cfg)
	r := read(t, a)
	s := newSensor(a, "x", 1)
	drifted(s, 20, "unknown")
	s.feed(256, pulses, "regime")
	r.wait(t, "finetune.started")
	if e := r.event("finetune.started"); !strings.Contains(e.Why, "regime drift") || e.Data["windows"].(int) < 9 {
		t.Errorf("event %+v", e)
	}
}

// A fault's windows are trained on by nobody, nor judged on.
func TestFaultIsQuarantined(t *testing.T) {
	a := open(t, quick(identity(t)))
	s := newSensor(a, "x", 1)
	s.feed(10*256, slow, "normal")
	s.feed(100, slow, "normal")
	s.feed(5*256, func(int) float64 { return 1e3 }, "fault")
	s.feed(10*256, slow, "normal")
	snap := a.tracks["x"].group.buf.Snapshot()
	var starts []int64
	for _, w := range slices.Concat(snap.Old, snap.Recent, snap.Holdout) {
		starts = append(starts, w.Start/256)
	}
	slices.Sort(starts)
	// 10 was cut by the alarm, 9 lay before it; 15 holds the last of the fault.
	want := []int64{1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 19, 20, 21, 22, 23, 24}
	if diff := cmp.Diff(want, starts); diff != "" {
		t.Error(diff)
	}
	a.Close()
}

func TestColouredNoiseAbstains(t *testing.T) {
	a := open(t, quick(identity(t)))
	r := read(t, a)
	s := newSensor(a, "x", 1)
	ar := 0.0
	red := func(i int) float64 { ar = .8*ar + 3*s.rng.NormFloat64(); return slow(i) + ar }
	s.feed(20*256, slow, "normal")
	for range 30 { // one by one, so that each look has the windows that it waits for
		s.feed(256, red, "noise")
		settled(t, a, r)
	}
	kinds := r.kinds()
	if len(kinds) > len(stages) || slices.ContainsFunc(kinds, func(k string) bool { return k != "finetune.rejected" }) { // at each look, since more windows may tell
		t.Error(kinds)
	}
	if b := &a.tracks["x"].group.budget; b.left != burst*a.cfg.cost() {
		t.Errorf("%d updates are left of %d, though nothing was trained", b.left, burst*a.cfg.cost())
	}
	if why := r.event("finetune.rejected").Why; !strings.Contains(why, "not white") {
		t.Error(why)
	}
}

// A challenger that brings nothing is refused, tried again after the cool-down,
// and given up after three times.
func TestRejected(t *testing.T) {
	cfg := quick(trained(t, "base", 250, slow))
	cfg.Steps, cfg.Cooldown = 1, 20*256 // one step from a cold optimiser changes next to nothing
	a := open(t, cfg)
	r := read(t, a)
	s := newSensor(a, "x", 1)
	s.feed(20*256, slow, "normal")
	tries := 0
	for range 60 {
		s.feed(8*256, slow, "regime")
		settled(t, a, r)
		n := 0
		for _, k := range r.kinds() {
			if k == "finetune.rejected" {
				n++
			}
		}
		if n > tries+1 {
			t.Fatalf("%d rejections at once", n-tries)
		}
		tries = n
	}
	if k := r.kinds(); tries != len(stages) || slices.Contains(k, "model.promoted") {
		t.Errorf("%d tries: %v", tries, k)
	}
	if e := r.event("finetune.finished"); e.Data["verdict"] != "rejected" || r.event("finetune.rejected").Why != e.Why {
		t.Errorf("event %+v", e)
	}
}

// After the promotion the old regime comes back, which the promoted model is
// made to be worse at: its predecessor takes over.
func TestRollBack(t *testing.T) {
	good, bad := trained(t, "good", 250, slow), trained(t, "bad", 20, pulses)
	a := open(t, quick(good))
	r := read(t, a)
	s := newSensor(a, "x", 1)
	s.feed(20*256+50, slow, "normal")
	tr := promoteNow(a, "x", good, bad)
	r.wait(t, "model.promoted")
	a.mu.Lock()
	if tr.serving != bad || tr.previous != good {
		t.Error("the predecessor is not kept")
	}
	a.mu.Unlock()
	s.feed(30*256, slow, "normal")
	r.wait(t, "model.rolled_back")
	sw := r.switched()[1]
	if sw.Model != good || sw.Series != "x" || sw.Rebase || !strings.Contains(sw.Why, "predecessor") {
		t.Errorf("switch %+v", sw)
	}
	s.feed(30*256, slow, "normal")
	settled(t, a, r)
	if len(r.switched()) != 2 {
		t.Errorf("%v", r.kinds())
	}
}

// The other way round the probation ends in silence.
func TestProbationPasses(t *testing.T) {
	poor, good := trained(t, "poor", 20, pulses), trained(t, "good", 250, slow)
	a := open(t, quick(poor))
	r := read(t, a)
	s := newSensor(a, "x", 1)
	s.feed(20*256, slow, "normal")
	tr := promoteNow(a, "x", poor, good)
	settled(t, a, r)
	s.feed(30*256, slow, "normal")
	settled(t, a, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(r.switched()) != 1 || tr.group.trial != nil || tr.serving != good || tr.previous != poor {
		t.Errorf("%d switches, probation %v", len(r.switched()), tr.group.trial)
	}
}

// One model for all: tuned on the windows of all, switched for all.
func TestShared(t *testing.T) {
	base := general(t)
	cfg := quick(base)
	cfg.Shared = true
	a := open(t, cfg)
	hold(a) // until all slots are there, as in TestDriftToSwitch
	one, two, other := newSensor(a, "one", 1), newSensor(a, "two", 2), newSensor(a, "other", 3)
	a.Serving("other", identity(t)) // as where another look-ahead fits its rate
	two.feed(20*256, slow, "normal")
	other.feed(20*256, slow, "normal")
	drifted(one, 60, "regime")
	r := read(t, a)
	r.wait(t, "model.promoted")
	settled(t, a, r)
	var to []string
	for _, s := range r.switched() {
		to = append(to, s.Series)
		if s.Model != r.switched()[0].Model {
			t.Error("two models")
		}
	}
	if diff := cmp.Diff([]string{"one", "two"}, to); diff != "" {
		t.Error(diff)
	}
	if a.tracks["one"].group.buf != a.tracks["two"].group.buf {
		t.Error("two buffers")
	}
	// By hand too those are switched that the model serves.
	if back, err := a.Rollback("one"); err != nil || !slices.Equal(back, []string{"one", "two"}) {
		t.Errorf("rolled back: %v, %v", back, err)
	}
}

// While training runs and nobody reads the decisions, slots go in as ever, and
// Close ends it at the next step.
func TestTapNeverWaits(t *testing.T) {
	cfg := quick(trained(t, "base", 30, slow))
	cfg.Steps, cfg.CPUShare = 1<<29, .01
	a := open(t, cfg)
	hold(a)
	s := newSensor(a, "x", 1)
	drifted(s, 12, "regime")
	// The background now waits for a reader.
	s.feed(20*256, pulses, "regime")
	for started := false; !started; {
		d := <-a.decisions
		started = d.Event.Kind == "finetune.started"
	}
	// Now it trains, for ever.
	s.feed(200*256, pulses, "regime")
	a.mu.Lock()
	j := a.tracks["x"].group.job
	a.mu.Unlock()
	if j == nil || !j.started || j.challenger != nil {
		t.Fatal("nothing trains")
	}
	closed := make(chan struct{})
	go func() { a.Close(); close(closed) }()
	select {
	case <-closed:
	case <-late(t):
		t.Fatal("Close waits for the training")
	}
	s.feed(300, pulses, "regime") // no harm after Close
}

func TestCloseWhileNobodyReads(t *testing.T) {
	a := open(t, quick(identity(t)))
	hold(a)
	s := newSensor(a, "x", 1)
	drifted(s, 12, "regime")
	a.Close()
	a.Close()
}

func TestMemoryStaysWithinBytes(t *testing.T) {
	cfg := quick(identity(t))
	cfg.ReplayBytes = 40 << 10
	a := open(t, cfg)
	defer a.Close()
	s := newSensor(a, "x", 1)
	for range 50 {
		s.feed(4*256, slow, "normal")
		if n := a.tracks["x"].group.buf.Bytes(); n > cfg.ReplayBytes {
			t.Fatalf("%d bytes of %d", n, cfg.ReplayBytes)
		}
	}
	if n := a.tracks["x"].group.buf.Len(); n < 20 {
		t.Errorf("only %d windows", n)
	}
}

// Windows lie on multiples of their length within one context, and positions
// never repeat.
func TestWindowsAcrossContexts(t *testing.T) {
	a := open(t, Config{Model: identity(t), Window: 64})
	defer a.Close()
	s := newSensor(a, "x", 1)
	s.feed(1000, slow, "normal") // 15 windows, of which the first has no scale yet
	s.epoch, s.index = 1, 0
	s.feed(200, slow, "normal") // 3
	s.index += 50               // a jump ahead: to 250
	s.feed(300, slow, "normal") // from 256 on: 4
	s.index = 10
	s.feed(64+54, slow, "normal") // from 64 on: 1
	added, refused := a.tracks["x"].group.buf.Counts()
	if added != 14+3+4+1 || refused != 1 {
		t.Errorf("%d windows, %d refused", added, refused)
	}
	snap := a.tracks["x"].group.buf.Snapshot()
	seen := map[int64]bool{}
	for _, w := range slices.Concat(snap.Old, snap.Recent, snap.Holdout) {
		if w.Start%64 != 0 || seen[w.Start] {
			t.Errorf("window at %d", w.Start)
		}
		seen[w.Start] = true
	}
}

// A window whose scale changes on the way holds the same values.
func TestScaleChangesInWindow(t *testing.T) {
	a := open(t, Config{Model: identity(t), Window: 64})
	defer a.Close()
	for i := range int64(64) {
		scale := window.Scale{Mean: 10, Dev: 2, Sigma: .1}
		if i >= 32 {
			scale = window.Scale{Mean: 11, Dev: 4, Sigma: .2}
		}
		x := float64(i) / 7
		col := model.Column{X: float32((x - scale.Mean) / scale.Dev), Missing: i == 5}
		a.Slot("x", 0, i, []model.Column{col}, []window.Scale{scale}, "normal")
	}
	ws := slices.Concat(a.tracks["x"].group.buf.Snapshot().Recent, a.tracks["x"].group.buf.Holdout())
	if len(ws) != 1 || ws[0].MissingCount() != 1 || !ws[0].Missing(5, 0) {
		t.Fatalf("%d windows", len(ws))
	}
	for i := range 64 {
		if got, want := ws[0].Raw(i, 0), float64(i)/7; i != 5 && (got < want-1e-5 || got > want+1e-5) {
			t.Errorf("value %d is %g, want %g", i, got, want)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for want, cfg := range map[string]Config{
		"mode":            {Channels: 1, Mode: "on"},
		"1 channel":       {Mode: Auto},
		"CPU share":       {Mode: Auto, Channels: 1, CPUShare: 2},
		"too short":       {Mode: Auto, Channels: 1, Window: 32},
		"new windows":     {Mode: Auto, Channels: 1, Need: 3},
		"cool-down":       {Mode: Auto, Channels: 1, Cooldown: -1},
		"replay_bytes at": {Mode: Auto, Channels: 1, ReplayBytes: 1000},
	} {
		if a, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
			if err == nil {
				a.Close()
			}
		}
	}
}

// BenchmarkSlot is what a slot of one channel costs the worker.
func BenchmarkSlot(b *testing.B) {
	a, err := New(Config{Mode: Auto, Channels: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	col, scale := []model.Column{{X: .5, Level: -1}}, []window.Scale{{Mean: 1, Dev: 1, Sigma: .1}}
	i := int64(0)
	for b.Loop() {
		a.Slot("x", 0, i, col, scale, "normal")
		i++
	}
}

// A series that goes to another owner takes its buffer along, and what is still
// being trained for it switches nothing.
func TestDroppedSeriesIsForgotten(t *testing.T) {
	a := open(t, quick(general(t)))
	hold(a)
	drifted(newSensor(a, "x", 1), 60, "regime")
	for begun, late := false, late(t); !begun; { // and then it waits until somebody hears of it
		select {
		case <-late:
			t.Fatal("nothing trains")
		case <-time.After(time.Millisecond):
		}
		j := jobOf(a, "x")
		a.mu.Lock()
		begun = j != nil && j.started
		a.mu.Unlock()
	}
	a.Dropped("x")
	r := read(t, a)
	r.wait(t, "finetune.finished")
	settled(t, a, r)
	if s := r.switched(); len(s) > 0 {
		t.Errorf("switches of a series that is gone: %v", s)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tracks) > 0 {
		t.Errorf("%d series are still followed", len(a.tracks))
	}
}
