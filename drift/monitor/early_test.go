package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// watchEarly feeds two channels of noise, the second of which jumps by 8
// deviations at 600 and back at 900, and returns what was told.
func watchEarly(t *testing.T, e *Early, from, to int) map[int]Decision {
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
		if d := e.Push(values, missing); d.Opened || d.Resolved {
			told[i] = d
		}
	}
	return told
}

func TestEarly(t *testing.T) {
	e := NewEarly(Config{Channels: 2, Names: []string{"flow", "heat"}})
	told := watchEarly(t, e, 0, 1200)
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

// TestEarlyClose checks that an open drift is told as over where the watch ends.
func TestEarlyClose(t *testing.T) {
	e := NewEarly(Config{Channels: 2})
	if d := e.Close(); d.Resolved {
		t.Errorf("resolved what was not open: %+v", d)
	}
	watchEarly(t, e, 0, 700)
	if d := e.Close(); !d.Resolved || d.Kind != Unknown || d.Why == "" {
		t.Errorf("an open drift was not told as over: %+v", d)
	}
}

// TestEarlyState cuts a watch at several places.
func TestEarlyState(t *testing.T) {
	cfg := Config{Channels: 2}
	whole := NewEarly(cfg)
	watchEarly(t, whole, 0, 1000)
	want := whole.AppendState(nil)
	for _, cut := range []int{100, 399, 400, 605, 700, 905} {
		a := NewEarly(cfg)
		watchEarly(t, a, 0, cut)
		b := NewEarly(cfg)
		rest, err := b.RestoreState(append(a.AppendState(nil), "rest"...))
		if err != nil || string(rest) != "rest" {
			t.Fatalf("cut at %d: rest %q, %v", cut, rest, err)
		}
		if a.Open() != b.Open() {
			t.Errorf("cut at %d: open %v, want %v", cut, b.Open(), a.Open())
		}
		watchEarly(t, b, cut, 1000)
		if !bytes.Equal(b.AppendState(nil), want) {
			t.Errorf("cut at %d: another state at the end", cut)
		}
	}
	if _, err := NewEarly(cfg).RestoreState(want[:20]); err == nil {
		t.Error("took a state cut short")
	}
}

// TestEarlyAllocates nothing where nothing happens.
func TestEarlyAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := NewEarly(Config{Channels: 2})
	watchEarly(t, e, 0, 500)
	values, missing := []float64{0, 50}, []bool{false, false}
	if n := testing.AllocsPerRun(200, func() { e.Push(values, missing) }); n != 0 {
		t.Errorf("%v allocations a slot", n)
	}
}
