package classic

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// streamable draws the settings of a filter that has a streaming form.
func streamable() *rapid.Generator[Params] {
	return rapid.Custom(func(t *rapid.T) Params {
		p := Params{Family: rapid.SampledFrom([]string{MovingAverageName, EMAName, SavitzkyGolayName, MedianName,
			HampelName, KalmanName, WienerName, ButterworthName, HaarName, IdentityName}).Draw(t, "family")}
		p.Lookahead = rapid.IntRange(Full, 12).Draw(t, "lookahead")
		p.Window = rapid.IntRange(1, 20).Draw(t, "window")
		p.Order = rapid.IntRange(0, min(5, p.Window-1)).Draw(t, "order")
		p.Threshold = rapid.Float64Range(0, 4).Draw(t, "threshold")
		p.Alpha = rapid.Float64Range(.01, 1).Draw(t, "alpha")
		p.Lambda = math.Pow(10, rapid.Float64Range(-2, 5).Draw(t, "log lambda"))
		p.Trend = rapid.Bool().Draw(t, "trend")
		switch p.Family {
		case KalmanName:
			p.Lookahead = max(0, p.Lookahead)
		case ButterworthName:
			p.Lookahead = max(0, p.Lookahead)
			p.Order = rapid.IntRange(1, maxButterworth).Draw(t, "butterworth order")
			p.Cutoff = rapid.Float64Range(.01, .49).Draw(t, "cutoff")
		case HaarName:
			if p.Lookahead == 0 {
				p.Lookahead = Full
			}
			p.Levels = rapid.IntRange(1, 4).Draw(t, "levels")
			p.Rule = rapid.SampledFrom([]Rule{Bayes, SURE}).Draw(t, "rule")
			p.Sigma = rapid.SampledFrom([]float64{0, 20}).Draw(t, "sigma")
		case WienerName:
			p.Lookahead = max(0, p.Lookahead)
			p.Taps = rapid.SliceOfN(rapid.Float64Range(-1, 1), p.Lookahead+1, p.Lookahead+30).Draw(t, "taps")
			p.Mean = rapid.Float64Range(-5, 5).Draw(t, "mean")
		}
		return p
	})
}

// series draws up to 60 samples, some of them missing.
func series() *rapid.Generator[[]float64] {
	sample := rapid.Custom(func(t *rapid.T) float64 {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return math.NaN()
		case 1:
			return rapid.SampledFrom([]float64{math.Inf(1), math.Copysign(0, -1), 0, 1e6}).Draw(t, "odd")
		default:
			return rapid.Float64Range(-100, 100).Draw(t, "value")
		}
	})
	return rapid.SliceOfN(sample, 0, 60)
}

func sameBits(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
			return false
		}
	}
	return true
}

// TestStreamIsBatch pushes a recording sample by sample, with a checkpoint
// somewhere, and wants the bits of the function over the whole recording.
func TestStreamIsBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, y := streamable().Draw(t, "params"), series().Draw(t, "series")
		want := make([]float64, len(y))
		q := p
		q.Lookahead = p.Latency() // Full differs in the first half window of Savitzky-Golay
		Apply(want, y, q)

		f, err := NewFilter(p)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 { // a finished filter is as new
			cut := rapid.IntRange(0, len(y)).Draw(t, "checkpoint")
			var got []float64
			for i, x := range y {
				if i == cut {
					f = restored(t, p, f)
				}
				v, ok := f.Push(x)
				if ok != (i >= f.Lookahead()) {
					t.Fatalf("%v: push %d says ok=%v at look-ahead %d", p, i, ok, f.Lookahead())
				}
				if ok {
					got = append(got, v)
				}
			}
			got = f.Finish(got)
			if !sameBits(got, want) {
				t.Fatalf("%v, round %d:\n got %v\nwant %v\n  of %v", p, round, got, want, y)
			}
		}
	})
}

func restored(t *rapid.T, p Params, f Filter) Filter {
	state := f.AppendState([]byte("x"))[1:]
	g, err := NewFilter(p)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := g.RestoreState(append(state, 7))
	if err != nil || len(rest) != 1 {
		t.Fatalf("%v: restore: %v, %d bytes left, want 1", p, err, len(rest))
	}
	if again := g.AppendState(nil); !bytes.Equal(again, state) {
		t.Fatalf("%v: the state of the restored filter differs", p)
	}
	return g
}

// TestRestoreBroken feeds mutilated states: an error or a usable filter, no panic.
func TestRestoreBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, y := streamable().Draw(t, "params"), series().Draw(t, "series")
		f, err := NewFilter(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range y {
			f.Push(x)
		}
		state := f.AppendState(nil)
		if rapid.Bool().Draw(t, "cut") {
			state = state[:rapid.IntRange(0, len(state)-1).Draw(t, "at")]
			if _, err := f.RestoreState(state); err == nil {
				t.Fatalf("%v: a state cut short was taken", p)
			}
		} else {
			state[rapid.IntRange(0, len(state)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
			if _, err := f.RestoreState(state); err != nil {
				return
			}
		}
		for _, x := range y {
			f.Push(x)
		}
		f.Finish(nil)
	})
}

// TestAlias filters in place.
func TestAlias(t *testing.T) {
	y := loadGolden(t).Signals[1].Noisy
	for _, f := range Families() {
		p := f.Grid[len(f.Grid)/2]
		if f.Learn != nil {
			p = f.Learn(y, .1, p)
		}
		want, got := make([]float64, len(y)), append([]float64(nil), y...)
		f.Apply(want, y, p)
		f.Apply(got, got, p)
		if !sameBits(got, want) {
			t.Errorf("%v: in place differs from out of place", p)
		}
	}
}

func TestPushDoesNotAllocate(t *testing.T) {
	all := []Params{LearnWiener(noise(200, 1), .1, Params{Window: 30, Lookahead: 8})}
	for _, s := range []string{"moving_average", "ema", "savitzky_golay", "median", "hampel", "kalman:l=8",
		"butterworth:order=5", "haar", "haar:rule=sure", "identity"} {
		p, err := ParseFilter(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	for _, p := range all {
		f, err := NewFilter(p)
		if err != nil {
			t.Fatal(err)
		}
		x := 0.0
		push := func() {
			x = math.Mod(x*1.7+.3, 5)
			f.Push(x)
		}
		for range 100 {
			push()
		}
		if n := testing.AllocsPerRun(600, push); n != 0 { // thresholds change meanwhile
			t.Errorf("%v: %g allocations per sample, want 0", p, n)
		}
	}
}

func TestNewFilterRefuses(t *testing.T) {
	for s, want := range map[string]string{
		"wavelet":            "filter wavelet: it needs the whole recording and can't run on a stream",
		"kalman":             "filter kalman: without a limit it needs the whole recording, give a look-ahead such as l=8",
		"butterworth:l=full": "filter butterworth: without a limit it needs the whole recording, give a look-ahead such as l=8",
	} {
		p, err := ParseFilter(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewFilter(p); err == nil || err.Error() != want {
			t.Errorf("NewFilter(%s): %v, want %s", s, err, want)
		}
	}
}
