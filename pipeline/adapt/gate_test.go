package adapt

import (
	"math"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
)

// truth returns by how many dB b is nearer to the clean signal than a.
func truth(t *testing.T, a, b *model.Model, clean signal, seed uint64) float64 {
	t.Helper()
	const n = 6000
	s := newSensor(nil, "x", seed)
	var cols []model.Column
	var scales []replay.Scale
	for i := range n {
		col, scale := s.column(clean(i)+sigma*s.rng.NormFloat64(), true)
		cols, scales = append(cols, col), append(scales, replay.Scale(scale))
	}
	loss := func(m *model.Model) float64 {
		st, err := m.NewStream(1)
		if err != nil {
			t.Fatal(err)
		}
		y := append([]float32(nil), st.Push(cols)...)
		y = append(y, st.Finish()...)
		sum := 0.0
		for i := 512; i < n; i++ {
			d := scales[i].Mean + scales[i].Dev*float64(y[i]) - clean(i)
			sum += d * d
		}
		return sum
	}
	return 10 * math.Log10(loss(a)/loss(b))
}

func TestGate(t *testing.T) {
	knowsSlow := trained(t, "slow", 150, slow)
	knowsPulses := trained(t, "pulses", 150, pulses)
	knowsLittle := trained(t, "little", 30, slow, pulses)
	knowsBoth := trained(t, "both", 300, slow, pulses)
	isSlow, isPulses := windowsOf(t, slow, 12, 256, 1), windowsOf(t, pulses, 8, 256, 2)
	if g := min(truth(t, knowsLittle, knowsBoth, pulses, 3), truth(t, knowsLittle, knowsBoth, slow, 3)); g < .5 {
		t.Fatalf("the nets do not differ: %.2f dB", g)
	}
	for _, c := range []struct {
		name                 string
		champion, challenger *model.Model
		recent, old          []*replay.Window
		want                 bool
		why                  string
	}{
		{"better", knowsLittle, knowsBoth, isPulses, isSlow, true, "lower on 8 held-out windows"},
		{"the better one defends itself", knowsBoth, knowsLittle, isPulses, isSlow, false, ""},
		{"forgot", knowsSlow, knowsPulses, isPulses, isSlow, false, "forgets too much"},
		{"nothing to forget", knowsSlow, knowsPulses, isPulses, nil, true, "no older ones"},
		{"copier", knowsSlow, identity(t), isPulses, isSlow, false, ""},
		{"copier, alone", knowsSlow, identity(t), isSlow, nil, false, "not surely better"},
		{"the same", knowsSlow, knowsSlow, isPulses, isSlow, false, "not surely better"},
		{"nothing to judge on", knowsSlow, knowsBoth, nil, isSlow, false, "too little"},
	} {
		v, err := Gate(c.champion, c.challenger, c.recent, c.old, GateConfig{Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s", c.name, v.Why)
		if v.Promote != c.want || !strings.Contains(v.Why, c.why) {
			t.Errorf("%s: promote %v, want %v: %s", c.name, v.Promote, c.want, v.Why)
		}
		again, err := Gate(c.champion, c.challenger, c.recent, c.old, GateConfig{Seed: 4})
		if err != nil || again.P != v.P || again.Why != v.Why {
			t.Errorf("%s: asked again it says %+v, %v", c.name, again, err)
		}
	}
}

// The estimate agrees with the truth, which it never sees.
func TestGateEstimate(t *testing.T) {
	a, b := trained(t, "slow", 150, slow), trained(t, "both", 300, slow, pulses)
	for name, clean := range map[string]signal{"slow": slow, "pulses": pulses} {
		v, err := Gate(a, b, windowsOf(t, clean, 60, 256, 9), nil, GateConfig{Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		want := truth(t, a, b, clean, 9)
		t.Logf("%s: %.2f dB, in truth %.2f dB", name, v.RecentDB, want)
		if math.Abs(v.RecentDB-want) > .2*math.Abs(want)+.3 {
			t.Errorf("%s: gain %.2f dB, in truth %.2f dB", name, v.RecentDB, want)
		}
	}
}

func TestColoured(t *testing.T) {
	white := windowsOf(t, slow, 6, 256, 1)
	if why := coloured(white, (&Config{}).name); why != "" {
		t.Errorf("white noise: %s", why)
	}
	ar := 0.0
	s := newSensor(nil, "x", 8)
	red := windowsOf(t, func(i int) float64 {
		ar = .8*ar + .6*s.rng.NormFloat64()
		return 5 * ar
	}, 6, 256, 1)
	if why := coloured(red, (&Config{Names: []string{"temp"}}).name); !strings.Contains(why, "the noise of temp is not white") {
		t.Errorf("with a name: %q", why)
	}
	if why := coloured(red, (&Config{}).name); !strings.Contains(why, "channel 1 is not white") {
		t.Errorf("AR(1) noise passes as white: %q", why)
	}
}

// challenged runs a challenger beside its champion, from three windows on, and
// returns after how many it was let through; 0: it was not.
func challenged(t *testing.T, champion, challenger *model.Model, ws []*replay.Window, seed uint64) int {
	t.Helper()
	s := newShadow(champion, challenger, GateConfig{Seed: seed})
	for n, from := 3, 0; n <= len(ws); n, from = n+1, n {
		if err := s.add(ws[from:n]); err != nil {
			t.Fatal(err)
		}
		if v := s.verdict(); v.Promote {
			return n
		} else if s.hopeless(&v) {
			return 0
		}
	}
	return 0
}

// A gain of a third of a decibel is found, all but once at least; two nets
// that differ by chance alone are hardly ever told apart.
func TestGatePower(t *testing.T) {
	better := trained(t, "better", 300, slow, pulses)
	poorer := trained(t, "poorer", 235, slow, pulses)
	net := better.Net().Clone()
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] *= 1 + 1e-3*float32(i%3-1)
		}
	}
	twin, err := model.New(better.Header(), net)
	if err != nil {
		t.Fatal(err)
	}
	gain := truth(t, poorer, better, slow, 9)
	if gain < .2 || gain > .4 {
		t.Fatalf("the nets differ by %.2f dB, not by some .3", gain)
	}
	const runs = 6
	found, wrong, after := 0, 0, 0
	for k := range runs {
		ws := windowsOf(t, slow, mostJudged, 256, uint64(50+k))
		if n := challenged(t, poorer, better, ws, uint64(k)); n > 0 {
			found++
			after += n
		}
		for _, pair := range [...][2]*model.Model{{better, twin}, {twin, better}, {better, poorer}} {
			if challenged(t, pair[0], pair[1], ws[:16], uint64(k)) > 0 {
				wrong++
			}
		}
	}
	t.Logf("%.2f dB: %d of %d found, after %d windows in all; %d of %d wrong", gain, found, runs, after, wrong, 3*runs)
	if found < runs-1 || wrong > 1 {
		t.Errorf("of %d challengers that are %.2f dB better %d were let through, of %d that are not %d", runs, gain, found, 3*runs, wrong)
	}
}

// What a regime loses is the lower of two estimates, of which the one on a known signal
// hardly depends on which windows there are.
func TestOldIsTheLower(t *testing.T) {
	knowsBoth, knowsLittle := trained(t, "both", 300, slow, pulses), trained(t, "little", 30, slow, pulses)
	base, err := model.Base(-1)
	if err != nil {
		t.Fatal(err)
	}
	want := truth(t, knowsBoth, knowsLittle, pulses, 9)
	var seen, known []float64
	for seed := range uint64(6) {
		s := newShadow(knowsBoth, knowsLittle, GateConfig{Seed: seed})
		old := windowsOf(t, pulses, 3, 256, 20+seed)
		if err := s.remember(old); err != nil {
			t.Fatal(err)
		}
		a, err := s.compareOld(knowsBoth, knowsLittle, bunch{0, old}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.compareOld(knowsBoth, knowsLittle, bunch{0, old}, base)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.past[0].db(); got != min(a.DB(), b.DB()) {
			t.Errorf("%.2f dB of %.2f and %.2f", got, a.DB(), b.DB())
		}
		seen, known = append(seen, a.DB()), append(known, b.DB())
	}
	t.Logf("%.2f dB in truth; seen %.2f, on a known signal %.2f", want, seen, known)
	if want > -.3 || mean(known) > want/2 {
		t.Errorf("%.2f dB in truth, %.2f on a known signal", want, known)
	}
	if standardError(known) > standardError(seen) {
		t.Errorf("on a known signal it scatters more: %.2f, %.2f", known, seen)
	}
}

// One regime that suffers is enough, however well the others do.
func TestGateRegimes(t *testing.T) {
	knowsBoth, knowsPulses := trained(t, "both", 300, slow, pulses), trained(t, "pulses", 150, pulses)
	isPulses := windowsOf(t, pulses, 16, 256, 2)
	old := append(windowsOf(t, slow, 2, 256, 1), isPulses[8:]...)
	v, err := Gate(knowsBoth, knowsPulses, isPulses[:8], old, GateConfig{Seed: 4, Regime: func(w *replay.Window) int {
		if w == old[0] || w == old[1] {
			return 3
		}
		return 5
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(v.Why)
	if v.Promote || v.Regimes != 2 || v.Old != 10 || !(v.OldDB < -3) || !strings.Contains(v.Why, "the worst of 2 earlier regimes") {
		t.Errorf("verdict %+v", v)
	}
	names := func(n ...int) []bunch {
		ws, i := make([]*replay.Window, len(n)), -1
		for k := range ws {
			ws[k] = isPulses[k]
		}
		return bunches(ws, func(*replay.Window) int { i++; return n[i] })
	}
	if b := names(1, 1, 2, 3, 3, 4); len(b) != 3 || b[0].regime != 1 || b[1].regime != 3 || b[2].regime != -1 || len(b[2].windows) != 2 {
		t.Errorf("bunches %+v", b)
	}
}
