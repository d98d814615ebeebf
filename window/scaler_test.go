package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestScalerFindsScaleAndNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s Scaler
	for i := range 8192 {
		s.Push(20+3*math.Sin(2*math.Pi*float64(i)/200)+0.5*rng.NormFloat64(), true)
	}
	got := s.Scale()
	for _, c := range []struct {
		name              string
		got, want, within float64
	}{{"mean", got.Mean, 20, 0.1}, {"dev", got.Dev, math.Sqrt(4.5 + 0.25), 0.05}, {"sigma", got.Sigma, 0.5, 0.02}} {
		if math.Abs(c.got-c.want) > c.within {
			t.Errorf("%s = %g, want %g within %g", c.name, c.got, c.want, c.within)
		}
	}
}

// TestScaleChangesOnlyAtItsIndices also shows that the scale of an index was
// decided before the value at it.
func TestScaleChangesOnlyAtItsIndices(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var s Scaler
	last := Scale{}
	for i := range 2000 {
		now := s.Push(rng.NormFloat64()*float64(i+1), true)
		fixed := i%scaleBlock == 0 || i == 16 || i == 32 || i == 64 || i == 128
		if now != last && !fixed {
			t.Fatalf("the scale changed at index %d", i)
		}
		last = now
	}
}

func TestScalerIgnoresWhatIsNoNumber(t *testing.T) {
	var a, b Scaler
	for i := range 1000 {
		v := math.Sin(float64(i))
		a.Push(v, true)
		b.Push(v, true)
		a.Push(math.NaN(), true)
		b.Push(12345, false)
	}
	if a.Scale() != b.Scale() || math.IsNaN(a.Scale().Dev) {
		t.Errorf("NaN gave %+v, missing gave %+v: they must agree", a.Scale(), b.Scale())
	}
}

func TestConstantHasNoScale(t *testing.T) {
	var s Scaler
	for range 1000 {
		s.Push(21.4, true)
	}
	if s.Scale().Known() {
		t.Errorf("a constant has scale %+v, want none", s.Scale())
	}
}

func TestScalerStateContinues(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x := make([]float64, 1500)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for _, cut := range []int{0, 5, 16, 255, 256, 700} {
		var a, b Scaler
		for _, v := range x[:cut] {
			a.Push(v, true)
		}
		if rest, err := b.RestoreState(a.AppendState(nil)); err != nil || len(rest) != 0 {
			t.Fatalf("cut %d: %d bytes left, %v", cut, len(rest), err)
		}
		for i, v := range x[cut:] {
			if p, q := a.Push(v, true), b.Push(v, true); p != q {
				t.Fatalf("cut %d: at %d the restored scaler says %+v, the original %+v", cut, cut+i, q, p)
			}
		}
	}
}

// What came before is forgotten at the next index where the scale changes, and not
// before.
func TestForget(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var a, b Scaler
	push := func(n int, mean, dev float64) {
		for range n {
			v := mean + dev*rng.NormFloat64()
			a.Push(v, true)
			b.Push(v, true)
		}
	}
	push(32*256, 0, 1)
	push(4*256+100, 10, 3)
	before := a.Scale()
	a.Forget()
	push(155, 10, 3)
	if a.Scale() != before {
		t.Error("the scale changed within a block")
	}
	push(1, 10, 3)
	if s := a.Scale(); math.Abs(s.Mean-10) > .5 || math.Abs(s.Dev-3) > .4 || math.Abs(s.Sigma-3) > .4 {
		t.Errorf("%+v after forgetting, want 10, 3 and 3", s)
	}
	if s := b.Scale(); s.Mean > 3 {
		t.Errorf("%+v without forgetting", s)
	}
}

// A frozen scale stays, over a restart too.
func TestFreeze(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var s Scaler
	for range 1000 {
		s.Push(rng.NormFloat64(), true)
	}
	old := s.Scale()
	s.Freeze()
	now := s.Scale()
	if now == old || math.Abs(now.Dev-1) > .1 {
		t.Errorf("%+v, after 232 values more than %+v", now, old)
	}
	var again Scaler
	if _, err := again.RestoreState(s.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		s.Push(50*rng.NormFloat64(), true)
		again.Push(50*rng.NormFloat64(), true)
	}
	if s.Scale() != now || again.Scale() != now {
		t.Errorf("%+v and %+v, want %+v", s.Scale(), again.Scale(), now)
	}
}

// An absurd reading counts as missing, and a block that holds one, as a state of a
// version that took it may, is left out.
func TestAbsurdReading(t *testing.T) {
	push := func(s *Scaler, n int) {
		for i := range n {
			s.Push(math.Sin(float64(i)), true)
		}
	}
	for _, v := range []float64{1e200, -1e200, math.MaxFloat64, 1e31} {
		var a, b Scaler
		push(&a, 300)
		push(&b, 300)
		a.Push(v, true)
		b.Push(0, false)
		push(&a, 700)
		push(&b, 700)
		if a.Scale() != b.Scale() || !a.Scale().Known() {
			t.Errorf("%g gave %+v, missing gave %+v: they must agree", v, a.Scale(), b.Scale())
		}
	}
	var s Scaler
	push(&s, 300)
	s.bm2 = math.Inf(1)
	push(&s, 700)
	if got := s.Scale(); !(math.Abs(got.Dev-math.Sqrt(.5)) < .05) {
		t.Errorf("%+v after a block that overflowed", got)
	}
}

// rattle is a rough signal, noise through a resonance in the fastest octave, which the finest
// details take for noise, and white noise of deviation .3 beside it.
func rattle(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	a, b := 0.0, 0.0
	for i := range x {
		const r = .95
		a, b = 2*r*math.Cos(2*math.Pi*.35)*a-r*r*b+rng.NormFloat64(), a
		x[i] = 100 + a/3 + .3*rng.NormFloat64()
	}
	return x
}

// Of a rough signal the noise level is what the quietest band holds, from the fourth block on,
// and of blocks that have no spectrum, since much is missing, the same share.
func TestRoughSignalIsNoNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	x := rattle(rng, 40*scaleBlock)
	var s Scaler
	for i, v := range x {
		now := s.Push(v, true)
		switch {
		case i >= 2*scaleBlock && i < leastSpectra*scaleBlock && now.Sigma < .6:
			t.Fatalf("σ̂ is %.2f at %d, want that of the details", now.Sigma, i)
		case i >= 8*scaleBlock && (now.Sigma < .27 || now.Sigma > .4):
			t.Fatalf("σ̂ is %.2f at %d, want .3 and little more", now.Sigma, i)
		}
	}
	for range 40 { // ten times as loud, with gaps
		for i := range scaleBlock {
			s.Push(100+10*(x[i]-100), i%8 > 0)
		}
	}
	if now := s.Scale(); now.Sigma < 2.5 || now.Sigma > 4.5 {
		t.Errorf("σ̂ is %.2f once the signal is ten times as loud and has gaps, want 3", now.Sigma)
	}
}

// A scaler of a rough signal that was restored at any place goes on bit for bit.
func TestRoughSignalRestored(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	x := rattle(rng, 8*scaleBlock)
	for _, cut := range []int{1, 100, 3*scaleBlock + 7, 4 * scaleBlock, 6*scaleBlock + 200} {
		var a, b Scaler
		for _, v := range x[:cut] {
			a.Push(v, true)
		}
		state, spectra := a.AppendState(nil), len(a.appendSpectra(nil))
		if rest, err := b.RestoreState(state); err != nil || len(rest) != 0 {
			t.Fatalf("%d bytes left, %v", len(rest), err)
		}
		for i, v := range x[cut:] {
			if p, q := a.Push(v, true), b.Push(v, true); p != q {
				t.Fatalf("restored at %d: %+v at %d, want %+v", cut, q, cut+i, p)
			}
		}
		if a.pooled != b.pooled || a.late != b.late || a.pooled.spectra == 0 {
			t.Fatalf("restored at %d: %+v, want %+v", cut, b.pooled, a.pooled)
		}
		var old Scaler // as if from before there were spectra
		if rest, err := old.RestoreFormat(state[:len(state)-spectra], Unbounded); err != nil || len(rest) != 0 || old.pooled.spectra != 0 || len(old.values) != cut%scaleBlock {
			t.Fatalf("cut at %d, an older state: %d bytes left, %v, %d values", cut, len(rest), err, len(old.values))
		}
	}
}

// A snapshot whose spectra can't be is refused.
func TestScalerStateRefused(t *testing.T) {
	var s Scaler
	for i := range 300 {
		s.Push(float64(i%7), true)
	}
	for name, spoil := range map[string]func(s *Scaler){
		"power that is no number": func(s *Scaler) { s.pooled.power[3] = math.NaN() },
		"power below none":        func(s *Scaler) { s.late[2].power[0] = -1 },
		"a level that is none":    func(s *Scaler) { s.pooled.level = math.Inf(1) },
		"too many blocks":         func(s *Scaler) { s.pooled.spectra = 1e6 },
		"a value too many":        func(s *Scaler) { s.values = append(s.values, 1) },
	} {
		bad := s
		bad.values = slices.Clone(s.values)
		spoil(&bad)
		var r Scaler
		if _, err := r.RestoreState(bad.AppendState(nil)); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}
