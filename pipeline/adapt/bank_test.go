package adapt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// keep puts a model into the bank of a series as a verdict on windows of the
// regime would.
func keep(t *testing.T, a *Adapter, series string, m *model.Model, regime int, clean signal) {
	t.Helper()
	ws := windowsOf(t, clean, 8, 256, 77)
	v, err := Gate(identity(t), m, ws, nil, GateConfig{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	tr := a.track(series)
	tr.group.bank.put(a.cfg, banked{m, regime, signatureOfWindows(ws), ws[7].Scales, v.Error, v.Recent, 0})
}

// quickly waits for what the bank is asked.
func quickly(t *testing.T, a *Adapter, r *reader) {
	t.Helper()
	a.mu.Lock()
	a.pushQuick(func() { a.event("", marker, "", nil) })
	a.mu.Unlock()
	select {
	case <-r.marks:
	case <-late(t):
		t.Fatal("the bank does not answer")
	}
}

// A regime that comes back is served by its model within 300 samples of the
// change, alarm included, and the one before when it comes back in turn.
func TestRegimeComesBack(t *testing.T) {
	knowsSlow, knowsPulses := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses)
	cfg := quick(knowsSlow)
	cfg.Dir = t.TempDir()
	a := open(t, cfg)
	r := read(t, a)
	s := newSensor(a, "x", 1)
	s.feed(20*256+37, slow, "normal")
	keep(t, a, "x", knowsSlow, 0, slow)
	keep(t, a, "x", knowsPulses, 1, pulses)
	comesBack := func(x signal, want *model.Model) {
		t.Helper()
		before := len(r.switched())
		s.feed(120, x, "normal") // until the alarm
		a.Opened("x", s.index-1, "regime")
		for n := 120; n < 300; n += 20 {
			s.feed(20, x, "regime")
			quickly(t, a, r)
			if sw := r.switched(); len(sw) > before {
				t.Logf("after %d samples: %s", n+20, sw[before].Why)
				if sw[before].Model.Name() != want.Name() || !sw[before].Rebase || !strings.Contains(sw[before].Why, "seen before") {
					t.Errorf("switch %+v", sw[before])
				}
				s.feed(30*256, x, "normal")
				settled(t, a, r)
				return
			}
		}
		t.Fatalf("300 samples after the change %s does not serve: %v", want.Name(), r.kinds())
	}
	comesBack(pulses, knowsPulses)
	comesBack(slow, knowsSlow)
	comesBack(pulses, knowsPulses)
	if k := r.kinds(); slices.Contains(k, "model.rolled_back") || slices.Contains(k, "finetune.started") {
		t.Errorf("there is %v", k)
	}
	a.mu.Lock()
	if got := a.tracks["x"].regime(); got != 1 {
		t.Errorf("it is in regime %d", got)
	}
	a.mu.Unlock()
	a.Close()
	n := 0
	for _, l := range trail(t, cfg.Dir) {
		if l.Action == "reused" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d of 3 are in the trail", n)
	}
}

// What serves well is not exchanged, nor does a model serve that is better than
// the present one and yet worse than it ever was.
func TestBankStaysShut(t *testing.T) {
	knowsSlow, knowsPulses, poor := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses), trained(t, "poor", 20, slow)
	wild := func(i int) float64 { return 30 + 4*math.Sin(float64(i)*float64(i%977)/300) }
	for name, c := range map[string]struct {
		serving *model.Model
		now     signal
	}{
		"it serves already":   {knowsPulses, pulses},
		"no drift in truth":   {knowsSlow, slow},
		"a regime of its own": {poor, wild},
	} {
		wrong := 0
		const runs = 4
		for k := range runs {
			a := open(t, quick(c.serving))
			r := read(t, a)
			s := newSensor(a, "x", uint64(100+k))
			s.feed(12*256, slow, "normal")
			keep(t, a, "x", knowsSlow, 0, slow)
			keep(t, a, "x", knowsPulses, 1, pulses)
			s.feed(120, c.now, "normal")
			a.Opened("x", s.index-1, "regime")
			s.feed(300, c.now, "regime")
			quickly(t, a, r)
			if sw := r.switched(); len(sw) > 0 {
				wrong++
				t.Logf("%s: %s to %s: %s", name, c.serving.Name(), sw[0].Model.Name(), sw[0].Why)
			}
			a.Close()
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d were exchanged", name, wrong, runs)
		}
	}
}

// A bank is bounded in models and in bytes, and has one model per regime.
func TestBankIsBounded(t *testing.T) {
	ms := []*model.Model{trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses), trained(t, "poor", 20, slow), identity(t)}
	size := ms[0].Size()
	for _, c := range []struct {
		cfg  Config
		want int
	}{{Config{BankModels: 2, BankBytes: 1 << 30}, 2}, {Config{BankModels: 8, BankBytes: 3*size + size/2}, 3}, {Config{BankModels: 8, BankBytes: 1}, 1}} {
		var b bank
		for i, m := range ms {
			b.put(c.cfg, banked{model: m, regime: i, used: int64(i)})
		}
		if len(b.all) != c.want || b.find(ms[3].Name()) == nil || c.want == 3 && b.find(ms[0].Name()) != nil {
			t.Errorf("%+v: %d models", c.cfg, len(b.all))
		}
	}
	b := bank{}
	b.put(Config{BankModels: 8, BankBytes: 1 << 30}, banked{model: ms[0], regime: 1})
	b.put(Config{BankModels: 8, BankBytes: 1 << 30}, banked{model: ms[1], regime: 1})
	if len(b.all) != 1 || b.all[0].model != ms[1] {
		t.Error("two models for one regime")
	}
}

// Signatures tell regimes apart by more than they scatter.
func TestSignature(t *testing.T) {
	a, b := signatureOfWindows(windowsOf(t, slow, 4, 256, 1)), signatureOfWindows(windowsOf(t, slow, 4, 256, 2))
	c := signatureOfWindows(windowsOf(t, pulses, 4, 256, 3))
	same, other := a.distance(b), a.distance(c)
	if !(other > 3*same) || a.distance(nil) < math.MaxFloat64 {
		t.Errorf("the same regime is %.2f apart, another one %.2f", same, other)
	}
}

// By hand any model serves that is known; what is not known is named.
func TestByHand(t *testing.T) {
	poor, good := trained(t, "poor", 20, pulses), trained(t, "good", 250, slow)
	a := open(t, quick(good))
	r := read(t, a)
	if _, err := a.Promote("good@000000", ""); err == nil || !strings.Contains(err.Error(), "no model has been trained") {
		t.Error(err)
	}
	s := newSensor(a, "x", 1)
	s.feed(10*256, slow, "normal")
	if _, err := a.Rollback("x"); err == nil || !strings.Contains(err.Error(), "no predecessor") {
		t.Error(err)
	}
	if _, err := a.Rollback("y"); err == nil || !strings.Contains(err.Error(), "no series") {
		t.Error(err)
	}
	keep(t, a, "x", poor, 1, pulses)
	if _, err := a.Promote("good@000000", ""); err == nil || !strings.Contains(err.Error(), "there is "+poor.Name()) {
		t.Error(err)
	}
	names, err := a.Promote(poor.Name(), "")
	if err != nil || !slices.Equal(names, []string{"x"}) {
		t.Fatal(names, err)
	}
	if _, err := a.Promote(poor.Name(), ""); err == nil || !strings.Contains(err.Error(), "serves already") {
		t.Error(err)
	}
	quickly(t, a, r) // probation, on the other queue, may be over before it is asked for
	// Whoever promotes a model that is worse is told by probation.
	s.feed(20*256, slow, "normal")
	settled(t, a, r)
	quickly(t, a, r)
	sw := r.switched()
	if len(sw) != 2 || sw[0].Model != poor || !strings.Contains(sw[0].Why, "by hand") || sw[1].Model != good || sw[1].Kind != "model.rolled_back" {
		t.Fatalf("%+v", sw)
	}
	if names, err = a.Rollback("x"); err != nil || !slices.Equal(names, []string{"x"}) {
		t.Error(names, err) // to poor again, since that served before
	}
	quickly(t, a, r)
	if sw = r.switched(); len(sw) != 3 || sw[2].Model != poor {
		t.Errorf("%+v", sw)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.tracks["x"].group.versions); n != 2 || a.tracks["x"].group.trial != nil {
		t.Errorf("%d versions", n)
	}
}

// A model that was trained elsewhere serves once somebody promotes it: all series, or the
// one that is named; where it can't, it is said why.
func TestOffered(t *testing.T) {
	first, other, bad := trained(t, "good", 250, slow), trained(t, "poor", 20, pulses), trained(t, "poor", 20, slow)
	cfg := quick(first)
	far, err := model.Base(8)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Offered = func() []Offer {
		return []Offer{{Model: other}, {Model: bad, Unfit: "it has no scaler"}, {Model: far}, {File: "half.quell", Unfit: "it ends too soon"}}
	}
	a := open(t, cfg)
	r := read(t, a)
	if _, err := a.Promote(other.Name(), ""); err == nil || strings.Contains(err.Error(), "serves already") {
		t.Errorf("there is no series: %v", err)
	}
	for i, name := range []string{"x", "y", "z"} {
		newSensor(a, name, uint64(i)).feed(300, slow, "normal")
	}
	if _, err := a.Promote(far.Name(), ""); !errors.Is(err, pipeline.ErrNoModel) || !strings.Contains(err.Error(), fmt.Sprintf("looks 8 samples ahead, and what serves %d:", first.Lookahead())) {
		t.Errorf("another look-ahead: %v", err)
	}
	if slices.ContainsFunc(a.Known(), func(k pipeline.KnownModel) bool { return k.Model == far || k.Model == nil }) {
		t.Errorf("what can't be promoted is shown as offered: %+v", a.Known())
	}
	if _, err := a.Promote("none@000000", ""); err == nil || !strings.Contains(err.Error(), "half.quell is not offered: it ends too soon") {
		t.Error(err)
	}
	if _, err := a.Promote(bad.Name(), ""); !errors.Is(err, pipeline.ErrNoModel) || !strings.Contains(err.Error(), "it has no scaler") {
		t.Error(err)
	}
	if _, err := a.Promote("none@000000", ""); err == nil || !strings.Contains(err.Error(), other.Name()) {
		t.Error(err)
	}
	if _, err := a.Promote(other.Name(), "w"); err == nil || !strings.Contains(err.Error(), `no series "w"`) {
		t.Error(err)
	}
	if !slices.ContainsFunc(a.Known(), func(k pipeline.KnownModel) bool { return k.Model == other && k.State == view.Offered }) {
		t.Errorf("it is not shown: %+v", a.Known())
	}
	if names, err := a.Promote(other.Name(), "y"); err != nil || !slices.Equal(names, []string{"y"}) {
		t.Fatal(names, err)
	}
	names, err := a.Promote(other.Name(), "")
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"x", "z"}) {
		t.Fatal(names, err) // y is served by it
	}
	if _, err := a.RollBackModel(other.Name(), "w"); err == nil {
		t.Error("a series that is not there was rolled back")
	}
	if names, err = a.RollBackModel(other.Name(), "z"); err != nil || !slices.Equal(names, []string{"z"}) {
		t.Error(names, err)
	}
	quickly(t, a, r)
	got := map[string]*model.Model{}
	for _, sw := range r.switched() {
		got[sw.Series] = sw.Model
	}
	if got["x"] != other || got["y"] != other || got["z"] != first {
		t.Errorf("%+v", got)
	}
}

// A budget that is spent comes back with the slots, and rejections make the wait
// longer, up to a bound.
func TestBudget(t *testing.T) {
	cfg := Config{Steps: 100, Rounds: 2, StepBudget: 1000, Cooldown: 50}
	b := fullBudget(cfg)
	for range burst {
		if !b.affords(cfg, 7) {
			t.Fatal("a full budget does not last for a burst")
		}
		b.spend(cfg, 7)
	}
	for _, c := range []struct {
		clock int64
		want  bool
	}{{8, false}, {1_000_000, false}, {1_000_007, true}, {1 << 60, true}} {
		if got := b.affords(cfg, c.clock); got != c.want {
			t.Errorf("at %d: %v", c.clock, got)
		}
	}
	if b.left != burst*cfg.cost() {
		t.Errorf("%d gathered", b.left)
	}
	var g group
	var waits []int64
	for range 8 {
		g.cool(cfg, 1000, true)
		waits = append(waits, g.coolUntil-1000)
	}
	g.cool(cfg, 1000, false)
	if want := []int64{50, 100, 200, 400, 800, 800, 800, 800}; !slices.Equal(waits, want) || g.coolUntil != 1050 || g.refused != 0 {
		t.Errorf("waits %v, then %d", waits, g.coolUntil-1000)
	}
}

// Three versions are kept, over a restart too.
func TestVersions(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	l := newLife(t, cfg)
	l.feed(1000, slow, "normal", true)
	ms := []*model.Model{identity(t), trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses), trained(t, "poor", 20, slow)}
	for i := range ms[1:] {
		promoteNow(l.s.a, "pump/1", ms[i], ms[i+1])
		l.feed(300, slow, "normal", true)
	}
	l.restart()
	l.feed(300, slow, "normal", true)
	l.s.a.mu.Lock()
	defer l.s.a.mu.Unlock()
	g := l.s.a.tracks["pump/1"].group
	if len(g.versions) != mostVersions {
		t.Fatalf("%d versions", len(g.versions))
	}
	for i, v := range g.versions {
		want, err := ms[i+1].Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Encode(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("version %d is %s, not %s: %v", i, v.Name(), ms[i+1].Name(), err)
		}
	}
}
