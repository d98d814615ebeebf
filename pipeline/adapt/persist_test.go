package adapt

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// life drives a series through a drift, a promotion and a probation, and stops the
// process where it is told to.
type life struct {
	t    *testing.T
	cfg  Config
	s    *sensor
	r    *reader
	said []string
}

func newLife(t *testing.T, cfg Config) *life {
	l := &life{t: t, cfg: cfg}
	l.s = newSensor(nil, "pump/1", 1)
	l.start()
	return l
}

func (l *life) start() {
	l.s.a = open(l.t, l.cfg)
	l.r = read(l.t, l.s.a)
}

// restart ends the process and starts another.
func (l *life) restart() {
	if err := l.s.a.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.drain()
	l.start()
}

func (l *life) drain() {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	for _, e := range l.r.events {
		l.said = append(l.said, e.Kind+": "+e.Why)
	}
	for _, s := range l.r.switches {
		l.said = append(l.said, s.Kind+": "+s.Model.Name()+": "+s.Why)
	}
	l.r.events, l.r.switches = nil, nil
}

// feed feeds slots; settle has all that follows from them happen before it returns.
func (l *life) feed(n int, x signal, state string, settle bool) {
	l.s.feed(n, x, state)
	if settle {
		settled(l.t, l.s.a, l.r)
	}
	for _, sw := range l.r.switched() { // as the engine does
		l.s.a.Serving(sw.Series, sw.Model)
	}
}

// Wherever the process is stopped, what is decided afterwards is the same.
func TestRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("it fine-tunes two dozen times")
	}
	base := general(t)
	run := func(stop string) []string {
		cfg := quick(base)
		cfg.Steps = 80
		cfg.Dir, cfg.Level = t.TempDir(), 1e-12 // so that the gate waits for windows
		l := newLife(t, cfg)
		at := func(phase string) {
			if phase == stop {
				l.restart()
			}
		}
		l.feed(20*256+100, slow, "normal", true)
		at("before the drift")
		l.feed(156, slow, "normal", true)
		l.feed(200, pulses, "normal", true)
		l.s.a.Opened(l.s.series, l.s.index-1, "regime")
		l.feed(500, pulses, "regime", true)
		at("while windows are gathered")
		l.feed(1400, pulses, "regime", false)
		if stop == "while it trains" {
			l.r.wait(t, "finetune.started")
			l.restart()
		}
		settled(t, l.s.a, l.r)
		l.feed(0, pulses, "regime", true) // what was decided serves
		at("while the gate waits")
		for range 12 {
			l.feed(512, pulses, "regime", true)
		}
		at("on probation")
		for range 14 {
			l.feed(512, pulses, "normal", true)
		}
		l.drain()
		l.s.a.mu.Lock()
		tr := l.s.a.tracks["pump/1"]
		l.said = append(l.said, "serves "+tr.serving.Name(), "before "+tr.previous.Name())
		if tr.group.trial != nil || len(tr.group.bank.all) != 2 {
			t.Errorf("%s: probation %v, %d models in the bank", stop, tr.group.trial, len(tr.group.bank.all))
		}
		l.s.a.mu.Unlock()
		return l.said
	}
	want := run("never")
	slices.Sort(want) // events and switches are heard of by two ways
	promoted := slices.IndexFunc(want, func(s string) bool { return strings.HasPrefix(s, "model.promoted") })
	if promoted < 0 {
		t.Fatalf("uninterrupted: %q", want)
	}
	t.Log(strings.Join(want, "\n"))
	for _, stop := range []string{"before the drift", "while windows are gathered", "while it trains", "while the gate waits", "on probation"} {
		got := run(stop)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stopped %s: %s", stop, diff)
		}
	}
}

// A kill takes the series back: slots come again that the adapter has seen, and
// change nothing.
func TestSlotsComeAgain(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	l := newLife(t, cfg)
	l.feed(3000, slow, "normal", true)
	rng := *l.s
	before := bytesOf(l.s.a)
	l.restart()
	if diff := cmp.Diff(before, bytesOf(l.s.a)); diff != "" {
		t.Error(diff)
	}
	l.s.index -= 700
	l.feed(700, pulses, "normal", true)
	if !bytes.Equal(before, bytesOf(l.s.a)) {
		t.Error("slots that came again have changed something")
	}
	if l.s.index != rng.index {
		t.Fatal("the sensor is off")
	}
	l.feed(1000, slow, "normal", true)
	if bytes.Equal(before, bytesOf(l.s.a)) {
		t.Error("new slots are not seen")
	}
}

// bytesOf returns the state of the one series of an adapter.
func bytesOf(a *Adapter) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.snapshot(a.track("pump/1").group).encode()
	if err != nil {
		panic(err)
	}
	return b
}

// A damaged file is set aside, with a word in the log, and the series starts anew.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"empty":   func([]byte) []byte { return nil },
		"other":   func([]byte) []byte { return []byte("something else altogether") },
	} {
		cfg := quick(identity(t))
		cfg.Dir = t.TempDir()
		l := newLife(t, cfg)
		l.feed(3000, slow, "normal", true)
		l.s.a.Close()
		path := l.s.a.path("pump/1")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(b), 0o600); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		l.cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
		l.start()
		l.feed(1000, slow, "normal", true)
		if aside, err := filepath.Glob(path + ".corrupt-*"); err != nil || len(aside) != 1 {
			t.Errorf("%s: set aside: %v, %v", name, aside, err)
		}
		if !strings.Contains(said.String(), "set aside") || !strings.Contains(said.String(), "pump/1") {
			t.Errorf("%s: the log says %q", name, said.String())
		}
		l.s.a.Close()
	}
}

// The model that series begin with is kept once, not with each of them, and is found
// when they begin with another one since.
func TestModelKeptApart(t *testing.T) {
	first, other := identity(t), general(t)
	cfg := quick(first)
	cfg.Dir = t.TempDir()
	raw, err := first.Encode()
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, cfg)
	for _, name := range []string{"x", "y"} {
		newSensor(a, name, 1).feed(2100, slow, "normal")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	state, err := os.ReadFile(a.path("y"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(state, raw) {
		t.Errorf("%d bytes of state hold the %d of the model", len(state), len(raw))
	}
	for _, m := range []*model.Model{first, other} {
		cfg.Model = m
		a := open(t, cfg)
		for _, name := range []string{"x", "y"} {
			if tr := a.track(name); tr.seen != 2100 || tr.serving.Name() != first.Name() {
				t.Errorf("begun with %s: %s after %d slots is served by %s", m.Name(), name, tr.seen, tr.serving.Name())
			}
		}
		if a.tracks["x"].serving != a.tracks["y"].serving {
			t.Error("each has a copy of the model")
		}
		a.cancel() // not closed: the states stay as they are
		a.wg.Wait()
	}
	if err := os.Remove(a.modelPath(first.Name())); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
	a = open(t, cfg)
	defer a.Close()
	if tr := a.track("x"); tr.seen != 0 || !strings.Contains(said.String(), "set aside") {
		t.Errorf("without the file of the model: %d slots, %s", tr.seen, said.String())
	}
}

// A state of version 3 holds all its models.
func TestVersion3(t *testing.T) {
	a := open(t, quick(identity(t)))
	defer a.Close()
	newSensor(a, "x", 1).feed(2100, slow, "normal")
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.snapshot(a.tracks["x"].group).encode()
	if err != nil {
		t.Fatal(err)
	}
	b[0] = 3
	if _, ts, err := a.decode("x", b); err != nil || len(ts) != 1 || ts[0].seen != 2100 || ts[0].serving.Name() != a.cfg.Model.Name() {
		t.Error(ts, err)
	}
}

// A fine-tune of version 4 is trained anew, since it is not known what passes of the noise
// through the nets that judged it; one of version 5 is read as it was.
func TestJobOfVersion4(t *testing.T) {
	m := identity(t)
	a := open(t, quick(m))
	defer a.Close()
	ws := windowsOf(t, slow, 2, 256, 1)
	tr := &track{name: "x"}
	j := &job{track: tr, kind: regime, champion: m, challenger: m, from: map[string]int64{"x": 512}, recent: ws[:1], held: []shot{{ws[1], 600}}, first: 1,
		crossed: train.Comparison{Windows: 1, Error: .5, Gain: []float64{.1, -.2}, Passed: .25, OtherPassed: .125}}
	var s snapshot
	s.job(j)
	tail := len(s.body) - 3*8 // a count and two gains, before which version 5 has two numbers more
	for version, body := range map[uint8][]byte{4: append(s.body[:tail-16:tail-16], s.body[tail:]...), 5: s.body} {
		r := &decoder{Reader: wire.NewReader(body), a: a, version: version, models: s.models}
		got := r.job(&group{}, map[string]*track{"x": tr})
		if r.Err() != nil || len(r.Rest()) != 0 {
			t.Fatalf("version %d: %v, %d bytes left", version, r.Err(), len(r.Rest()))
		}
		if version == 5 && (got.challenger != m || !cmp.Equal(got.crossed, j.crossed)) {
			t.Errorf("version 5: %+v", got.crossed)
		}
		if version == 4 && got.challenger != nil {
			t.Error("version 4: not trained anew")
		}
	}
}

// A state cut anywhere is refused, never read as something else.
func TestDecodeBroken(t *testing.T) {
	a := open(t, quick(identity(t)))
	defer a.Close()
	s := newSensor(a, "x", 1)
	s.feed(2100, slow, "normal")
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.snapshot(a.tracks["x"].group).encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.decode("x", b); err != nil {
		t.Fatal(err)
	}
	for n := range len(b) {
		if n%97 != 0 && n < len(b)-100 {
			continue
		}
		if _, _, err := a.decode("x", b[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken for a state", n, len(b))
		}
	}
	if _, _, err := a.decode("x", append(b, 0)); err == nil {
		t.Error("a byte too many is not noticed")
	}
}

// One model for all outlives the process with all its series.
func TestRestartShared(t *testing.T) {
	cfg := quick(general(t))
	cfg.Shared, cfg.Dir = true, t.TempDir()
	a := open(t, cfg)
	r := read(t, a)
	one, two := newSensor(a, "one", 1), newSensor(a, "two", 2)
	two.feed(20*256, slow, "normal")
	drifted(one, 60, "regime")
	r.wait(t, "model.promoted")
	for range stages { // as a new window comes in, the next fine-tune begins
		one.feed(256, pulses, "normal")
		settled(t, a, r)
	}
	sw := r.switched()
	m := sw[len(sw)-1].Model
	a.Close()
	a = open(t, cfg)
	one.a = a
	one.feed(300, slow, "normal")
	a.Close()
	a = open(t, cfg) // "two" has not come back in between
	r = read(t, a)
	two.a = a
	a.Serving("two", m)
	two.feed(300, slow, "normal")
	settled(t, a, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if tr := a.tracks["two"]; tr.serving != m || tr.seen != 20*256+300 || tr.group.find(m.Name()) == nil || a.shared.buf.Len() < 50 {
		t.Errorf("%d slots, %d windows, %s serves, not %s", tr.seen, a.shared.buf.Len(), tr.serving.Name(), m.Name())
	}
}

// The first of a dozen series that is back after a restart is one of twelve, until
// the engine says that the others are gone.
func TestTheFirstSeriesBackIsNotTheStream(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Shared, cfg.Dir = true, t.TempDir()
	a := open(t, cfg)
	var all []*sensor
	for i := range 12 {
		s := newSensor(a, fmt.Sprintf("pump-%d", i), uint64(i+1))
		s.feed(8*256, slow, "normal")
		all = append(all, s)
	}
	a.Close()
	a = open(t, cfg)
	r := read(t, a)
	all[0].a = a
	drifted(all[0], 20, "regime")
	settled(t, a, r)
	if kinds := r.kinds(); len(kinds) > 0 {
		t.Fatalf("after one of twelve: %v", kinds)
	}
	for i := 1; i < 12; i++ {
		a.Dropped(fmt.Sprintf("pump-%d", i))
	}
	all[0].feed(2*256, pulses, "regime")
	settled(t, a, r)
	if kinds := r.kinds(); !slices.Contains(kinds, "finetune.started") {
		t.Errorf("after one of one: %v", kinds)
	}
}

// A switch that the process did not live to make is asked for again; one that the
// engine has made is not.
func TestSwitchThatWasLost(t *testing.T) {
	good, better := trained(t, "good", 100, slow), trained(t, "better", 300, slow)
	for _, lost := range []bool{true, false} {
		cfg := quick(good)
		cfg.Dir = t.TempDir()
		l := newLife(t, cfg)
		l.feed(20*256, slow, "normal", true)
		promoteNow(l.s.a, "pump/1", good, better)
		l.r.wait(t, "model.promoted")
		if !lost {
			l.s.a.Serving("pump/1", better)
		}
		l.restart()
		l.said = nil
		l.s.a.Serving("pump/1", good) // what a series starts with
		if !lost {
			l.s.a.Serving("pump/1", better)
		}
		l.feed(2*settleSlots, slow, "normal", true)
		l.s.a.mu.Lock()
		l.s.a.pushQuick(func() { l.s.a.event("", marker, "", nil) })
		l.s.a.mu.Unlock()
		<-l.r.marks
		l.drain()
		want := 0
		if lost {
			want = 1
		}
		if len(l.said) != want {
			t.Errorf("lost %v: %q", lost, l.said)
		}
	}
}

// The trail says what was decided, by whom and on what.
func TestAudit(t *testing.T) {
	cfg := quick(general(t))
	cfg.Dir = t.TempDir()
	cfg.Now = func() time.Time { return time.Unix(1700000000, 0) }
	a := open(t, cfg)
	hold(a) // until all slots are there, as in TestDriftToSwitch
	s := newSensor(a, "x", 1)
	drifted(s, 60, "regime")
	r := read(t, a)
	r.wait(t, "model.promoted")
	settled(t, a, r)
	m := r.switched()[0].Model
	if _, err := a.Rollback("x"); err != nil {
		t.Fatal(err)
	}
	r.wait(t, "model.rolled_back")
	a.Close()
	lines := trail(t, cfg.Dir)
	i := slices.IndexFunc(lines, func(r record) bool { return r.Action == "promoted" })
	if i < 0 {
		t.Fatalf("%+v", lines)
	}
	p, last := lines[i], lines[len(lines)-1]
	if p.By != auto || p.Model != m.Name() || p.Before != cfg.Model.Name() || p.Trained == nil || p.Trained.New < 2 || p.Seed == 0 ||
		p.GainDB == nil || p.E < 100 || len(p.Regimes) == 0 || p.Why == "" || p.Time.Unix() != 1700000000 {
		t.Errorf("promoted: %+v", p)
	}
	if last.Action != "rolled_back" || last.By != manual || last.Model != cfg.Model.Name() || last.Before != m.Name() {
		t.Errorf("last: %+v", last)
	}
	h := m.Header()
	if !strings.Contains(h.Card, "Fine-tuned from "+cfg.Model.Name()) || h.Metrics["gain_db"] != *p.GainDB || h.Provenance.Parent != cfg.Model.Name() {
		t.Errorf("card %q, metrics %v", h.Card, h.Metrics)
	}
}

func trail(t *testing.T, dir string) []record {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []record
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var r record
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// The trail is bounded: one file before the present one is kept.
func TestAuditIsBounded(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	a := open(t, cfg)
	defer a.Close()
	for _, size := range []int64{auditBytes - 10, 3} {
		if err := os.WriteFile(filepath.Join(cfg.Dir, "audit.jsonl"), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		a.audit(record{Action: "promoted", Why: strings.Repeat("x", 100)})
	}
	if es, err := os.ReadDir(cfg.Dir); err != nil || len(es) != 2 {
		t.Errorf("%v, %v", es, err)
	}
}

// What was asked for while others are written is done when it is closed: a series that is
// gone leaves no file, and what somebody did by hand is in the trail.
func TestCloseDoesWhatIsQueued(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	a := open(t, cfg)
	for i, name := range []string{"gone", "stays"} {
		newSensor(a, name, uint64(i)).feed(10*256, slow, "normal")
	}
	other := trained(t, "poor", 20, pulses)
	keep(t, a, "stays", other, 1, pulses)
	a.mu.Lock()
	gone, stays := a.tracks["gone"].group, a.tracks["stays"].group
	a.mu.Unlock()
	a.save(gone)
	a.save(stays)
	a.mu.Lock()
	a.pushQuick(func() { <-a.ctx.Done() })
	a.mu.Unlock()
	a.Dropped("gone")
	if names, err := a.Promote(other.Name(), "stays"); err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"gone": false, "stays": true} {
		if _, err := os.Stat(a.path(name)); (err == nil) != there {
			t.Errorf("the state of %s: %v", name, err)
		}
	}
	lines := trail(t, cfg.Dir)
	if len(lines) != 1 || lines[0].Action != "promoted" || lines[0].By != manual || lines[0].Model != other.Name() {
		t.Errorf("the trail says %+v", lines)
	}
}

// A series that was forgotten is leaving for as long as its file is there: one that returns
// meanwhile would read it, and lose it to the removal.
func TestLeavingUntilRemoved(t *testing.T) {
	cfg := quick(identity(t))
	cfg.Dir = t.TempDir()
	a := open(t, cfg)
	read(t, a)
	path := a.path("x")
	for range 100 {
		newSensor(a, "x", 1).feed(256, slow, "normal")
		a.save(a.tracks["x"].group)
		a.Dropped("x")
		for leaving := true; leaving; {
			a.mu.Lock()
			leaving = a.leaving["x"]
			_, err := os.Stat(path)
			a.mu.Unlock()
			if !leaving && err == nil {
				t.Fatal("its file can be read, and will be removed")
			}
		}
	}
}
