package window

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sendAt has samples come every so many seconds, each off its time by up to a share
// of that, from a time on, and returns the time that follows.
func sendAt(s *Series, h Handler, rng *rand.Rand, from, every, jitter float64, n int) float64 {
	for i := range n {
		s.Push(at(from+every*(float64(i)+jitter*(rng.Float64()-.5)), float64(i)), 0, h)
	}
	return from + every*float64(n)
}

// TestRateLearntAnew changes the rate of a series: the context ends once, and the new
// one is on a grid of the new rate.
func TestRateLearntAnew(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  float64 // seconds, after a time of 1
		jitter float64
		hz     float64
		resets []string
	}{
		{"the same", 1, .2, 1, nil},
		{"a little faster", .8, .1, 1, nil},
		{"ten times faster", .1, .04, 10, []string{"the rate is 10 Hz and no longer 1 Hz"}},
		{"half as fast", 2, .1, .5, []string{"the rate is 0.5 Hz and no longer 1 Hz"}},
	} {
		s, r := series(t, Config{Lateness: time.Second}), &recorder{}
		rng := rand.New(rand.NewPCG(1, 2))
		t0 := sendAt(s, r, rng, 100, 1, c.jitter, 200)
		t1 := sendAt(s, r, rng, t0, c.every, c.jitter, 400)
		if d := cmp.Diff(c.resets, r.resets); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if hz := s.RateHz(); hz < .98*c.hz || hz > 1.02*c.hz {
			t.Errorf("%s: the grid is at %g Hz, want %g", c.name, hz, c.hz)
		}
		// Once it is learnt each sample has its slot.
		n := len(r.values)
		sendAt(s, r, rng, t1, c.every, c.jitter, 100)
		if got := len(r.values) - n; c.resets != nil && (got < 98 || got > 102) {
			t.Errorf("%s: 100 samples have %d slots", c.name, got)
		}
	}
}

// TestGivenRateStays: what the user says is not learnt.
func TestGivenRateStays(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, Lateness: time.Second}), &recorder{}
	sendAt(s, r, rand.New(rand.NewPCG(1, 2)), 100, .1, 0, 500)
	if s.RateHz() != 1 || r.resets != nil {
		t.Errorf("%g Hz, resets %q", s.RateHz(), r.resets)
	}
}

// TestRateOfSeparateMessages: channels that come at times of their own are no faster
// than each of them, a slot waits for both, and a slower one is held.
func TestRateOfSeparateMessages(t *testing.T) {
	cfg := Config{Channels: 2, Lateness: time.Second, Hold: 5 * time.Second}.Defaults()
	s, r := NewSeries(cfg), &recorder{}
	send := func(t float64, ch int) {
		in := at(t, t)
		in.Channel = ch
		s.Push(in, 0, r)
	}
	for i := range 200 {
		send(100+float64(i), 0)
		send(100.3+float64(i), 1)
	}
	if s.RateHz() != 1 || r.resets != nil {
		t.Fatalf("%g Hz, resets %q, want 1 Hz", s.RateHz(), r.resets)
	}
	if f := s.Fates(); f[Surplus]+f[Late] != 0 || f.In() != 400 {
		t.Errorf("fates %v", f)
	}
	held := r.held
	for i := 200; i < 260; i++ {
		send(100+float64(i), 0)
		if i%4 == 0 {
			send(100+float64(i), 1)
		}
	}
	if got := r.held - held; got < 40 || s.RateHz() != 1 {
		t.Errorf("the slower channel was held in %d slots of 60, at %g Hz", got, s.RateHz())
	}
}

// TestEpochForgetsPace: after a clock was set back the times before it do not count.
func TestEpochForgetsPace(t *testing.T) {
	s, r := series(t, Config{BackwardAfter: 8}), &recorder{}
	rng := rand.New(rand.NewPCG(1, 2))
	t0 := sendAt(s, r, rng, 1e5, 1, .1, 90)
	sendAt(s, r, rng, t0-4000, 1, .1, 300)
	if s.Epoch() != 1 || len(r.resets) != 1 || s.RateHz() != 1 {
		t.Errorf("epoch %d, %g Hz, resets %q", s.Epoch(), s.RateHz(), r.resets)
	}
}

// TestRateChangeTellsNothingTwice: whenever a device goes over to another rate, no slot
// has a time that one had before it.
func TestRateChangeTellsNothingTwice(t *testing.T) {
	for _, c := range []struct{ was, every float64 }{{1, .1}, {1, .2}, {1, .5}, {60, 1}, {.1, .01}, {1, 2}, {1, 30}} {
		for phase := range 4 {
			s, r := series(t, Config{Lateness: time.Second}), &recorder{}
			rng := rand.New(rand.NewPCG(1, 2))
			t0 := sendAt(s, r, rng, 1000, c.was, 0, 200+phase)
			sendAt(s, r, rng, t0+(float64(phase)+.5)/4*c.every, c.every, 0, 800)
			s.Finish(r)
			if n := countChanges(r.resets); n != 1 {
				t.Errorf("%g to %g s, phase %d: %d changes of rate, want 1", c.was, c.every, phase, n)
			}
			for i := 1; i < len(r.times); i++ {
				if r.times[i] <= r.times[i-1] {
					t.Errorf("%g to %g s, phase %d: a slot at %d ns after one at %d", c.was, c.every, phase, r.times[i], r.times[i-1])
				}
			}
		}
	}
}

func countChanges(resets []string) (n int) {
	for _, why := range resets {
		if strings.HasPrefix(why, "the rate is ") {
			n++
		}
	}
	return n
}

// TestRateOfChannelBehind: the change shows though the channel whose samples count is
// never the first to bring a new time.
func TestRateOfChannelBehind(t *testing.T) {
	s, r := series(t, Config{Channels: 2, Lateness: time.Second}), &recorder{}
	send := func(from, every float64, n int) {
		for i := range n {
			for _, ch := range []int{1, 0} {
				in := at(from+float64(i)*every, 0)
				in.Channel = ch
				s.Push(in, 0, r)
			}
		}
	}
	send(100, 1, 100)
	send(200, .1, 200)
	if s.RateHz() != 10 || len(r.resets) != 1 {
		t.Errorf("%g Hz, resets %q, want 10 Hz after one change", s.RateHz(), r.resets)
	}
}
