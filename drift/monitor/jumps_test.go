package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// watchJumps feeds two channels of noise, the second of which jumps by 8
// deviations at 600 and back at 900, and returns what was told.
func watchJumps(t testing.TB, e *Jumps, from, to int) map[int]Decision {
	t.Helper()
	told := map[int]Decision{}
	for i := from; i < to; i++ {
		r := rand.New(rand.NewPCG(uint64(i), 0xea))
		values := []float64{r.NormFloat64(), 50 + r.NormFloat64()}
		if i >= 600 && i < 900 {
			values[1] += 8
		}
		missing := []bool{i%7 == 0, false}
		if missing[0] {
			values[0] = math.NaN()
		}
		if d := e.Push(0, values, missing); d.Opened || d.Resolved {
			told[i] = d
		}
	}
	return told
}

func TestJumps(t *testing.T) {
	e := NewJumps(Config{Channels: 2, Names: []string{"flow", "heat"}})
	told := watchJumps(t, e, 0, 1200)
	if len(told) != 2 {
		t.Fatalf("told %v, want that a drift opened and was over", told)
	}
	for i, d := range told {
		if d.Opened {
			if i < 600 || i > 616 || d.Kind != Unknown || d.State != Unknown || d.Channel != 1 {
				t.Errorf("opened at %d: %+v", i, d)
			}
			if !strings.HasPrefix(d.Why, "heat: level off by +") {
				t.Errorf("why: %q", d.Why)
			}
		}
		if d.Resolved && (i < 900 || i > 932 || d.Kind != Unknown || d.State != Learning) {
			t.Errorf("resolved at %d: %+v", i, d)
		}
	}
}

// TestJumpsClose checks that an open drift is told as over where the watch ends.
func TestJumpsClose(t *testing.T) {
	e := NewJumps(Config{Channels: 2})
	if d := e.Learnt(); d.Resolved {
		t.Errorf("resolved what was not open: %+v", d)
	}
	watchJumps(t, e, 0, 700)
	if d := e.Learnt(); !d.Resolved || d.Kind != Unknown || d.Why == "" {
		t.Errorf("an open drift was not told as over: %+v", d)
	}
}

// TestJumpsState cuts a watch at several places.
func TestJumpsState(t *testing.T) {
	cfg := Config{Channels: 2}
	whole := NewJumps(cfg)
	watchJumps(t, whole, 0, 1000)
	want := whole.AppendState(nil)
	for _, cut := range []int{100, 399, 400, 605, 700, 905} {
		a := NewJumps(cfg)
		watchJumps(t, a, 0, cut)
		b := NewJumps(cfg)
		rest, err := b.RestoreState(append(a.AppendState(nil), "rest"...))
		if err != nil || string(rest) != "rest" {
			t.Fatalf("cut at %d: rest %q, %v", cut, rest, err)
		}
		if a.Open() != b.Open() {
			t.Errorf("cut at %d: open %v, want %v", cut, b.Open(), a.Open())
		}
		watchJumps(t, b, cut, 1000)
		if !bytes.Equal(b.AppendState(nil), want) {
			t.Errorf("cut at %d: another state at the end", cut)
		}
	}
	if _, err := NewJumps(cfg).RestoreState(want[:20]); err == nil {
		t.Error("took a state cut short")
	}
}

// TestJumpsAllocates nothing where nothing happens.
func TestJumpsAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := NewJumps(Config{Channels: 2})
	watchJumps(t, e, 0, 500)
	values, missing := []float64{0, 50}, []bool{false, false}
	if n := testing.AllocsPerRun(200, func() { e.Push(0, values, missing) }); n != 0 {
		t.Errorf("%v allocations a slot", n)
	}
}

// TestJumpsDropOut takes a channel away while the monitor learns: what is missing for
// much longer than ever before is told, with its channel, and that it is back.
func TestJumpsDropOut(t *testing.T) {
	e := NewJumps(Config{Channels: 2, Names: []string{"a", "b"}})
	var got []string
	push := func(n int, lost bool) {
		for i := range n {
			d := e.Push(0, []float64{math.Sin(float64(i)), math.Cos(float64(i))}, []bool{false, lost})
			if d.Opened || d.Updated || d.Resolved {
				got = append(got, d.Kind+" "+d.Fault+" "+d.State)
			}
		}
	}
	push(100, false)
	push(40, true) // an ordinary gap
	push(100, false)
	push(160, true) // four times as long, not longer
	if len(got) > 0 {
		t.Fatalf("told %v", got)
	}
	push(1, true)
	state := e.AppendState(nil)
	e = NewJumps(Config{Channels: 2, Names: []string{"a", "b"}})
	if rest, err := e.RestoreState(state); err != nil || len(rest) > 0 {
		t.Fatal(err, len(rest))
	}
	push(100, true)
	push(10, false)
	if want := []string{"fault dropout fault", "fault dropout learning"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// TestJumpsUnheard: a channel that never had a reading has not dropped out, and what lies
// before its first one is no gap, also across a restart.
func TestJumpsUnheard(t *testing.T) {
	cfg := Config{Channels: 2, Names: []string{"a", "b"}}
	e := NewJumps(cfg)
	opened := 0
	push := func(n int, missing bool) {
		for i := range n {
			if d := e.Push(0, []float64{math.Sin(float64(i)), math.Cos(float64(i))}, []bool{false, missing}); d.Opened {
				opened++
			}
		}
	}
	push(200, true)
	state := e.AppendState(nil)
	e = NewJumps(cfg)
	if rest, err := e.RestoreState(state); err != nil || len(rest) > 0 {
		t.Fatal(err, len(rest))
	}
	push(200, true)
	if opened > 0 || e.Open() {
		t.Fatalf("%d drop-outs of a channel that was never there", opened)
	}
	push(10, false)
	push(earlyGap+1, true)
	if opened != 1 {
		t.Errorf("%d drop-outs after it had been there, want 1", opened)
	}
}

// TestJumpsSayWhetherLevelsAreBack: a quantity that wanders and jumps by more than that is not
// back to usual where the jump is taken for wandering; one that was there and came back is.
func TestJumpsSayWhetherLevelsAreBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		until int
		away  bool
		why   string
	}{
		{"stays", 1000, true, "flow: level stays moved by +"},
		{"comes back", 605, false, "levels are back to usual"},
	} {
		e := NewJumps(Config{Channels: 1, Names: []string{"flow"}})
		ends := []Decision{}
		for i := range 700 {
			r := rand.New(rand.NewPCG(uint64(i), 0xea))
			x := 60 + 5*math.Sin(float64(i)/25) + r.Float64() + r.Float64() - 1
			if i >= 600 && i < c.until {
				x += 20
			}
			if d := e.Push(0, []float64{x}, []bool{false}); d.Resolved {
				ends = append(ends, d)
			}
		}
		if len(ends) != 1 || ends[0].Away != c.away || !strings.HasPrefix(ends[0].Why, c.why) {
			t.Errorf("%s: told %+v, want one that begins with %q", c.name, ends, c.why)
		}
	}
}
