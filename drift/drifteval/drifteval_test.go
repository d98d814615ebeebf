package drifteval

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// scripted is a detector that raises an alarm where a function says so.
type scripted struct {
	drift.Detector
	n     int
	alarm func(n int, x float64) bool
}

func (s *scripted) Update(x float64) drift.State {
	s.n++
	if s.alarm(s.n, x) {
		return drift.Drift
	}
	return drift.Stable
}

// geometric alarms with probability p at every value, whatever it is.
func geometric(p float64, seed uint64) *scripted {
	r := rand.New(rand.NewPCG(seed, 1))
	return &scripted{alarm: func(int, float64) bool { return r.Float64() < p }}
}

func ticking(period int) *scripted {
	return &scripted{alarm: func(n int, _ float64) bool { return n%period == 0 }}
}

// TestFalseAlarmsOfAKnownRate estimates the rate of a geometric process.
func TestFalseAlarmsOfAKnownRate(t *testing.T) {
	s := streamOf("Gauss")
	for _, p := range []float64{1e-3, 1e-2} {
		w := watcher{make: func(_ *stream, seed uint64) (drift.Detector, int) { return geometric(p, seed), 0 }}
		got, err := countAlarms(context.Background(), &w, &s, 1, 10, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		want := p * 1e6
		if sd := math.Sqrt(want); got.watched != 1e6 || math.Abs(float64(got.alarms)-want) > 4*sd {
			t.Errorf("rate %v: %d alarms in %d values, want %.0f ± %.0f", p, got.alarms, got.watched, want, sd)
		}
	}
}

// TestLearningIsNotWatched: what is learnt from counts neither as watched nor as
// an alarm, in the beginning and after each alarm.
func TestLearningIsNotWatched(t *testing.T) {
	next := func() float64 { return 0 }
	if n := countOne(ticking(1), next, 10, 100); n != 100 {
		t.Errorf("an alarm at every value: %d in 100 watched", n)
	}
	// Values 1 to 30 are learnt from; 40 alarms, 41 to 70 are learnt from, 80
	// alarms, and so on: ten values watched for each alarm.
	if n := countOne(ticking(40), next, 30, 100); n != 10 {
		t.Errorf("a clock: %d alarms in 100 watched, want 10", n)
	}
	if n := countOne(ticking(1<<30), next, 30, 100); n != 0 {
		t.Errorf("silence: %d alarms", n)
	}
}

// TestDelaysOfAClock: its delays say only how its phase falls.
func TestDelaysOfAClock(t *testing.T) {
	c := &change{shift: 1, scale: 1}
	zero := func() float64 { return 0 }
	for _, x := range []struct {
		period, at, want int
	}{
		{1000, 2500, 500},
		{1000, 2600, 400},
		{1000, 2000, tooEarly}, // at the last value before the change
		{600, 2500, tooEarly},  // 2400 is within the last 500
		{1 << 30, 2500, horizon + 1},
		{2500 + horizon, 2500, horizon},
	} {
		if got := delayOf(ticking(x.period), zero, x.at, 0, c); got != x.want {
			t.Errorf("clock of %d, change after %d: delay %d, want %d", x.period, x.at, got, x.want)
		}
	}
	// What a detector says while it learns is no alarm.
	if got := delayOf(&scripted{alarm: func(n int, _ float64) bool { return n < 100 }}, zero, 300, 200, c); got != horizon+1 {
		t.Errorf("alarms while learning: %d", got)
	}
}

// TestDelayOfWhatSees: a detector that knows the truth is right at once.
func TestDelayOfWhatSees(t *testing.T) {
	d := &scripted{alarm: func(_ int, x float64) bool { return x > 2 }}
	if got := delayOf(d, func() float64 { return 1 }, 2500, 2000, &change{shift: 0.5, scale: 2}); got != 1 {
		t.Errorf("delay %d, want 1", got)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		x      []int
		missed int
		q      float64
		want   float64
	}{
		{[]int{3, 1, 2}, 0, 0.5, 2},
		{[]int{4, 3, 1, 2}, 0, 0.5, 2},
		{[]int{1, 2, 3}, 3, 0.5, 3},
		{[]int{1, 2, 3}, 4, 0.5, math.Inf(1)},
		{[]int{1}, 0, 0.95, 1},
		{nil, 2, 0.5, math.Inf(1)},
	} {
		if got := quantile(slices.Clone(c.x), c.missed, c.q); got != c.want {
			t.Errorf("%v and %d missed at %v: %v, want %v", c.x, c.missed, c.q, got, c.want)
		}
	}
	if got := quantile(nil, 0, 0.5); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
}

// TestPoisson compares with exact limits (Garwood 1936).
func TestPoisson(t *testing.T) {
	for n, want := range map[int][2]float64{0: {0, 3.689}, 5: {1.623, 11.668}, 20: {12.217, 30.888}} {
		lo, hi := poisson(n)
		// With n = 0 the upper limit of two sides is −ln .025.
		if math.Abs(lo-want[0]) > 0.02 || math.Abs(hi-want[1]) > 0.05 {
			t.Errorf("%d: %.3f to %.3f, want %.3f to %.3f", n, lo, hi, want[0], want[1])
		}
	}
}

// TestStreamsAreStandard: mean 0, variance 1, and equal seeds give equal values.
func TestStreamsAreStandard(t *testing.T) {
	for _, s := range streams() {
		const runs, n = 20, 20_000
		mean, power := 0.0, 0.0
		for i := range uint64(runs) {
			next := s.series(7, i)
			for range n {
				x := next()
				mean += x / (runs * n)
				power += x * x / (runs * n)
			}
		}
		tol := 0.06
		if s.name == "t3" { // has no fourth moment
			tol = 0.2
		}
		if math.Abs(mean) > 0.06 || math.Abs(power-1) > tol {
			t.Errorf("%s: mean %.3f, power %.3f, want 0 and 1", s.name, mean, power)
		}
		a, b, c := s.series(1, 2), s.series(1, 2), s.series(2, 2)
		x, y, z := a(), b(), c()
		if x != y || x == z && s.name != "noisy sine" {
			t.Errorf("%s: %v and %v of one seed, %v of another", s.name, x, y, z)
		}
	}
}

// TestBlindRows: every table about alarms has a clock and silence for each row
// of the monitor, and nothing is asked of them.
func TestBlindRows(t *testing.T) {
	for _, r := range blindAlarms("x", tally{5, 1_000_000}) {
		if !r.Blind || r.Verdict() != scoreboard.Shown || !(strings.HasSuffix(r.Name, "clock") && r.Got == 5 || strings.HasSuffix(r.Name, "silent") && r.Got == 0) {
			t.Errorf("%+v", r)
		}
	}
}

// TestClockLags compares the lags of all phases with a clock that runs.
func TestClockLags(t *testing.T) {
	zero := func() float64 { return 0 }
	for _, period := range []int{400, 600, 3000, 7000} {
		var each []int
		for phase := range period {
			d := &scripted{alarm: func(n int, _ float64) bool { return n > phase && (n-1-phase)%period == 0 }}
			each = append(each, delayOf(d, zero, before, 0, &change{shift: 1, scale: 1}))
		}
		want, got := collect(each), clockLags(period)
		if got.early != want.early || got.missed != want.missed || !slices.Equal(got.found, want.found) {
			t.Errorf("period %d: early %d and missed %d, want %d and %d", period, got.early, got.missed, want.early, want.missed)
		}
	}
	rows := blindDelays("x", &lags{early: 1, missed: 1, found: []int{500, 1000}})
	// 3 alarms in 500 + 5500 + 1000 + 1500 values: phases 501 to 2833 are in time.
	if rows[0].Got != 1167 || !rows[0].Blind || rows[1].Got != 100 {
		t.Errorf("%+v", rows)
	}
}

// TestQuickStudies runs the subset of every synthetic study that takes seconds.
func TestQuickStudies(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	o := &scoreboard.Options{Quick: true, Seed: 1}
	for _, st := range []scoreboard.Study{parity(), delays(), costs()} {
		rows, err := st.Run(context.Background(), o)
		if err != nil {
			t.Fatalf("%s: %v", st.Name, err)
		}
		for _, r := range rows {
			if r.Verdict() == scoreboard.Missed && !strings.HasPrefix(r.Name, "ns per update") {
				t.Errorf("%s: %s: %v, must be %v", st.Name, r.Name, r.Got, r.Must)
			}
		}
	}
}
