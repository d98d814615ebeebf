package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// until steps until the condition holds, at most n samples.
func (g *rig) until(t *testing.T, what string, n int, cond func(Decision) bool) Decision {
	t.Helper()
	for range n {
		if d, ok := g.step(); ok && cond(d) {
			return d
		}
	}
	t.Fatalf("%s: not within %d samples", what, n)
	return Decision{}
}

func opened(d Decision) bool   { return d.Opened }
func updated(d Decision) bool  { return d.Updated }
func resolved(d Decision) bool { return d.Resolved }

func TestLifecycle(t *testing.T) {
	g := newRig(newSensor("sine", 1), ShortHistory(1, 1e-6))
	for {
		d, ok := g.step()
		if !ok {
			continue
		}
		if d.State == Learning && (!math.IsNaN(d.Z) || d.Evidence != 0 || d.Changed) {
			t.Fatalf("while learning: %+v", d)
		}
		if d.State != Learning {
			if d.State != Normal || !d.Changed || !strings.Contains(d.Why, "100 scores") {
				t.Fatalf("after learning: %+v", d)
			}
			break
		}
	}
	for range 500 {
		if d, ok := g.step(); ok && (d.Opened || d.Kind != "" || d.Since != -1 || d.Channel != -1) {
			t.Fatalf("while normal: %+v", d)
		}
	}
	at := g.index
	g.s.sigma *= 4
	d := g.until(t, "noise", 300, opened)
	if d.State != Noise || d.Kind != Noise || !d.Changed || d.Channel != 0 || d.Evidence != 1 {
		t.Errorf("opened: %+v", d)
	}
	if d.Since < at-64 || d.Since > at+64 {
		t.Errorf("it seems to have begun at %d, but did at %d", d.Since, at)
	}
	for _, want := range []string{"channel 0", "residual", "times its usual size", "noise", "spectrum unchanged: noise level"} {
		if !strings.Contains(d.Why, want) {
			t.Errorf("why %q lacks %q", d.Why, want)
		}
	}
	for range 2000 { // at most one drift is open
		if d, ok := g.step(); ok && (d.Opened || d.Resolved || d.State != Noise) {
			t.Fatalf("while open: %+v", d)
		}
	}
	g.s.sigma /= 4
	d = g.until(t, "resolved", 400, resolved)
	if d.State != Normal || d.Kind != Noise || !d.Changed || !strings.Contains(d.Why, "back to usual") {
		t.Errorf("resolved: %+v", d)
	}
	for range 2000 {
		if d, ok := g.step(); ok && d.Opened {
			t.Fatalf("after all is well: %+v", d)
		}
	}
	g.s.period /= 1.6
	if d = g.until(t, "regime", 300, opened); d.Kind != Regime || !strings.Contains(d.Why, "spectrum moved to faster variation") {
		t.Errorf("regime: %+v", d)
	}
	g.m.Rebase()
	if s := g.m.State(); s != Learning {
		t.Errorf("after a rebase: %s", s)
	}
	d = g.until(t, "rebased", 8, func(Decision) bool { return true })
	if !d.Resolved || d.Kind != Regime || d.State != Learning || !d.Changed || d.Why != "regime drift taken as the new normal" {
		t.Errorf("rebased: %+v", d)
	}
	d = g.until(t, "learnt again", 1000, func(d Decision) bool { return d.State == Normal })
	for range 2000 {
		if d, ok := g.step(); ok && d.Opened {
			t.Fatalf("in the new normal: %+v", d)
		}
	}
	g.s.stuck = true
	d = g.until(t, "stuck", 100, opened)
	if d.Kind != Fault || !strings.Contains(d.Why, "stuck sensor (NE 107: failure)") {
		t.Errorf("stuck: %+v", d)
	}
	g.s.stuck = false
	g.until(t, "resolved", 600, resolved)
	g.m.Reset("the sentinel was replaced")
	if d = g.until(t, "reset", 8, func(Decision) bool { return true }); d.Resolved || d.State != Learning || !strings.Contains(d.Why, "sentinel was replaced") {
		t.Errorf("reset: %+v", d)
	}
}

func TestFaultAfterNoiseAndRegimeAfterFault(t *testing.T) {
	g := newRig(newSensor("sine", 2), ShortHistory(1, 1e-6))
	g.learn()
	for range 300 {
		g.step()
	}
	g.s.sigma *= 4
	g.until(t, "noise", 300, opened)
	g.s.stuck = true
	if d := g.until(t, "stuck", 100, updated); d.Kind != Fault || d.Opened {
		t.Errorf("stuck while noisy: %+v", d)
	}
	g.s.stuck, g.s.sigma = false, g.s.sigma/4
	g.s.period /= 1.6
	if d := g.until(t, "regime", 600, updated); d.Kind != Regime {
		t.Errorf("back in another regime: %+v", d)
	}
}

func TestASingleOutlierIsNoDrift(t *testing.T) {
	n := 0
	for _, p := range []string{"sine", "ar1", "level"} {
		for seed := range uint64(min(sensors(), 10)) {
			g := newRig(newSensor(p, seed+1), ShortHistory(1, 1e-6))
			g.learn()
			for i := range 2000 {
				g.s.spikes = 0
				if i == 400 || i == 1200 {
					g.s.spikes = 1
				}
				if d, ok := g.step(); ok && d.Opened {
					t.Logf("%s, sensor %d, sample %d: %s", p, seed, i, d.Why)
					n++
				}
			}
		}
	}
	// It may come while there is a warning for other reasons.
	if n > 1 {
		t.Errorf("%d drifts in 60 outliers, want at most 1", n)
	}
}

func TestSaturation(t *testing.T) {
	g := newRig(newSensor("sine", 4), ShortHistory(1, 1e-6))
	top := g.s.offset + 1.2
	g.ex.SetRails(math.Inf(-1), top)
	g.s.top = math.Inf(1)
	g.learn()
	for range 300 {
		g.step()
	}
	g.s.offset += 1
	g.s.top = top
	if d := g.until(t, "saturation", 300, opened); d.Kind != Fault || !strings.Contains(d.Why, "saturation") && !strings.Contains(d.Why, "stuck") {
		t.Errorf("%+v", d)
	}
}

func TestDropOut(t *testing.T) {
	g := newRig(newSensor("ar1", 5), ShortHistory(1, 1e-6))
	g.s.missing = 0.1 // what is usual
	g.learn()
	for range 3000 {
		if d, ok := g.step(); ok && d.Opened {
			t.Fatalf("while one reading in ten is missing: %s", d.Why)
		}
	}
	g.s.missing = 1
	d := g.until(t, "drop-out", 64, opened)
	if d.Kind != Fault || !strings.Contains(d.Why, "drop-out (NE 107: failure)") {
		t.Errorf("%+v", d)
	}
	g.s.missing = 0.1
	g.until(t, "resolved", 600, resolved)
}

// TestUnheard: a channel that never had a reading is no fault of its sensor, however long
// the series goes on without it.
func TestUnheard(t *testing.T) {
	m := New(ShortHistory(2, 1e-6))
	r := rand.New(rand.NewPCG(8, 9))
	a, b := NewExtractor(8), NewExtractor(8)
	learnt := false
	for i := range 12_000 {
		fa, ok := a.Push(r.NormFloat64(), false)
		fb, _ := b.Push(0, true)
		if !ok {
			continue
		}
		d := m.Update(Observation{Index: int64(i), Score: r.NormFloat64(), Features: []Features{fa, fb}})
		learnt = learnt || d.State != Learning
		if d.Opened {
			t.Fatalf("sample %d: %s", i, d.Why)
		}
	}
	if !learnt {
		t.Error("the monitor never learnt")
	}
}

// TestChannels checks that the drift is told of the channel it is in.
func TestChannels(t *testing.T) {
	cfg := ShortHistory(3, 1e-6)
	cfg.Names = []string{"flow", "temp", "rpm"}
	m := New(cfg)
	r := rand.New(rand.NewPCG(8, 8))
	ex := []*Extractor{NewExtractor(8), NewExtractor(8), NewExtractor(8)}
	fs := make([]Features, 3)
	sigma := []float64{1, 1, 1}
	for i := range 4000 {
		if i == 3000 {
			sigma[1] = 4
		}
		total, hop := 0.0, false
		for c, e := range ex {
			x := sigma[c] * r.NormFloat64()
			total += x * x
			if c == 2 {
				x = 5 // a channel that never moves
			}
			if f, ok := e.Push(x, false); ok {
				fs[c], hop = f, true
			}
		}
		if !hop {
			continue
		}
		// A score of the same distribution as the error over 24 values.
		e := 0.0
		for range 24 {
			x := r.NormFloat64()
			e += x * x
		}
		if i >= 3000 {
			e *= 6
		}
		d := m.Update(Observation{Index: int64(i), Score: math.Log(e), Features: fs})
		if d.Opened {
			if i < 3000 || d.Channel != 1 || d.Kind != Noise || !strings.HasPrefix(d.Why, "temp: ") {
				t.Errorf("sample %d: %+v", i, d)
			}
			return
		}
	}
	t.Error("nothing was found")
}

func TestMissingScoresAndFeatures(t *testing.T) {
	g := newRig(newSensor("sine", 6), ShortHistory(1, 1e-6))
	g.learn()
	nan := Features{Missing: 0.5, Level: math.NaN(), Spread: math.NaN(), Noise: math.NaN(), Pulse: math.NaN(), Diff: [5]float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}}
	for i := range 200 {
		score := math.NaN()
		if i%3 == 0 {
			score = math.Inf(1 - 2*(i%2))
		}
		var fs []Features
		if i%2 == 0 {
			fs = []Features{nan}
		}
		d := g.m.Update(Observation{Index: g.index, Score: score, Features: fs})
		if !math.IsNaN(d.Z) || math.IsNaN(d.Evidence) {
			t.Fatalf("%+v", d)
		}
	}
	g.m.Gap()
	for range 3000 {
		if d, ok := g.step(); ok && (math.IsNaN(d.Z) || math.IsNaN(d.Evidence)) {
			t.Fatalf("%+v", d)
		}
	}
}

// TestRestore cuts a run with everything in it at many places: each half
// restored must go on as if nothing had happened.
func TestRestore(t *testing.T) {
	type sample struct {
		o Observation
	}
	g := newRig(newSensor("sine", 3), ShortHistory(1, 1e-6))
	ex := NewExtractor(8)
	var obs []sample
	for i := range 9000 {
		switch i {
		case 3000:
			g.s.sigma *= 4
		case 4000:
			g.s.sigma /= 4
		case 5000:
			g.s.stuck = true
		case 5200:
			g.s.stuck = false
		case 6000:
			g.s.period /= 1.6
		}
		x, _ := g.s.next()
		score, ok := g.lin.push(x)
		if !ok {
			score = math.NaN()
		}
		if f, ok := ex.Push(x, false); ok {
			obs = append(obs, sample{Observation{Index: int64(i), Score: score, Features: []Features{f}}})
		}
	}
	feed := func(m *Monitor, i int) Decision {
		if i == 850 {
			m.Rebase()
		}
		if i == 300 {
			m.Gap()
		}
		return m.Update(obs[i].o)
	}
	bitwise := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	m := New(ShortHistory(1, 1e-6))
	var want []Decision
	var snaps [][]byte
	kinds := map[string]bool{}
	for i := range obs {
		snaps = append(snaps, m.AppendState(nil))
		want = append(want, feed(m, i))
		kinds[want[i].State] = true
	}
	for _, k := range []string{Learning, Normal, Warning, Noise, Fault, Regime} {
		if !kinds[k] {
			t.Errorf("the run never was in state %s", k)
		}
	}
	for cut := 0; cut < len(obs); cut += 97 {
		n := New(ShortHistory(1, 1e-6))
		rest, err := n.RestoreState(append(append([]byte(nil), snaps[cut]...), 9))
		if err != nil || len(rest) != 1 {
			t.Fatalf("hop %d: rest %v, %v", cut, rest, err)
		}
		if len(snaps[cut]) > 32<<10 {
			t.Errorf("hop %d: the state takes %d bytes", cut, len(snaps[cut]))
		}
		for i := cut; i < len(obs); i++ {
			if i < cut+20 && !bytes.Equal(n.AppendState(nil), snaps[i]) {
				t.Fatalf("restored at hop %d: other bytes at hop %d", cut, i)
			}
			if got := feed(n, i); !cmp.Equal(want[i], got, bitwise) {
				t.Fatalf("restored at hop %d, hop %d: %s", cut, i, cmp.Diff(want[i], got, bitwise))
			}
		}
	}
	snap := snaps[600]
	for n := 0; n < len(snap); n += 97 {
		f := New(ShortHistory(1, 1e-6))
		before := f.AppendState(nil)
		if _, err := f.RestoreState(snap[:n]); err == nil {
			t.Fatalf("took %d of %d bytes", n, len(snap))
		}
		if !bytes.Equal(before, f.AppendState(nil)) {
			t.Fatalf("a refused state of %d bytes left a trace", n)
		}
	}
	if _, err := New(ShortHistory(2, 1e-6)).RestoreState(snap); err == nil {
		t.Error("took the state of another number of channels")
	}
	for i := 0; i < len(snap); i += 13 { // must not panic, whatever it says
		bad := append([]byte(nil), snap...)
		bad[i] ^= 0xff
		f := New(ShortHistory(1, 1e-6))
		if _, err := f.RestoreState(bad); err == nil {
			f.Update(obs[600].o)
		}
	}
}

func TestStateSize(t *testing.T) {
	for _, channels := range []int{1, 2, 3} {
		cfg := ShortHistory(channels, 1e-6)
		m := New(cfg)
		r := rand.New(rand.NewPCG(9, 9))
		fs := make([]Features, channels)
		ex := make([]*Extractor, channels)
		for c := range ex {
			ex[c] = NewExtractor(8)
		}
		largest := 0
		for i := range 2000 * 8 {
			hop := false
			for c := range ex {
				if f, ok := ex[c].Push(r.NormFloat64(), false); ok {
					fs[c], hop = f, true
				}
			}
			if hop {
				m.Update(Observation{Index: int64(i), Score: r.NormFloat64(), Features: fs})
				if i%800 == 799 {
					largest = max(largest, len(m.AppendState(nil)))
				}
			}
		}
		t.Logf("%d channels: at most %d bytes, mature %d", channels, largest, len(m.AppendState(nil)))
		if channels < 3 && largest > 32<<10 {
			t.Errorf("%d channels: the state takes %d bytes, want at most 32 KiB", channels, largest)
		}
		i := 0
		if n := testing.AllocsPerRun(500, func() {
			i++
			m.Update(Observation{Index: int64(i), Score: uniform(1, uint64(i)), Features: fs})
		}); n != 0 {
			t.Errorf("%d channels: %v allocations per update", channels, n)
		}
	}
}

func BenchmarkMonitorUpdate(b *testing.B) {
	m := New(ShortHistory(1, 1e-6))
	ex := NewExtractor(8)
	r := rand.New(rand.NewPCG(9, 9))
	var obs []Observation
	for len(obs) < 8192 {
		if f, ok := ex.Push(r.NormFloat64(), false); ok {
			obs = append(obs, Observation{Score: r.NormFloat64(), Features: []Features{f}})
		}
	}
	for i := range obs {
		m.Update(obs[i])
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		m.Update(obs[i&8191])
		i++
	}
}

func BenchmarkChartUpdate(b *testing.B) {
	f := series("ar.9", 1)
	xs := make([]float64, 8192)
	for i := range xs {
		xs[i] = f()
	}
	var c chart
	c.fit(xs[:2000], 1e9, scoreCells, true, 1, 0)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		c.update(xs[i&8191], int64(i))
		i++
	}
}

func BenchmarkExtractorPush(b *testing.B) {
	e := NewExtractor(8)
	r := rand.New(rand.NewPCG(9, 9))
	xs := make([]float64, 8192)
	for i := range xs {
		xs[i] = r.NormFloat64()
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		e.Push(xs[i&8191], false)
		i++
	}
}
