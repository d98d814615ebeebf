package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const fiveMinutes = 5 * time.Minute

// byShifts returns the reading of a channel that is low by night and high by day, at a
// slot of five minutes.
func byShifts(i int) float64 {
	r := rand.New(rand.NewPCG(uint64(i), 0xda))
	x := 20 + r.NormFloat64()
	if at := i % 288; at >= 100 && at < 200 {
		x += 60
	}
	return x
}

// pushDays gives j the slots from … to of one channel, and returns those at which
// something opened.
func pushDays(j *Jumps, from, to int, at func(i int) float64) (opened []int) {
	for i := from; i < to; i++ {
		x := at(i)
		if d := j.Push(int64(i)*int64(fiveMinutes), []float64{x}, []bool{math.IsNaN(x)}); d.Opened {
			opened = append(opened, i)
		}
	}
	return opened
}

// TestDay has a day on which the work does not begin: beside other days that is a
// jump, by itself the channel is as it is every night.
func TestDay(t *testing.T) {
	const idle = 10 * 288
	at := func(i int) float64 {
		if i >= idle && i < idle+288 {
			return byShifts(i - i%288)
		}
		return byShifts(i)
	}
	cfg := Config{FalseAlarms: 1e-4, Every: fiveMinutes}
	j := NewJumps(cfg)
	opened := pushDays(j, 0, idle+3*288, at)
	if len(opened) != 1 || opened[0] < idle+100 || opened[0] > idle+110 {
		t.Errorf("opened at %v, want once and soon after %d", opened, idle+100)
	}
	if l := j.levels[0]; l.plain != nil || l.rest == nil {
		t.Error("the channel was not found to live by the day")
	}
	cfg.Every = 0
	if opened := pushDays(NewJumps(cfg), 0, idle+3*288, at); len(opened) > 0 && opened[0] == idle+100 {
		t.Errorf("without the time of the day: opened at %v", opened)
	}
}

// TestDayOfNoUse watches channels that do not live by the day: they are watched as
// they are, and the day is forgotten.
func TestDayOfNoUse(t *testing.T) {
	wander := 0.0
	for name, at := range map[string]func(i int) float64{
		"noise":    func(i int) float64 { return rand.New(rand.NewPCG(uint64(i), 1)).NormFloat64() },
		"constant": func(int) float64 { return 7 },
		"wandering": func(i int) float64 {
			wander += rand.New(rand.NewPCG(uint64(i), 2)).NormFloat64()
			return wander
		},
	} {
		j := NewJumps(Config{Every: fiveMinutes})
		pushDays(j, 0, 1000, at)
		if l := j.levels[0]; l.plain == nil || l.rest != nil || l.usual != nil {
			t.Errorf("%s: found to live by the day", name)
		}
	}
}

func TestSlotsOfDay(t *testing.T) {
	for _, x := range []struct {
		every time.Duration
		want  int
	}{{0, 0}, {time.Second, 0}, {59 * time.Second, 0}, {time.Minute, 1440}, {fiveMinutes, 288}, {7 * time.Minute, 206}, {time.Hour, 24}, {3 * time.Hour, 8}, {4 * time.Hour, 0}} {
		if got := slotsOfDay(x.every); got != x.want {
			t.Errorf("a slot every %v: %d slots a day, want %d", x.every, got, x.want)
		}
	}
	l := newLevel(NewJumps(Config{}).levels[0].cfg, fiveMinutes)
	l.start = int64(time.Hour)
	for _, x := range []struct {
		after time.Duration
		want  int64
	}{{0, 0}, {time.Nanosecond, 0}, {-time.Nanosecond, 0}, {fiveMinutes, 1}, {fiveMinutes - 1, 1}, {24 * time.Hour, 0}, {49 * time.Hour, 12}, {-fiveMinutes, 287}} {
		if got := l.slotOfDay(l.start + int64(x.after)); got != x.want {
			t.Errorf("%v after the first reading: slot %d, want %d", x.after, got, x.want)
		}
	}
}

// TestDayState cuts a watch at several places, with missing readings and such that
// are none.
func TestDayState(t *testing.T) {
	at := func(i int) float64 {
		switch {
		case i%41 == 7:
			return math.NaN()
		case i%301 == 60:
			return 1e29
		case i%307 == 60:
			return math.Inf(1)
		case i >= 1500:
			return byShifts(i) - 30
		}
		return byShifts(i)
	}
	cfg := Config{FalseAlarms: 1e-4, Every: fiveMinutes}
	whole := NewJumps(cfg)
	if opened := pushDays(whole, 0, 1600, at); len(opened) != 1 || opened[0] < 1500 {
		t.Errorf("opened at %v, want once after 1500", opened)
	}
	want := whole.AppendState(nil)
	for _, cut := range []int{0, 3, 100, 287, 288, 400, 500, 687, 688, 720, 1502, 1599} {
		a := NewJumps(cfg)
		pushDays(a, 0, cut, at)
		b := NewJumps(cfg)
		rest, err := b.RestoreState(append(a.AppendState(nil), "rest"...))
		if err != nil || string(rest) != "rest" {
			t.Fatalf("cut at %d: rest %q, %v", cut, rest, err)
		}
		pushDays(b, cut, 1600, at)
		if !bytes.Equal(b.AppendState(nil), want) {
			t.Errorf("cut at %d: another state at the end", cut)
		}
	}
	for n := 0; n < len(want); n += 37 {
		if _, err := NewJumps(cfg).RestoreState(want[:n]); err == nil {
			t.Fatalf("took a state of %d bytes of %d", n, len(want))
		}
	}
	if _, err := NewJumps(Config{Every: time.Hour}).RestoreState(want); err == nil {
		t.Error("took the state of another grid")
	}
}
