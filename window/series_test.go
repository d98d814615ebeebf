package window

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
)

// recorder notes what a Series gives out.
type recorder struct {
	times  []int64
	index  []int64
	epochs []int
	values []float64 // first channel; -1 where it has no value of its own
	held   int
	resets []string
	dead   map[Fate]int
}

func (r *recorder) Slot(s *Slot) {
	r.times, r.index, r.epochs = append(r.times, s.Time), append(r.index, s.Index), append(r.epochs, s.Epoch)
	v := -1.0
	if s.Cells[0].Valid() {
		v = s.Cells[0].Value
	}
	r.values = append(r.values, v)
	for i := range s.Cells {
		if s.Cells[i].Held {
			r.held++
		}
	}
}
func (r *recorder) Reset(reason string) { r.resets = append(r.resets, reason) }
func (r *recorder) Dead(_ ingest.Sample, why Fate) {
	if r.dead == nil {
		r.dead = map[Fate]int{}
	}
	r.dead[why]++
}

const second = int64(time.Second)

func at(sec, v float64) ingest.Sample {
	return ingest.Sample{Series: "a", Time: int64(sec * 1e9), Value: v}
}

func series(t *testing.T, c Config) *Series {
	t.Helper()
	if c.Channels == 0 {
		c.Channels = 1
	}
	c = c.Defaults()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return NewSeries(c)
}

func TestInOrder(t *testing.T) {
	s, r := series(t, Config{RateHz: 1}), &recorder{}
	for i := range 5 {
		s.Push(at(float64(100+i), float64(i)), 0, r)
		if len(r.values) != i+1 {
			t.Fatalf("after sample %d: %d slots, want %d: a complete slot must not wait", i, len(r.values), i+1)
		}
	}
	if d := cmp.Diff([]float64{0, 1, 2, 3, 4}, r.values); d != "" {
		t.Error(d)
	}
}

func TestReorderAndDuplicates(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, Lateness: 3 * time.Second}), &recorder{}
	for _, v := range []float64{0, 2, 1, 2, 3, 1, 5, 4} {
		s.Push(at(100+v, v), 0, r)
	}
	if d := cmp.Diff([]float64{0, 1, 2, 3, 4, 5}, r.values); d != "" {
		t.Error(d)
	}
	f := s.Fates()
	if f[Raw] != 6 || f[Duplicate] != 2 || f.In() != 8 {
		t.Errorf("fates %v, want 6 raw and 2 duplicates of 8", f)
	}
}

func TestLateConflictingSurplus(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, Lateness: time.Second}), &recorder{}
	for _, v := range []ingest.Sample{at(100, 1), at(101, 2), at(102, 3), at(100, 9), at(99, 7), at(102.6, 4), at(102.8, 5), at(105, 6)} {
		s.Push(v, 0, r)
	}
	s.Finish(r)
	want := map[Fate]int{Conflicting: 1, Late: 1, Surplus: 1}
	if d := cmp.Diff(want, r.dead); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{1, 2, 3, 5, -1, 6}, r.values); d != "" {
		t.Errorf("slot 103 must hold its latest reading: %s", d)
	}
	if f := s.Fates(); f.In() != 8 {
		t.Errorf("fates %v add up to %d, want 8", f, f.In())
	}
}

func TestGapFillsThenResets(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, MaxGap: 3 * time.Second, Lateness: time.Second}), &recorder{}
	for _, v := range []float64{0, 1, 4, 5, 20, 21} {
		s.Push(at(v, v), 0, r)
	}
	s.Finish(r)
	if d := cmp.Diff([]float64{0, 1, -1, -1, 4, 5, 20, 21}, r.values); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int64{0, 1, 2, 3, 4, 5, 0, 1}, r.index); d != "" {
		t.Error(d)
	}
	if len(r.resets) != 2 {
		t.Errorf("resets %v, want one for the gap and one at the end", r.resets)
	}
}

// sources notes where the times of slots come from.
type sources struct {
	nullHandler
	got []ingest.TimeSource
}

func (r *sources) Slot(s *Slot) { r.got = append(r.got, s.TimeSource) }

// TestFilledTimeSource: the time of a slot that is filled in is no better known than that of
// the readings around it.
func TestFilledTimeSource(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, MaxGap: 5 * time.Second}), &sources{}
	for _, sec := range []float64{0, 1, 4} {
		in := at(100+sec, sec)
		in.TimeSource = ingest.TimeArrival
		s.Push(in, 0, r)
	}
	in := at(106, 1)
	s.Push(in, 0, r)
	s.Finish(r)
	want := []ingest.TimeSource{2, 2, 2, 2, 2, 2, 0}
	if d := cmp.Diff(want, r.got); d != "" {
		t.Error(d)
	}
}

func TestBackwardClockOpensEpoch(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, Lateness: time.Second, BackwardAfter: 8}), &recorder{}
	for i := range 100 {
		s.Push(at(1000+float64(i), 1), 0, r)
	}
	for i := range 50 {
		s.Push(at(500+float64(i), 2), 0, r)
	}
	if s.Epoch() != 1 || r.dead[Late] != 8 {
		t.Errorf("epoch %d with %d late, want epoch 1 after 8 late samples", s.Epoch(), r.dead[Late])
	}
	if n := len(r.values); n != 100+42 {
		t.Errorf("%d slots, want 142", n)
	}
}

func TestStragglersOpenNoEpoch(t *testing.T) {
	s, r := series(t, Config{RateHz: 1, Lateness: time.Second, BackwardAfter: 8}), &recorder{}
	for i := range 200 {
		s.Push(at(1000+float64(i), 1), 0, r)
		s.Push(at(900+float64(i%7), 1), 0, r)
	}
	if s.Epoch() != 0 {
		t.Errorf("epoch %d, want 0: late samples between good ones are stragglers", s.Epoch())
	}
}

func TestFutureIsQuarantined(t *testing.T) {
	s, r := series(t, Config{RateHz: 1}), &recorder{}
	s.Push(at(1000, 1), 1000*second, r)
	s.Push(at(1000+7200, 1), 1001*second, r)
	s.Push(at(1001, 1), 1001*second, r)
	if r.dead[Quarantined] != 1 || len(r.values) != 2 {
		t.Errorf("%d quarantined and %d slots, want 1 and 2", r.dead[Quarantined], len(r.values))
	}
}

func TestSeparateChannelsAreJoinedAndHeld(t *testing.T) {
	s, r := series(t, Config{Channels: 2, RateHz: 1, Hold: 10 * time.Second, Lateness: 2 * time.Second, MaxGap: 20 * time.Second}), &recorder{}
	for i := range 20 {
		s.Push(ingest.Sample{Channel: 0, Time: int64(100+i) * second, Value: float64(i)}, 0, r)
		if i%5 == 0 {
			s.Push(ingest.Sample{Channel: 1, Time: int64(100+i) * second, Value: 50}, 0, r)
		}
	}
	s.Finish(r)
	if len(r.values) != 20 || r.held != 16 {
		t.Errorf("%d slots with %d held cells, want 20 with 16", len(r.values), r.held)
	}
	if f := s.Fates(); f[Raw] != 24 || f.In() != 24 {
		t.Errorf("fates %v, want 24 raw", f)
	}
}

func TestRateIsLearnt(t *testing.T) {
	for _, c := range []struct{ hz, want float64 }{{360, 360}, {1, 1}, {0.2, 0.2}, {1.0 / 300, 1.0 / 300}, {50, 50}} {
		s, r := series(t, Config{}), &recorder{}
		for i := range 100 {
			ms := int64(float64(i) * 1000 / c.hz) // stamps in whole milliseconds
			s.Push(ingest.Sample{Time: 1e18 + ms*1e6, Value: float64(i)}, 0, r)
		}
		if got := s.RateHz(); got < c.want*0.9999 || got > c.want*1.0001 {
			t.Errorf("learnt %g Hz, want %g", got, c.want)
		}
		s.Finish(r)
		for i, v := range r.values {
			if v != float64(i) {
				t.Fatalf("%g Hz: slot %d holds %g", c.hz, i, v)
			}
		}
	}
}

// TestFatesBalance pushes disorder of every kind and checks that each sample
// ends in exactly one fate, at every moment.
func TestFatesBalance(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s, r := series(t, Config{Channels: 3, RateHz: 10, Lateness: 500 * time.Millisecond, MaxPending: 16, BackwardAfter: 5}), &recorder{}
		base := 1000.0
		for n := range 2000 {
			base += 0.1 * float64(rng.IntN(3))
			if rng.IntN(200) == 0 {
				base -= 40
			}
			if rng.IntN(150) == 0 {
				base += 60
			}
			in := at(base+0.3*rng.NormFloat64(), float64(rng.IntN(3)))
			in.Channel = rng.IntN(3)
			s.Push(in, int64(3000*second), r)
			if f := s.Fates(); f.In() != int64(n+1) {
				t.Fatalf("seed %d: %d samples in, fates %v add up to %d", seed, n+1, f, f.In())
			}
		}
		s.Finish(r)
		f := s.Fates()
		var dead int64
		for why, n := range r.dead {
			if f[why] != int64(n) {
				t.Errorf("seed %d: %v counted %d times, handed out %d times", seed, why, f[why], n)
			}
			dead += int64(n)
		}
		if f[Pending] != 0 || f[Raw]+f[Duplicate]+dead != 2000 {
			t.Errorf("seed %d: after Finish %v", seed, f)
		}
	}
}

// TestSeriesStateContinues checks that a restored series gives what the
// original gives, at every point of the input.
func TestSeriesStateContinues(t *testing.T) {
	cfg := Config{Channels: 2, Lateness: 300 * time.Millisecond, Hold: time.Second, MaxPending: 32}.Defaults()
	rng := rand.New(rand.NewPCG(7, 7))
	var in []ingest.Sample
	for i := range 400 {
		v := at(1000+float64(i)*0.1+0.12*rng.NormFloat64(), rng.Float64())
		v.Channel = rng.IntN(2)
		in = append(in, v)
	}
	whole := &recorder{}
	s := NewSeries(cfg)
	for _, v := range in {
		s.Push(v, 0, whole)
	}
	s.Finish(whole)
	for _, cut := range []int{0, 1, 20, 31, 32, 33, 100, 257, 399} {
		got := &recorder{}
		a := NewSeries(cfg)
		for _, v := range in[:cut] {
			a.Push(v, 0, got)
		}
		state := a.AppendState(nil)
		b := NewSeries(cfg)
		rest, err := b.RestoreState("a", state)
		if err != nil || len(rest) != 0 {
			t.Fatalf("cut %d: %d bytes left, %v", cut, len(rest), err)
		}
		for _, v := range in[cut:] {
			b.Push(v, 0, got)
		}
		b.Finish(got)
		if d := cmp.Diff(whole, got, cmp.AllowUnexported(recorder{})); d != "" {
			t.Errorf("cut %d: %s", cut, d)
		}
		for n := range state {
			if _, err := NewSeries(cfg).RestoreState("a", state[:n]); err == nil {
				t.Fatalf("cut %d: %d of %d bytes were accepted", cut, n, len(state))
			}
		}
	}
}

func TestPushAllocatesNothing(t *testing.T) {
	s := series(t, Config{RateHz: 1})
	var h nullHandler
	i := 0.0
	push := func() { s.Push(at(1000+i, i), 0, h); i++ }
	for range 100 {
		push()
	}
	if n := testing.AllocsPerRun(1000, push); n != 0 {
		t.Errorf("%g allocations per sample, want 0", n)
	}
}

type nullHandler struct{}

func (nullHandler) Slot(*Slot)               {}
func (nullHandler) Reset(string)             {}
func (nullHandler) Dead(ingest.Sample, Fate) {}

// TestFastStampsFillLittle: a sender whose stamps lie a nanosecond apart makes a grid
// on which the seconds before its next sample are too many slots to fill.
func TestFastStampsFillLittle(t *testing.T) {
	s := NewSeries(Config{Channels: 1, MaxGap: 5 * time.Second}.Defaults())
	slots := counter{}
	for i := range int64(100) {
		s.Push(ingest.Sample{Series: "a", Time: 1e18 + i, Value: 1}, 0, &slots)
	}
	if s.RateHz() < 1e8 {
		t.Fatalf("a rate of %g Hz was learnt: the test is not what it thinks", s.RateHz())
	}
	for i := range int64(3) {
		s.Push(ingest.Sample{Series: "a", Time: 1e18 + (i+1)*4e9, Value: 1}, 0, &slots)
	}
	if slots.resets != 3 || slots.n > 1000 {
		t.Errorf("%d slots and %d resets, want the samples' own slots and a reset for each gap", slots.n, slots.resets)
	}
}

// counter counts what a handler is told.
type counter struct{ n, resets int }

func (c *counter) Slot(*Slot)               { c.n++ }
func (c *counter) Dead(ingest.Sample, Fate) {}
func (c *counter) Reset(string)             { c.resets++ }

// TestOneWrongStamp: without stored stamps nothing tells at first which clock is
// wrong. A single stamp in the far future costs BackwardAfter samples, not the rest.
func TestOneWrongStamp(t *testing.T) {
	for _, c := range []struct {
		stored int64
		epochs int
	}{{0, 1}, {1, 0}} {
		s, r := series(t, Config{RateHz: 1, BackwardAfter: 4, MaxFuture: 1 << 62}), &recorder{}
		for i := range 40 {
			at := at(float64(100+i), float64(i))
			if i == 20 {
				at.Time += int64(100 * 365 * 24 * time.Hour)
			}
			s.Push(at, c.stored, r)
		}
		s.Finish(r)
		if s.Epoch() != c.epochs {
			t.Errorf("stored stamp %d: epoch %d, want %d", c.stored, s.Epoch(), c.epochs)
		}
		want := map[Fate]int{Quarantined: 4}
		if c.stored != 0 {
			want[Quarantined] = 19
		}
		if d := cmp.Diff(want, r.dead); d != "" {
			t.Errorf("stored stamp %d: %s", c.stored, d)
		}
	}
}

// TestRateGivenWhileLearning: samples that wait for a rate to be learnt are laid on the
// grid of a rate that was given since.
func TestRateGivenWhileLearning(t *testing.T) {
	learning, r := series(t, Config{}), &recorder{}
	for i := range 20 {
		learning.Push(at(float64(100+i), float64(i)), 0, r)
	}
	for _, more := range []int{0, 5} {
		s, r := series(t, Config{RateHz: 1}), &recorder{}
		if _, err := s.RestoreState("a", learning.AppendState(nil)); err != nil {
			t.Fatal(err)
		}
		for i := range more {
			s.Push(at(float64(120+i), float64(20+i)), 0, r)
		}
		s.Finish(r)
		if f := s.Fates(); len(r.values) != 20+more || f[Raw] != int64(20+more) || f[Pending] != 0 {
			t.Errorf("%d samples more: %d slots, fates %v", more, len(r.values), f)
		}
	}
}

// TestStoredStampRestored: samples that wait for a rate to be learnt end as they would
// have without a restore.
func TestStoredStampRestored(t *testing.T) {
	whole, r := series(t, Config{}), &recorder{}
	for _, v := range []float64{0, 1e6, 1e6 + 1, 1e6 + 2, 2} {
		in := at(v, v)
		whole.Push(in, in.Time+second, r)
	}
	again := series(t, Config{})
	if _, err := again.RestoreState("a", whole.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	whole.Finish(r)
	again.Finish(&recorder{})
	if f := whole.Fates(); f[Quarantined] != 1 || again.Fates() != f {
		t.Errorf("fates %v, want %v with one quarantined", again.Fates(), f)
	}
}

// TestBurstIsNoClockSetBack: readings that all come within the jitter of a slot that has
// closed are one slot's too many, and no clock was set back by them.
func TestBurstIsNoClockSetBack(t *testing.T) {
	s, r := series(t, Config{RateHz: 1}), &recorder{}
	for i := range 3000 {
		s.Push(at(100+float64(i)/1000, float64(i)), 0, r)
	}
	s.Finish(r)
	if d := cmp.Diff([]string{EndOfInput}, r.resets); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[Fate]int{Surplus: 3000 - 4}, r.dead); d != "" {
		t.Errorf("four slots have a reading each: %s", d)
	}
}
