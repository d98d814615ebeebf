package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// watched returns a Watch with a sentinel that nothing has trained, and a short
// calibration.
func watched(t testing.TB, cfg Config) *Watch {
	t.Helper()
	w := unwatched(cfg)
	w.Feed.Sentinel = untrained(t, w.cfg.Channels)
	return w
}

// unwatched returns a Watch without a sentinel.
func unwatched(cfg Config) *Watch {
	cfg.Hop, cfg.Calibration = 8, 100
	return NewWatch(cfg)
}

func untrained(t interface{ Fatal(...any) }, channels int) *Sentinel {
	net, err := nn.New(nn.DAE(2*channels, channels, []int{4, 4}, 3, 2), 1)
	if err != nil {
		t.Fatal(err)
	}
	dev := make([]float64, channels)
	for c := range dev {
		dev[c] = 1
	}
	return NewSentinel(net, make([]float64, channels), dev, 32, 8)
}

// ledger checks what a Watch tells: a drift opens, may be updated, and is over once
// before the next one opens; the state says the same.
type ledger struct{ open bool }

func (l *ledger) take(t interface{ Fatalf(string, ...any) }, i int, w *Watch, d *Decision) {
	if d.State != w.State() {
		t.Fatalf("%d: the decision says %s, State %s", i, d.State, w.State())
	}
	switch {
	case d.Opened && (l.open || d.Resolved || d.Updated), (d.Updated || d.Resolved) && !l.open:
		t.Fatalf("%d: open %v, and then %+v", i, l.open, *d)
	case d.Opened:
		l.open = true
	case d.Resolved:
		l.open = false
	}
	if is := d.State != Learning && d.State != Normal && d.State != Warning; is != l.open || w.Open() != l.open {
		t.Fatalf("%d: told open %v, Open says %v and the state is %s", i, l.open, w.Open(), d.State)
	}
}

// script drives w with noise that a function changes, and returns what was told.
func script(t *testing.T, w *Watch, from, to int, change func(i int, x float64) float64) (told []Decision, at []int) {
	t.Helper()
	l := ledger{w.Open()}
	for i := from; i < to; i++ {
		x := change(i, rand.New(rand.NewPCG(uint64(i), 0x3a)).NormFloat64())
		d, _ := w.Push(int64(i), int64(i)*1e9, []float64{x}, []bool{math.IsNaN(x)})
		l.take(t, i, w, &d)
		if d.Opened || d.Updated || d.Resolved {
			told, at = append(told, d), append(at, i)
		}
	}
	return told, at
}

// TestWatchGoesOnWatchingForJumps has a level jump long after the monitor has learnt:
// it is told at once as unknown, and as over when it is back.
func TestWatchGoesOnWatchingForJumps(t *testing.T) {
	told, at := script(t, watched(t, Config{}), 0, 4000, func(i int, x float64) float64 {
		if i >= 3000 && i < 3016 {
			x += 12
		}
		return x
	})
	if len(told) != 2 || !told[0].Opened || told[0].Kind != Unknown || at[0] < 3000 || at[0] > 3008 || told[0].Channel != 0 || told[0].Why == "" {
		t.Fatalf("told at %v: %+v", at, told)
	}
	if !told[1].Resolved || at[1] < 3016 || at[1] > 3048 {
		t.Errorf("told at %v: %+v", at, told)
	}
}

// TestWatchNamesAJump has the noise grow so much that it jumps: the monitor names what
// is open already.
func TestWatchNamesAJump(t *testing.T) {
	told, at := script(t, watched(t, Config{}), 0, 3600, func(i int, x float64) float64 {
		if i >= 3000 {
			x *= 12
		}
		return x
	})
	if len(told) != 2 || !told[0].Opened || told[0].Kind != Unknown || at[0] > 3020 || !told[1].Updated || told[1].Kind != Noise {
		t.Fatalf("told at %v: %+v", at, told)
	}
}

// TestJumpThatStays is the new normal in the end, and is learnt.
func TestJumpThatStays(t *testing.T) {
	j := NewJumps(Config{NewNormal: 500})
	var told []Decision
	for i := range 3000 {
		x := rand.New(rand.NewPCG(uint64(i), 0x3b)).NormFloat64()
		if i == 600 {
			j.Learnt()
		}
		if i >= 1000 {
			x += 12
		}
		if i >= 2500 {
			x += 12
		}
		if d := j.Push(int64(i), []float64{x}, []bool{false}); d.Opened || d.Resolved {
			told = append(told, d)
		}
	}
	if len(told) != 3 || !told[0].Opened || !told[1].Resolved || !told[2].Opened {
		t.Errorf("told %+v, want that it opened, became normal, and that the next one opened", told)
	}
}

// TestWatchState cuts a watch at several places.
func TestWatchState(t *testing.T) {
	change := func(i int, x float64) float64 {
		switch {
		case i >= 2000 && i < 2040:
			return x + 12
		case i >= 2300:
			return x * 12
		case i%50 == 3:
			return math.NaN()
		}
		return x
	}
	whole := watched(t, Config{})
	script(t, whole, 0, 2600, change)
	want := whole.AppendState(nil)
	for _, cut := range []int{10, 399, 801, 900, 2008, 2100, 2304, 2500} {
		a, b := watched(t, Config{}), watched(t, Config{})
		script(t, a, 0, cut, change)
		rest, err := b.RestoreState(append(a.AppendState(nil), "rest"...))
		if err != nil || string(rest) != "rest" {
			t.Fatalf("cut at %d: rest %q, %v", cut, rest, err)
		}
		b.Feed = a.Feed
		script(t, b, cut, 2600, change)
		if !bytes.Equal(b.AppendState(nil), want) {
			t.Errorf("cut at %d: another state at the end", cut)
		}
	}
	for n := 0; n < len(want); n += 101 {
		if _, err := watched(t, Config{}).RestoreState(want[:n]); err == nil {
			t.Fatalf("took a state of %d bytes of %d", n, len(want))
		}
	}
}

func TestWatchAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := watched(t, Config{})
	script(t, w, 0, 2000, func(_ int, x float64) float64 { return x })
	values, missing, i := []float64{0}, []bool{false}, int64(2000)
	if n := testing.AllocsPerRun(400, func() {
		values[0] = math.Sin(float64(i))
		w.Push(i, i, values, missing)
		i++
	}); n != 0 {
		t.Errorf("%v allocations a slot", n)
	}
}

// TestJumpsOpen pins what a jump takes: more where fewer false alarms are asked for,
// and where there are more channels to raise them.
func TestJumpsOpen(t *testing.T) {
	for _, x := range []struct {
		rate     Rate
		channels int
		want     float64
	}{{1e-6, 1, 9.5}, {0, 1, 9.5}, {1e-7, 1, 11.35}, {1e-4, 1, 5.8}, {1e-5, 10, 9.5}, {1e-2, 1, 4.5}} {
		if got := jumpsOpen(x.rate, x.channels); math.Abs(got-x.want) > 1e-9 {
			t.Errorf("%v of %d channels: %v, want %v", x.rate, x.channels, got, x.want)
		}
	}
}
