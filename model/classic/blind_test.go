package classic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// generated returns clean signals of different kinds.
func generated(n int) map[string][]float64 {
	r := rand.New(rand.NewPCG(31, 4))
	all := map[string][]float64{}
	add := func(name string, at func(t int) float64) {
		x := make([]float64, n)
		for t := range x {
			x[t] = at(t)
		}
		all[name] = x
	}
	add("slow sine", func(t int) float64 { return 10 * math.Sin(float64(t)/60) })
	add("beats", func(t int) float64 {
		d := float64(t%180) - 60
		return math.Exp(-d*d/12) - .3*math.Exp(-(d-9)*(d-9)/20) + .2*math.Exp(-(d-50)*(d-50)/200)
	})
	walk := 0.0
	add("random walk", func(int) float64 { walk += r.NormFloat64(); return walk })
	level := 0.0
	add("steps", func(t int) float64 {
		if t%150 == 0 {
			level = 6 * r.NormFloat64()
		}
		return level
	})
	var s, v float64
	add("resonance", func(int) float64 { s, v = 1.9*s-.95*v+r.NormFloat64(), s; return s })
	return all
}

// noisy returns x with white noise of the given signal-to-noise ratio, and its
// deviation.
func noisy(x []float64, snrDB float64, seed uint64) (y []float64, sigma float64) {
	m, power := mean(x), 0.0
	for _, v := range x {
		power += (v - m) * (v - m) / float64(len(x))
	}
	sigma = math.Sqrt(power / math.Pow(10, snrDB/10))
	y = noise(len(x), seed)
	for t := range y {
		y[t] = x[t] + sigma*y[t]
	}
	return y, sigma
}

// loss is the true mean squared error of a setting.
func loss(y, x []float64, p Params) float64 {
	out := make([]float64, len(y))
	Apply(out, y, p)
	return meanSquare(out, x)
}

// oracle returns the setting of the grid with the least true error, and that
// error. A family that learns does so blindly, too.
func oracle(f Family, y, x []float64, sigma float64) (best Params, least float64) {
	least = math.Inf(1)
	for _, p := range f.Grid {
		if f.LearnBlind != nil {
			p = f.LearnBlind(y, sigma, p)
		}
		if e := loss(y, x, p); e < least {
			best, least = p, e
		}
	}
	return best, least
}

// TestBlindChoices: knowing the noise level, the noisy recording chooses nearly
// as well as the truth would have: in the median of three recordings within
// 0.3 dB, per family and of all families together, but for what no estimate can
// tell apart (see lossOf). A Wiener filter, which is judged having learnt from less,
// may lose twice that.
func TestBlindChoices(t *testing.T) {
	for name, x := range generated(4000) {
		for _, l := range []int{Full, 8} {
			lost := map[string][]float64{}
			for seed := range uint64(3) {
				y, sigma := noisy(x, 10, seed)
				chosen, risk := Params{Family: IdentityName}, sigma*sigma
				ideal, least := chosen, meanSquare(y, x)
				for _, f := range thinned(FamiliesAt(l)) {
					p, r := TuneBlind(f, y, sigma)
					best, e := oracle(f, y, x, sigma)
					lost[f.Name] = append(lost[f.Name], lossOf(t, y, x, sigma, p, best))
					if r < risk {
						chosen, risk = p, r
					}
					if f.LearnBlind == nil && e < least {
						ideal, least = best, e
					}
				}
				lost["all"] = append(lost["all"], lossOf(t, y, x, sigma, chosen, ideal))
			}
			for f, db := range lost {
				most := .3
				if f == WienerName {
					most = .6
				}
				if m := medianOf(db); !(m <= most) {
					t.Errorf("%s, look-ahead %d, %s: the choice loses %.2f dB to the oracle's, want at most %g", name, l, f, m, most)
				}
			}
		}
	}
}

// lossOf returns what p loses to the best setting in dB. It is 0 for two that y
// can't tell apart: the difference of two estimates of risk is off by the noise's
// share in the difference of the filtered signals, 2/n·Σ ε·(x̂'-x̂), whose deviation
// is 2σ·rms(x̂'-x̂)/√n; twice that is granted.
func lossOf(t *testing.T, y, x []float64, sigma float64, p, best Params) float64 {
	t.Helper()
	a, b := make([]float64, len(y)), make([]float64, len(y))
	Apply(a, y, p)
	Apply(b, y, best)
	la, lb := meanSquare(a, x), meanSquare(b, x)
	db := 10 * math.Log10(la/lb)
	if db <= .3 {
		return db
	}
	unsure := 2 * 2 * sigma * math.Sqrt(meanSquare(a, b)/float64(len(y)))
	t.Logf("%v loses %.2f dB to %v; %.2f dB can't be told", p, db, best, 10*math.Log10(1+unsure/lb))
	if la-lb <= unsure {
		return 0
	}
	return db
}

// thinned leaves out most of the wavelets, which take time.
func thinned(fs []Family) []Family {
	for i, f := range fs {
		if f.Name == WaveletName {
			fs[i].Grid = slices.DeleteFunc(f.Grid, func(p Params) bool { return p.Levels != 6 })
		}
	}
	return fs
}

// TestLeaveOneOutChoices: not knowing the noise level, the least error in
// foretelling a sample from the others is close to the least error, where
// neighbours tell much. Of signals that bend within a few samples it asks for
// more of the own sample than is best, and of a causal average, which foretells
// from the past alone, most.
func TestLeaveOneOutChoices(t *testing.T) {
	signals := generated(4000)
	for _, name := range []string{"slow sine", "random walk", "resonance"} {
		x := signals[name]
		for _, l := range []int{Full, 8} {
			for _, f := range FamiliesAt(l) {
				if f.Name == EMAName || f.Name == WaveletName || f.Name == WienerName {
					continue
				}
				var lost []float64
				for seed := range uint64(3) {
					y, sigma := noisy(x, 10, seed)
					p, _ := TuneBlind(f, y, 0)
					best, _ := oracle(f, y, x, sigma)
					lost = append(lost, lossOf(t, y, x, sigma, p, best))
				}
				if m := medianOf(lost); !(m <= .3) {
					t.Errorf("%s, look-ahead %d, %s: the choice loses %.2f dB to the oracle's, want at most 0.3", name, l, f.Name, m)
				}
			}
		}
	}
}

// TestRiskIsUnbiased: over many recordings of the same truth the estimates of the
// error have its mean, for linear filters, ranks and wavelets.
func TestRiskIsUnbiased(t *testing.T) {
	x := generated(3000)["beats"]
	for _, s := range []string{"moving_average:w=5", "ema:a=0.4", "savitzky_golay:w=9,p=3,l=2", "kalman:lambda=5", "kalman:lambda=20,l=4",
		"butterworth:fc=0.15,l=2", "butterworth:fc=0.2,l=full", "median:w=5", "hampel:t=2", "haar:level=3,sigma=0.1", "haar:level=4,rule=sure,sigma=0.1",
		"wavelet:level=4,sigma=0.1", "wavelet:level=4,rule=universal,sigma=0.1", "wavelet:level=4,rule=universal,mode=hard,sigma=0.1", "wavelet:level=5,rule=sure"} {
		p, err := ParseFilter(s)
		if err != nil {
			t.Fatal(err)
		}
		const rounds, sigma = 30, .1
		var truth, risk float64
		for k := range uint64(rounds) {
			y := noise(len(x), 100+k)
			for i := range y {
				y[i] = x[i] + sigma*y[i]
			}
			truth += loss(y, x, p) / rounds
			risk += blindRisk(y, sigma, p) / rounds
		}
		t.Logf("%-55v risk %.5f, error %.5f", p, risk, truth)
		if math.Abs(risk-truth) > .05*truth {
			t.Errorf("%v: the mean risk is %.5f, the mean error %.5f", p, risk, truth)
		}
	}
}

// TestSelectBlind: what needs no filter gets none, and spikes a filter against
// spikes.
func TestSelectBlind(t *testing.T) {
	n := 3000
	white := noise(n, 3) // a signal in which neighbours tell nothing
	for i, v := range noise(n, 4) {
		white[i] += .1 * v
	}
	sine := generated(n)["slow sine"]
	spiky, _ := noisy(sine, 20, 5)
	r := rand.New(rand.NewPCG(6, 6))
	for i := range spiky {
		if r.IntN(40) == 0 {
			spiky[i] += 30
		}
	}
	for _, c := range []struct {
		name  string
		y     []float64
		sigma float64
		want  []string
	}{
		{"a white signal, σ known", white, .1, []string{IdentityName, WienerName}},
		{"spikes, σ unknown", spiky, 0, []string{MedianName}},
	} {
		p, risk := SelectBlind(FamiliesAt(8), c.y, c.sigma)
		if !slices.Contains(c.want, p.Family) || !finite(risk) {
			t.Errorf("%s: %v with risk %g, want one of %v", c.name, p, risk, c.want)
		}
	}
}

// TestBlindExtremes: recordings with nothing to judge by choose, but know no risk.
func TestBlindExtremes(t *testing.T) {
	nan := math.NaN()
	for _, y := range [][]float64{{}, {nan, nan}, {3}, {nan, 4, nan}, {1, 2, nan, 3}, make([]float64, 50)} {
		for _, sigma := range []float64{0, 1} {
			for _, f := range Families() {
				p, risk := TuneBlind(f, y, sigma)
				if err := p.Validate(); err != nil || p.Family != f.Name {
					t.Errorf("%v, sigma %g: %v, %v", y, sigma, p, err)
				}
				if math.IsInf(risk, 0) || len(y) == 0 && finite(risk) {
					t.Errorf("%v, sigma %g, %s: risk %g", y, sigma, f.Name, risk)
				}
			}
			if p, risk := SelectBlind(Families(), y, sigma); p.Validate() != nil || len(y) == 0 && !math.IsNaN(risk) {
				t.Errorf("%v, sigma %g: chose %v with risk %g", y, sigma, p, risk)
			}
		}
	}
}

// TestRiskLeavesOutMissing also shows the formula.
func TestRiskLeavesOutMissing(t *testing.T) {
	nan := math.NaN()
	got := Risk([]float64{1, nan, 5, 7}, []float64{2, 2, nan, 4}, []float64{.5, .5, .5, 0}, 2)
	if want := ((1 - 4 + 8*.5) + (9 - 4)) / 2.; got != want {
		t.Errorf("risk %g, want %g", got, want)
	}
	if got := Risk([]float64{nan}, []float64{1}, []float64{1}, 1); !math.IsNaN(got) {
		t.Errorf("risk of nothing is %g", got)
	}
}

// TestCovariance: gathered in blocks, the autocovariance makes nearly the filter
// that all of the recording makes; missing samples and restarts do no harm.
func TestCovariance(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const n, lags = 1 << 15, 60
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = 100 + 3*math.Sin(float64(i)/5) + 2*math.Sin(float64(i)/1.9)
		y[i] = x[i] + rng.NormFloat64()
		if rng.Float64() < .02 {
			y[i] = math.NaN()
		}
	}
	p := Params{Family: WienerName, Window: lags, Lookahead: 8}
	c := NewCovariance(lags)
	if _, ok := c.Learn(1, p); ok {
		t.Error("something is learnt from nothing")
	}
	for at := 0; at < n; at += 512 {
		from := max(0, at-256)
		c.Add(nil, y[from:at+512], at-from, 1)
		again := NewCovariance(lags)
		rest, err := again.RestoreState(append(c.AppendState(nil), 7))
		if err != nil || len(rest) != 1 {
			t.Fatal(err, len(rest))
		}
		c = again
	}
	learnt, ok := c.Learn(1, p)
	if !ok {
		t.Fatal("nothing is learnt")
	}
	gain := func(p Params) float64 {
		out := make([]float64, n)
		Apply(out, y, p)
		a, b := 0.0, 0.0
		for i, v := range y {
			if finite(v) {
				a, b = a+(v-x[i])*(v-x[i]), b+(out[i]-x[i])*(out[i]-x[i])
			}
		}
		return 10 * math.Log10(a/b)
	}
	whole, blocks := gain(LearnWienerBlind(y, 1, p)), gain(learnt)
	if blocks < 8 || blocks < whole-.7 {
		t.Errorf("learnt in blocks it gains %.2f dB, from all of it %.2f", blocks, whole)
	}
	if _, err := NewCovariance(lags + 1).RestoreState(c.AppendState(nil)); err == nil {
		t.Error("other lags are taken")
	}
}
