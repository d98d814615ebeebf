package drift

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// openings returns the samples at which a drift opened and was over.
func openings(d Detector, xs []float64) (opened, closed []int) {
	was := false
	for i, x := range xs {
		is := d.Update(x) == Drift
		if is && !was {
			opened = append(opened, i)
		}
		if was && !is {
			closed = append(closed, i)
		}
		was = is
	}
	return opened, closed
}

func TestLocalLevelOpensAndCloses(t *testing.T) {
	xs := steps(4, 600, 0, 4, 0)
	opened, closed := openings(build(t, "LocalLevel", nil), xs)
	if len(opened) != 1 || opened[0] < 600 || opened[0] > 616 {
		t.Errorf("opened at %v, want once, within a window of 600", opened)
	}
	if len(closed) != 1 || closed[0] < 1200 || closed[0] > 1232 {
		t.Errorf("closed at %v, want once, within two windows of 1200", closed)
	}
}

// TestLocalLevelFindsRoughness changes the noise alone.
func TestLocalLevelFindsRoughness(t *testing.T) {
	xs := steps(5, 600, 0, 0)
	for i := 600; i < len(xs); i++ {
		xs[i] *= 20
	}
	if opened, _ := openings(build(t, "LocalLevel", nil), xs); len(opened) != 1 || opened[0] < 600 || opened[0] > 632 {
		t.Errorf("opened at %v, want once, soon after 600", opened)
	}
}

// wandering returns a level that wanders by step a sample, with noise on it.
func wandering(seed uint64, n int, step, noise float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0x10c))
	xs, l := make([]float64, n), 0.0
	for i := range xs {
		l += step * r.NormFloat64()
		xs[i] = l + noise*r.NormFloat64()
	}
	return xs
}

// TestLocalLevelFit checks that the fit tells how much of a series is wandering.
func TestLocalLevelFit(t *testing.T) {
	for _, c := range []struct{ step, noise float64 }{{0, 1}, {.1, 1}, {1, 1}, {1, .1}} {
		q, r := fitLocalLevel(wandering(1, 4000, c.step, c.noise))
		wantQ, wantR := c.step*c.step, c.noise*c.noise
		if q > 2*wantQ+1e-4 || q < wantQ/2 || c.noise >= c.step && (r > 1.2*wantR || r < wantR/1.2) {
			t.Errorf("steps of %v, noise of %v: q = %.4g, r = %.4g, want about %.4g and %.4g", c.step, c.noise, q, r, wantQ, wantR)
		}
	}
}

// TestLocalLevelReadsVersion3: a snapshot of version 3, which had room for the latest
// samples from the beginning on, goes on as one of today's.
func TestLocalLevelReadsVersion3(t *testing.T) {
	xs := wandering(3, 900, .1, 1)
	for _, n := range []int{100, 700} { // learning, and fitted
		d := NewLocalLevel(DefaultLocalLevel())
		for _, x := range xs[:n] {
			d.Update(x)
		}
		today := d.AppendState(nil)
		earlier := binary.LittleEndian.AppendUint64(nil, localLevelState3)
		if d.fitted {
			earlier = append(earlier, today[8:]...)
		} else { // at and known come last
			end := len(today) - 16
			earlier = append(append(append(earlier, today[8:end]...), make([]byte, 24*(d.cfg.Window+1))...), today[end:]...)
		}
		old := NewLocalLevel(DefaultLocalLevel())
		rest, err := old.RestoreState(append(earlier, 1, 2))
		if err != nil || len(rest) != 2 {
			t.Fatalf("after %d samples: %v, %d bytes left", n, err, len(rest))
		}
		if !bytes.Equal(old.AppendState(nil), today) {
			t.Errorf("after %d samples it is read as another state", n)
		}
		for i, x := range xs[n:] {
			if a, b := d.Update(x), old.Update(x); a != b || d.level != old.level || d.z != old.z {
				t.Fatalf("%d samples after %d: %v, want %v", i, n, b, a)
			}
		}
	}
}

// TestLocalLevelFalseAlarms counts drifts where nothing changed, after 400
// samples of learning.
func TestLocalLevelFalseAlarms(t *testing.T) {
	student := func(r *rand.Rand) func() float64 {
		return func() float64 {
			a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
			return r.NormFloat64() / math.Sqrt(a*a+b*b+c*c)
		}
	}
	for name, c := range map[string]struct {
		source func(r *rand.Rand) func() float64
		most   int // in 200,000 samples
	}{
		"Gauss": {func(r *rand.Rand) func() float64 { return r.NormFloat64 }, 0},
		"t3":    {student, 2},
		"AR(.9)": {func(r *rand.Rand) func() float64 {
			y := 0.0
			return func() float64 { y = .9*y + r.NormFloat64(); return y }
		}, 0},
		"wandering": {func(r *rand.Rand) func() float64 {
			l := 0.0
			return func() float64 { l += .1 * r.NormFloat64(); return l + r.NormFloat64() }
		}, 0},
	} {
		got := 0
		for seed := range uint64(20) {
			next := c.source(rand.New(rand.NewPCG(seed, 0xfa)))
			xs := make([]float64, 10400)
			for i := range xs {
				xs[i] = next()
			}
			opened, _ := openings(NewLocalLevel(DefaultLocalLevel()), xs)
			got += len(opened)
		}
		t.Logf("%s: %d in 200,000", name, got)
		if got > c.most {
			t.Errorf("%s: %d false alarms in 200,000 samples, want at most %d", name, got, c.most)
		}
	}
}

// TestLocalLevelForgivesOne checks that one wild value opens nothing, and that
// the level is not moved by it.
func TestLocalLevelForgivesOne(t *testing.T) {
	xs := steps(6, 1000, 0)
	xs[700] = 1e9
	d := build(t, "LocalLevel", nil)
	if opened, _ := openings(d, xs); opened != nil {
		t.Errorf("opened at %v", opened)
	}
	if l := variable(t, d, "level"); math.Abs(l) > 1 {
		t.Errorf("level %v, want about 0", l)
	}
}

// TestLocalLevelGap checks that values on both sides of a gap are not taken for
// one window.
func TestLocalLevelGap(t *testing.T) {
	d := NewLocalLevel(DefaultLocalLevel())
	xs := steps(7, 500, 0, 5)
	if opened, _ := openings(d, xs[:500]); opened != nil {
		t.Fatalf("opened at %v", opened)
	}
	d.Gap()
	opened, _ := openings(d, xs[500:])
	if want := []int{16}; !slices.Equal(opened, want) {
		t.Errorf("opened %v samples after the gap, want %v: once the window is full", opened, want)
	}
}

// TestLocalLevelHoldsOnSwings checks that a drift on something that swings is not
// over by itself, as it would be if the swings counted as wandering.
func TestLocalLevelHoldsOnSwings(t *testing.T) {
	xs := steps(8, 600, 0, 40)
	for i := range xs {
		xs[i] = xs[i]/2 + 1.5*math.Sin(float64(i)/5)
	}
	opened, closed := openings(build(t, "LocalLevel", nil), xs)
	if len(opened) != 1 || opened[0] < 600 || opened[0] > 632 || closed != nil {
		t.Errorf("opened at %v, closed at %v, want opened once soon after 600", opened, closed)
	}
}

// TestLocalLevelMellows has 12 samples in a hundred off by two deviations, from after
// the calibration on: what comes back without a drift is usual after a while, and a jump
// is found none the less.
func TestLocalLevelMellows(t *testing.T) {
	xs := steps(9, 4000, 0, 12)
	for i := 400; i < 4000; i++ {
		if i%100 < 12 {
			xs[i] += 2
		}
	}
	sizes := func(d *LocalLevel) (s [means]float64) { return d.size }
	plain, mellow := NewLocalLevel(DefaultLocalLevel()), NewLocalLevel(DefaultLocalLevel())
	mellow.Mellow()
	openings(plain, xs[:400])
	openings(mellow, xs[:400])
	if sizes(plain) != sizes(mellow) {
		t.Errorf("usual sizes %v and %v after the same calibration", sizes(plain), sizes(mellow))
	}
	learnt := sizes(mellow)
	if opened, _ := openings(mellow, xs[400:4000]); opened != nil {
		t.Errorf("opened at %v", opened)
	}
	openings(plain, xs[400:4000])
	if sizes(plain) != learnt {
		t.Errorf("usual sizes went from %v to %v without Mellow", learnt, sizes(plain))
	}
	for k, s := range sizes(mellow) {
		if s < learnt[k] || s > 2*learnt[k] {
			t.Errorf("usual size %d went from %.2f to %.2f", k, learnt[k], s)
		}
	}
	if sizes(mellow) == learnt {
		t.Errorf("usual sizes stayed %v", learnt)
	}
	if opened, _ := openings(mellow, xs[4000:]); len(opened) != 1 || opened[0] > 16 {
		t.Errorf("a jump: opened %v samples after it, want once within 16", opened)
	}
}

// TestLocalLevelSetOpen changes what a jump takes while it runs.
func TestLocalLevelSetOpen(t *testing.T) {
	xs := steps(10, 600, 0, 7)
	d := NewLocalLevel(DefaultLocalLevel())
	openings(d, xs[:500])
	d.SetOpen(80)
	if opened, _ := openings(d, xs[500:700]); opened != nil {
		t.Errorf("opened at %v, though a jump takes 80", opened)
	}
	defer func() {
		if recover() == nil {
			t.Error("took an Open below Close")
		}
	}()
	d.SetOpen(3)
}

// TestLocalLevelHabituates has a pulse of 16 samples come every 200, as a heart beats,
// and at last a level that stays.
func TestLocalLevelHabituates(t *testing.T) {
	xs := steps(11, 4600, 0)
	for at := 600; at < 4400; at += 200 {
		for i := range 16 {
			xs[at+i] += 12
		}
	}
	for i := 4500; i < len(xs); i++ {
		xs[i] += 12
	}
	plain, habit := NewLocalLevel(DefaultLocalLevel()), NewLocalLevel(DefaultLocalLevel())
	habit.Habituate()
	if opened, _ := openings(plain, xs); len(opened) < 15 {
		t.Errorf("opened at %v, want most of the 20 times without Habituate: this shows nothing", opened)
	}
	opened, _ := openings(habit, xs[:700])
	half := NewLocalLevel(DefaultLocalLevel())
	if _, err := half.RestoreState(habit.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	more, _ := openings(half, xs[700:])
	if opened = append(opened, more...); len(opened) != 3 || opened[2]+700 < 4500 {
		t.Errorf("opened at %v, of those the latter from 700 on: want the first two and the level that stays", opened)
	}
}
