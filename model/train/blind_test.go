package train

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// fixedLag returns what a Kalman smoother of an AR(1) signal of deviation 1 in
// white noise of deviation sigma comes to once it has settled: the weights of the
// readings from so many before a slot to so many after it, and the deviation of
// the clean value given them.
func fixedLag(rho, sigma float64, back, ahead int) (w []float64, dev float64) {
	n := back + 1 + ahead
	c, cov := mat.NewVecDense(n, nil), mat.NewSymDense(n, nil)
	for i := range n {
		c.SetVec(i, math.Pow(rho, math.Abs(float64(i-back))))
		for k := i; k < n; k++ {
			cov.SetSym(i, k, math.Pow(rho, float64(k-i)))
		}
		cov.SetSym(i, i, 1+sigma*sigma)
	}
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		panic("not a covariance")
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, c); err != nil {
		panic(err)
	}
	return x.RawVector().Data, math.Sqrt(1 - mat.Dot(c, &x))
}

// rawBlind is an untrained model of a small blind-spot net that takes readings as they are.
func rawBlind(t *testing.T, lookahead int) *model.Model {
	t.Helper()
	arch := BlindArch(0, 12, 3, []int{1, 2, 4}, lookahead)
	net, err := nn.New(arch.Spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	h := arch.header("blind")
	h.Scaler.Kind = model.ScaleNone
	m, err := model.New(h, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noisyColumns lays readings out with a known noise, the lost ones as they are held.
func noisyColumns(y []float64, sigma float64, lost func(i int) bool) []model.Column {
	cols := make([]model.Column, len(y))
	for i := range y {
		cols[i] = model.Column{X: float32(y[i]), Level: float32(math.Log10(sigma))}
		if i > 0 && lost != nil && lost(i) {
			cols[i].X, cols[i].Missing = cols[i-1].X, true
		}
	}
	return cols
}

// streamed returns clean values and spreads of a whole recording.
func streamed(t *testing.T, m *model.Model, cols []model.Column) (y, dev []float32) {
	t.Helper()
	s, err := m.NewStream(1)
	if err != nil {
		t.Fatal(err)
	}
	y, dev = slices.Clone(s.Push(cols)), slices.Clone(s.Spread())
	return append(y, s.Finish()...), append(dev, s.Spread()...)
}

// Of an AR(1) signal in white noise the posterior is known: what a Kalman smoother
// of the same look-ahead says. The net comes within 5 % of its error and its
// deviation, its intervals hold, and Stein's estimate of its error, which the
// guard goes by, is right: with the derivative of the whole map.
func TestBlindPosterior(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	const n, test, sigma, rho = 60000, 20000, .6, .9
	x := ar1(n+test, 1, rho, 1)
	y := addWhite(x, sigma, 2)
	m := rawBlind(t, 4)
	trained, rep, err := Blind(t.Context(), m, []Window{{Channels: 1, Cols: noisyColumns(y[:n], sigma, func(i int) bool { return i%40 == 0 })}},
		FineTuneConfig{Steps: 500, Batch: 4, Length: 256, Peak: 1e-2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	x, y = x[n:], y[n:]
	cols := noisyColumns(y, sigma, nil)
	clean, dev := streamed(t, trained, cols)
	w, want := fixedLag(rho, sigma, 40, m.Lookahead())

	rng := rand.New(rand.NewPCG(3, 3))
	nudged := slices.Clone(cols)
	for i := range nudged {
		nudged[i].X += sigma / 64 * float32(2*rng.IntN(2)-1)
	}
	moved, _ := streamed(t, trained, nudged)

	var err2, best2, claim2, away2, stein, count float64
	covered := map[float64]float64{.5: 0, .9: 0}
	for i := 100; i < test-100; i++ {
		kalman := 0.
		for k, v := range w {
			kalman += v * y[i-40+k]
		}
		e := float64(clean[i]) - x[i]
		err2 += e * e
		best2 += (kalman - x[i]) * (kalman - x[i])
		away2 += (float64(clean[i]) - kalman) * (float64(clean[i]) - kalman)
		claim2 += float64(dev[i]) * float64(dev[i])
		for c := range covered {
			if math.Abs(e) < float64(dev[i])*trained.HalfWidth(c).At(math.Log10(sigma)) {
				covered[c]++
			}
		}
		own := float64(moved[i]-clean[i]) / float64(nudged[i].X-cols[i].X)
		r := y[i] - float64(clean[i])
		stein += r*r - sigma*sigma + 2*sigma*sigma*own
		count++
	}
	rms := func(sum float64) float64 { return math.Sqrt(sum / count) }
	t.Logf("loss %.4f; error %.4f, Kalman %.4f (by theory %.4f), claimed %.4f; %.4f from the Kalman smoother; covered %v; Stein %.4f", rep.Rounds[0].Loss,
		rms(err2), rms(best2), want, rms(claim2), rms(away2), covered, math.Sqrt(max(stein/count, 0)))
	if q := rms(err2) / rms(best2); q > 1.05 {
		t.Errorf("the error is %.3f times the Kalman smoother's", q)
	}
	if q := rms(claim2) / want; math.Abs(q-1) > .05 {
		t.Errorf("the deviation claimed is %.3f times the Kalman smoother's", q)
	}
	if q := rms(away2) / rms(best2); q > .2 {
		t.Errorf("the mean is off the Kalman smoother's by %.2f of its error", q)
	}
	for c, k := range covered {
		if math.Abs(k/count-c) > .02 {
			t.Errorf("the %g interval covers %.3f", c, k/count)
		}
	}
	if q := stein / err2; math.Abs(q-1) > .1 {
		t.Errorf("Stein's estimate is %.3f times the squared error", q)
	}
}

// Missing readings are not seen: what is held in their place changes nothing.
func TestBlindMissing(t *testing.T) {
	r := readings{examples{arch: BlindArch(0, 4, 2, []int{1}, 1), length: 64, seed: 1}}
	w := Window{Channels: 1, Cols: noisyColumns(ar1(128, 1, .5, 1), .5, func(i int) bool { return i%3 == 0 })}
	r.add(&w, 1)
	var e Example
	missing := 0
	for k := range 8 {
		r.Example(&e, 0, k)
		for i, c := range e.desk.cols[:64] {
			if in := e.X[4*i : 4*i+4]; c.Missing {
				missing++
				if in[0] != 0 || in[2] != 1 || e.W[i] != 0 {
					t.Fatalf("a missing reading is given as %v and learnt with weight %g", in, e.W[i])
				}
			}
		}
	}
	if missing < 100 {
		t.Errorf("only %d were missing", missing)
	}
}

// The gradient of the likelihood against central differences.
func TestLikelihoodGradient(t *testing.T) {
	e, mu := signals(40)
	var y []float32
	for i := 0; i < len(mu); i += 2 {
		y = append(y, mu[i], mu[i+1], .3*mu[i], -1-mu[i+1])
	}
	const beyond = 9*4 + 2
	y[beyond] = model.SpreadMost + 1
	loss := Likelihood{Targets: 2}
	dy, none := make([]float32, len(y)), make([]float32, len(y))
	loss.Gradient(dy, y, e, .5)
	for i := range y {
		const h = 2e-3
		was := y[i]
		y[i] = was + h
		up := loss.Gradient(none, y, e, 1)
		y[i] = was - h
		down := loss.Gradient(none, y, e, 1)
		y[i] = was
		if i == beyond { // flat there, but it must find its way back
			if up != down || dy[i] <= 0 {
				t.Errorf("a deviation beyond what is told: loss %g and %g, gradient %g", down, up, dy[i])
			}
			continue
		}
		if got, want := float64(dy[i]), .5*(up-down)/(2*h); math.Abs(got-want) > 3e-3*math.Abs(want)+3e-6 {
			t.Errorf("value %d has the gradient %g, by differences %g", i, got, want)
		}
	}
}

func TestTruthlessBlind(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base := trainedBase(t)
	clean := pulseTrain(24000, 0)
	noisy := addWhite(clean, .5, 1)
	ws := mustWindows(t, base, History{X: noisy[:20000]})
	cfg := TruthlessConfig{Method: BlindSpot, FineTuneConfig: quick(300), Arch: BlindArch(0, 8, 3, []int{1, 2, 4}, 3)}
	tuned, rep, err := Truthless(t.Context(), base, ws, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := tuned.Header()
	if !slices.Equal(rep.Kept(), []Method{BlindSpot}) || h.Kind != model.BlindSpot || h.Lookahead != 3 || h.Provenance.Parent != base.Name() {
		t.Errorf("%+v, %+v", rep.Attempts, h.Provenance)
	}
	if before, after := gainOf(t, base, clean[20000:], noisy[20000:]), gainOf(t, tuned, clean[20000:], noisy[20000:]); !(after > before+.5) {
		t.Errorf("gain %.2f dB, was %.2f before", after, before)
	}
	cfg.Workers = 1
	if again, _, err := Truthless(t.Context(), base, ws, cfg); err != nil || !bytes.Equal(encode(t, again), encode(t, tuned)) {
		t.Errorf("the same seed gives other bytes, %v", err)
	}

	// It learns on in its own way, and in no other.
	for _, method := range []Method{Auto, BlindSpot} {
		_, rep, err := Truthless(t.Context(), tuned, ws, TruthlessConfig{Method: method, FineTuneConfig: quick(1)})
		if err != nil || len(rep.Attempts) != 1 || rep.Attempts[0].Method != BlindSpot {
			t.Errorf("%s: %+v, %v", method, rep.Attempts, err)
		}
	}
	if more, rep, err := FineTune(t.Context(), tuned, ws, quick(2)); err != nil || more.Kind() != model.BlindSpot || len(rep.Rounds) != 1 {
		t.Errorf("fine-tuned: %+v, %v", rep, err)
	}
	for _, method := range []Method{IDR, R2R} {
		if _, _, err := Truthless(t.Context(), tuned, ws, TruthlessConfig{Method: method}); err == nil || !strings.Contains(err.Error(), "learns by method blind") {
			t.Errorf("%s: error %v", method, err)
		}
	}
	if _, _, err := Recorrupted(t.Context(), tuned, ws, quick(1)); err == nil {
		t.Error("recorrupted pairs for a blind-spot net")
	}
	if _, _, err := Blind(t.Context(), base, ws, quick(1)); err == nil || !strings.Contains(err.Error(), "no blind-spot model") {
		t.Errorf("the base model: error %v", err)
	}
	lossy := quick(1)
	lossy.Loss = Absolute{}
	if _, _, err := Blind(t.Context(), tuned, ws, lossy); err == nil || !strings.Contains(err.Error(), "leave the loss out") {
		t.Errorf("another loss: error %v", err)
	}
	if _, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{clean}, From: tuned}); err == nil || !strings.Contains(err.Error(), "without clean truth") {
		t.Errorf("with clean truth: error %v", err)
	}
}

// Auto tries a blind-spot net on a long history, but none with a loss that it
// cannot have.
func TestAutoTriesBlind(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	for loss, want := range map[Loss][]Method{nil: {IDR, BlindSpot}, Absolute{}: {IDR}} {
		r := truthless{model: trainedBase(t), train: make([]Window, 1), cfg: TruthlessConfig{Method: Auto, FineTuneConfig: FineTuneConfig{Rounds: 1, Recipe: Recipe{Loss: loss}}}}
		if got, err := r.stages(blindHistory); err != nil || !slices.Equal(got, want) {
			t.Errorf("loss %v: %v, %v; want %v", loss, got, err, want)
		}
		if got, err := r.stages(blindHistory - 1); err != nil || !slices.Equal(got, []Method{IDR}) {
			t.Errorf("a shorter history: %v, %v", got, err)
		}
	}
}

func TestTruthlessBlindRefusesColour(t *testing.T) {
	base := trainedBase(t)
	x := pulseTrain(4000, 0)
	white, red := addWhite(x, .5, 1), added(x, ar1(4000, 1, .9, 1))
	cfg := TruthlessConfig{Method: BlindSpot, FineTuneConfig: quick(1), Arch: BlindArch(0, 4, 2, []int{1}, 1)}
	for name, c := range map[string]struct {
		h    History
		want error
	}{
		"white readings":           {History{X: white}, nil},
		"coloured readings":        {History{X: red}, ErrColoured},
		"recorded noise, coloured": {History{X: white, Noise: ar1(4000, .5, .9, 3)}, ErrBlindColour},
		"recorded noise, white":    {History{X: red, Noise: ar1(4000, .5, 0, 3)}, nil}, // the recording is believed
	} {
		if _, _, err := Truthless(t.Context(), base, mustWindows(t, base, c.h), cfg); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}
