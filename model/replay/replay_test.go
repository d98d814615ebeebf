package replay

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func config() *rapid.Generator[Config] {
	return rapid.Custom(func(t *rapid.T) Config {
		c := Config{Steps: rapid.IntRange(1, 9).Draw(t, "steps"), Channels: rapid.IntRange(1, 3).Draw(t, "channels"),
			HoldoutEvery: rapid.IntRange(2, 7).Draw(t, "k"), RecentShare: rapid.Float64Range(.05, .95).Draw(t, "share"),
			Seed: rapid.Uint64().Draw(t, "seed")}
		c.Bytes = windowBytes(c.Steps, c.Channels)*rapid.IntRange(leastWindows, 40).Draw(t, "room") + rapid.IntRange(0, 50).Draw(t, "spare")
		return c
	})
}

func build(t interface{ Fatal(...any) }, c Config) *Buffer {
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// feeder adds windows of two series, each value telling where it came from.
type feeder struct {
	next map[string]int64
}

func (f *feeder) add(b *Buffer, series string, missing []bool, quarantined bool) bool {
	if f.next == nil {
		f.next = map[string]int64{}
	}
	start := f.next[series]
	f.next[series] += int64(b.cfg.Steps)
	values := make([]float32, b.cfg.Steps*b.cfg.Channels)
	for i := range values {
		values[i] = float32(start) + float32(i)/100
	}
	scales := make([]Scale, b.cfg.Channels)
	for c := range scales {
		scales[c] = Scale{Mean: 1e5, Dev: 2, Sigma: .2}
	}
	return b.AddMarked(series, start, values, missing, scales, quarantined)
}

// TestBuffer drives a buffer at random and checks after every step what it
// promises: the bound, the sides, the quarantine, and that a restored copy goes
// the same way bit for bit.
func TestBuffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config().Draw(t, "config")
		b := build(t, c)
		twin := build(t, c)
		var f, g feeder
		type span struct{ from, to int64 }
		doubt := map[string][]span{}
		inDoubt := func(w *Window) bool {
			in := false
			for _, s := range doubt[w.Series] {
				if w.Start < s.to && w.End() > s.from {
					in = true
				}
			}
			return in
		}
		series := rapid.SampledFrom([]string{"a", "b"})
		for range rapid.IntRange(0, 150).Draw(t, "operations") {
			switch rapid.IntRange(0, 19).Draw(t, "operation") {
			case 0:
				s, from, n := series.Draw(t, "series"), rapid.Int64Range(0, 500).Draw(t, "from"), rapid.Int64Range(1, 50).Draw(t, "len")
				if b.Quarantine(s, from, from+n) != twin.Quarantine(s, from, from+n) {
					t.Fatal("quarantine of the twin differs")
				}
				// Windows that come later are not concerned.
				doubt[s] = append(doubt[s], span{from, min(from+n, f.next[s])})
			case 1:
				s := series.Draw(t, "series")
				b.Release(s, 0, math.MaxInt64)
				twin.Release(s, 0, math.MaxInt64)
				doubt[s] = nil
			case 2:
				state := twin.AppendState(nil)
				twin = build(t, c)
				rest, err := twin.RestoreState(append(state, 1, 2))
				if err != nil || len(rest) != 2 {
					t.Fatalf("restore: %v, %d bytes left", err, len(rest))
				}
			default:
				s, q := series.Draw(t, "series"), rapid.IntRange(0, 9).Draw(t, "quarantined") == 0
				var missing []bool
				if rapid.Bool().Draw(t, "gaps") {
					missing = rapid.SliceOfN(rapid.Bool(), c.Steps*c.Channels, c.Steps*c.Channels).Draw(t, "missing")
				}
				start := f.next[s]
				kept := f.add(b, s, missing, q)
				if kept != g.add(twin, s, missing, q) {
					t.Fatal("the twin keeps another window")
				}
				if kept && q {
					doubt[s] = append(doubt[s], span{start, f.next[s]})
				}
			}
			check(t, b, inDoubt)
		}
		if !bytes.Equal(b.AppendState(nil), twin.AppendState(nil)) {
			t.Fatal("a buffer restored on the way differs from one that was not")
		}
	})
}

func check(t *rapid.T, b *Buffer, inDoubt func(*Window) bool) {
	t.Helper()
	if b.Bytes() > b.cfg.Bytes || len(b.AppendState(nil)) > 2*b.cfg.Bytes+1024 {
		t.Fatalf("%d windows take %d bytes of %d", b.Len(), b.Bytes(), b.cfg.Bytes)
	}
	s := b.Snapshot()
	seen := map[string]bool{}
	visit := func(ws []*Window, held bool) {
		for _, w := range ws {
			key := fmt.Sprint(w.Series, w.Start)
			if seen[key] {
				t.Fatalf("window %s is there twice", key)
			}
			seen[key] = true
			if (w.Start/int64(b.cfg.Steps))%int64(b.cfg.HoldoutEvery) == int64(b.cfg.HoldoutEvery-1) != held {
				t.Fatalf("window %s is on the wrong side", key)
			}
			if inDoubt(w) {
				t.Fatalf("window %s is quarantined", key)
			}
			for i, v := range w.Values {
				want := float32(w.Start) + float32(i)/100
				if w.Missing(i/b.cfg.Channels, i%b.cfg.Channels) {
					want = 0
				}
				if v != want {
					t.Fatalf("window %s: value %d is %g, want %g", key, i, v, want)
				}
			}
		}
	}
	visit(s.Old, false)
	visit(s.Recent, false)
	visit(s.Holdout, true)
	train := map[*Window]bool{}
	for _, w := range append(append([]*Window(nil), s.Old...), s.Recent...) {
		train[w] = true
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, w := range append(b.Sample(rng, 5), s.SampleMix(rng, 5, .5)...) {
		if !train[w] {
			t.Fatal("a window was drawn that is not there to train on")
		}
	}
}

// TestRecent: the latest windows are always there, in order.
func TestRecent(t *testing.T) {
	c := Config{Steps: 4, Channels: 1, Bytes: 20 * windowBytes(4, 1)}
	b := build(t, c)
	var f feeder
	for n := 1; n <= 300; n++ {
		f.add(b, "a", nil, false)
		s := b.Snapshot()
		last := int64(math.MaxInt64)
		for i := len(s.Recent) - 1; i >= 0; i-- {
			if s.Recent[i].Start >= last {
				t.Fatal("the latest windows are out of order")
			}
			last = s.Recent[i].Start
		}
		if k := len(s.Recent); n > 20 && (k != 8 || s.Recent[0].Start < int64(n-11)*4) {
			t.Fatalf("after %d windows %d are recent, from %d on", n, k, s.Recent[0].Start/4)
		}
	}
	// 20 windows fit: 16 to train on and 4 held out, half of each the latest.
	s := b.Snapshot()
	if len(s.Old) != 8 || len(s.Recent) != 8 || len(s.Holdout) != 4 {
		t.Errorf("%d old, %d recent, %d held out; want 8, 8, 4", len(s.Old), len(s.Recent), len(s.Holdout))
	}
}

// TestReservoirIsUniform: over many seeds every older window is kept equally
// often, the first as well as the last.
func TestReservoirIsUniform(t *testing.T) {
	const seeds, total = 4000, 60
	count := map[int64]int{}
	var kept, ring int
	for seed := range uint64(seeds) {
		b := build(t, Config{Steps: 1, Channels: 1, Bytes: 20 * windowBytes(1, 1), Seed: seed})
		for i := range int64(total) {
			b.Add("a", i, []float32{1}, nil, []Scale{{}})
		}
		s := b.Snapshot()
		for _, w := range s.Old {
			count[w.Start]++
		}
		kept, ring = len(s.Old), len(s.Recent)
	}
	older := total*4/5 - ring // every 5th is held out
	want := float64(seeds*kept) / float64(older)
	chi := 0.0
	for i := range int64(total) {
		if n := float64(count[i]); n > 0 {
			chi += (n - want) * (n - want) / (want * (1 - float64(kept)/float64(older)))
		}
	}
	if len(count) != older {
		t.Fatalf("%d different windows were kept, %d were there", len(count), older)
	}
	// χ² with older-1 degrees of freedom: mean 39, deviation 8.8.
	if dof := float64(older - 1); math.Abs(chi-dof) > 4*math.Sqrt(2*dof) {
		t.Errorf("χ² of the counts is %.1f, want %.0f ± %.0f", chi, dof, 4*math.Sqrt(2*dof))
	}
}

// TestDraw: every number of a range comes up equally often, and each argument
// matters.
func TestDraw(t *testing.T) {
	var count [7]int
	for i := range int64(70_000) {
		count[draw(3, "a", i, 7)]++
	}
	for k, n := range count {
		if math.Abs(float64(n)-10_000) > 400 {
			t.Errorf("%d came up %d times of 70000, want 10000 ± 400", k, n)
		}
	}
	const n = 1 << 62
	base := draw(1, "a", 5, n)
	if base != draw(1, "a", 5, n) || base == draw(2, "a", 5, n) || base == draw(1, "b", 5, n) || base == draw(1, "a", 6, n) || base == draw(1, "a", 5, n+1) {
		t.Error("a draw does not depend on all of its arguments, or on more")
	}
	// Fixed for ever: a restored checkpoint must go on drawing the same.
	if got := []uint64{draw(0, "", 0, 1000), draw(42, "pump-1", 512, 1000), draw(42, "pump-1", 1024, 1001)}; !cmp.Equal(got, []uint64{472, 124, 476}) {
		t.Errorf("draws are %d", got)
	}
}

func TestWindow(t *testing.T) {
	b := build(t, Config{Steps: 2, Channels: 2, Bytes: 8 * windowBytes(2, 2)})
	values := []float32{1, -2, float32(math.NaN()), .5}
	scales := []Scale{{Mean: 101325, Dev: 4, Sigma: .4}, {Mean: 3}}
	if !b.Add("a", 6, values, []bool{false, true, false, false}, scales) {
		t.Fatal("the window was refused")
	}
	values[0], scales[0].Mean = 77, 0 // the buffer has its own copy
	w := b.Snapshot().Recent[0]
	var raw []float64
	for i := range 4 {
		raw = append(raw, w.Raw(i/2, i%2))
	}
	nan := math.NaN()
	if d := cmp.Diff([]float64{101329, nan, nan, 3.5}, raw, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("raw values (-want +got):\n%s", d)
	}
	if w.MissingCount() != 2 || w.End() != 8 || math.Abs(w.Level(0)+1) > 1e-12 || w.Level(1) != -3 {
		t.Errorf("missing %d, end %d, levels %g, %g; want 2, 8, -1, -3", w.MissingCount(), w.End(), w.Level(0), w.Level(1))
	}
	for _, bad := range [][]Scale{{{Mean: nan}, {}}, {{Dev: -1}, {}}, {{}, {Sigma: math.Inf(1)}}} {
		if b.Add("a", 8, []float32{1, 1, 1, 1}, nil, bad) {
			t.Errorf("scales %v were taken", bad)
		}
	}
	if b.Add("a", 8, []float32{1, 1, 1, 1}, []bool{true, true, true, true}, scales) {
		t.Error("a window without a value was taken")
	}
	if added, refused := b.Counts(); added != 1 || refused != 4 {
		t.Errorf("counts are %d added, %d refused; want 1, 4", added, refused)
	}
}

func TestHeldOut(t *testing.T) {
	b := build(t, Config{Steps: 10, Channels: 1, Bytes: 1 << 20, HoldoutEvery: 3})
	for start, want := range map[int64]bool{0: false, 10: false, 20: true, 29: true, 30: false, 57: true, -1: true, -10: true, -11: false} {
		if b.HeldOut(start) != want {
			t.Errorf("window at %d: held out %v", start, !want)
		}
	}
}

// TestQuarantineBounds: [from, to) touches the windows that share a slot with it.
func TestQuarantineBounds(t *testing.T) {
	b := build(t, Config{Steps: 10, Channels: 1, Bytes: 1 << 20})
	var f feeder
	for range 6 {
		f.add(b, "a", nil, false)
		f.add(b, "b", nil, false)
	}
	for _, c := range []struct {
		from, to int64
		want     int
	}{{10, 20, 1}, {10, 21, 2}, {9, 20, 2}, {19, 20, 1}, {20, 20, 0}, {0, 60, 6}, {60, 99, 0}} {
		if n := b.Quarantine("a", c.from, c.to); n != c.want {
			t.Errorf("[%d, %d) quarantines %d windows, want %d", c.from, c.to, n, c.want)
		}
		if n := b.Quarantine("a", c.from, c.to); n != 0 {
			t.Errorf("[%d, %d) quarantines %d windows twice", c.from, c.to, n)
		}
		if n := b.Release("a", 0, 100); n != c.want {
			t.Errorf("[%d, %d): %d windows come back, want %d", c.from, c.to, n, c.want)
		}
	}
}

// TestRestoreElsewhere restores into less and into more room.
func TestRestoreElsewhere(t *testing.T) {
	big := build(t, Config{Steps: 2, Channels: 1, Bytes: 40 * windowBytes(2, 1)})
	var f feeder
	for range 500 {
		f.add(big, "a", nil, false)
	}
	state := big.AppendState(nil)
	small := build(t, Config{Steps: 2, Channels: 1, Bytes: 10 * windowBytes(2, 1)})
	if _, err := small.RestoreState(state); err != nil {
		t.Fatal(err)
	}
	from, to := big.Snapshot().Recent, small.Snapshot().Recent
	if small.Bytes() > small.cfg.Bytes || !cmp.Equal(from[len(from)-len(to):], to, cmp.AllowUnexported(Window{})) {
		t.Errorf("%d windows in %d bytes, of them recent: %v", small.Len(), small.Bytes(), to)
	}
	larger := build(t, Config{Steps: 2, Channels: 1, Bytes: 90 * windowBytes(2, 1)})
	if _, err := larger.RestoreState(state); err != nil || larger.Len() != big.Len() {
		t.Errorf("%v: %d of %d windows came over", err, larger.Len(), big.Len())
	}
}

// TestRestoreBroken: a mutilated state is an error or a sound buffer.
func TestRestoreBroken(t *testing.T) {
	b := build(t, Config{Steps: 3, Channels: 2, Bytes: 10 * windowBytes(3, 2)})
	var f feeder
	for i := range 60 {
		f.add(b, "a", []bool{i%2 == 0, false, false, false, false, false}, i%7 == 0)
	}
	state := b.AppendState(nil)
	rapid.Check(t, func(t *rapid.T) {
		s := bytes.Clone(state)
		if rapid.Bool().Draw(t, "cut") {
			s = s[:rapid.IntRange(0, len(s)-1).Draw(t, "at")]
		} else {
			s[rapid.IntRange(0, len(s)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		}
		c := build(t, b.cfg)
		_, err := c.RestoreState(s)
		if len(s) < len(state) && err == nil {
			t.Fatal("a state cut short was taken")
		}
		if err != nil && c.Len() != 0 {
			t.Fatal("something is left after an error")
		}
		for _, w := range c.Snapshot().Recent {
			for i, v := range w.Values {
				if v-v != 0 || math.IsInf(w.Raw(i/2, i%2), 0) {
					t.Fatal("a value that is not finite came through")
				}
			}
		}
	})
	other := build(t, Config{Steps: 2, Channels: 3, Bytes: 1 << 16})
	if _, err := other.RestoreState(state); err == nil || err.Error() != "replay state: its windows have 3 slots and 2 channels, 2 and 3 are configured" {
		t.Errorf("another shape: %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Channels: 1, Bytes: 1 << 20}, "replay: a window of 0 slots and 1 channels can't be kept, both must be at least 1 and their product at most 16777216"},
		{Config{Steps: 512, Channels: 1, Bytes: 1000}, fmt.Sprintf("replay: 1000 bytes hold fewer than 8 windows of 512 slots and 1 channels, give replay_bytes at least %d", 8*windowBytes(512, 1))},
		{Config{Steps: 1, Channels: 1, Bytes: 1 << 20, RecentShare: 1}, "replay: recent share is 1, it must lie between 0 and 1"},
		{Config{Steps: 1, Channels: 1, Bytes: 1 << 20, HoldoutEvery: 1}, "replay: every 1-th window is to be held out, at least every 2nd must be left to train on"},
	} {
		if _, err := New(c.cfg); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// TestExclude: a window that is excluded is out of sight whatever becomes of quarantine,
// over a restart too, and does not outlive the latest windows.
func TestExclude(t *testing.T) {
	b := build(t, Config{Steps: 2, Channels: 1, Bytes: 40 * windowBytes(2, 1)})
	var f feeder
	for range 6 {
		f.add(b, "a", nil, false)
	}
	seen := func(b *Buffer) int { s := b.Snapshot(); return len(s.Old) + len(s.Recent) + len(s.Holdout) }
	if b.Exclude("a", 1, true) || b.Exclude("b", 2, true) || !b.Exclude("a", 2, true) || seen(b) != 5 {
		t.Fatalf("%d windows are to be seen", seen(b))
	}
	b.Quarantine("a", 0, 6)
	b.Release("a", 0, 6)
	if seen(b) != 5 {
		t.Error("the end of a quarantine brought it back")
	}
	c := build(t, b.cfg)
	if _, err := c.RestoreState(b.AppendState(nil)); err != nil || seen(c) != 5 {
		t.Errorf("restored: %d, %v", seen(c), err)
	}
	all := c.Windows("a")
	if len(all) != 6 || !all[1].Excluded || all[1].Start != 2 || all[0].Excluded {
		t.Errorf("%+v", all)
	}
	if !c.Exclude("a", 2, false) || seen(c) != 6 {
		t.Error("it did not come back")
	}
	for range 200 {
		f.add(b, "a", nil, false)
	}
	for _, w := range b.Windows("a") {
		if w.Start == 2 {
			t.Error("it outlived the latest windows")
		}
	}
}
