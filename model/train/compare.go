package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quell-stream/quell/model"
)

// Evidence is a window, held out of training, on which two models are compared
// without clean truth.
type Evidence struct {
	Window
	// The slots From ≤ t < To are judged; those around them are context.
	From, To int
	Seed     [2]uint64 // of its recorruptions
}

// CompareConfig says how to compare. Zero fields take their defaults.
type CompareConfig struct {
	// Draws is the number of pairs of recorruptions per window, default 4.
	Draws int
	// Piece is the number of slots over which errors are averaged before they are
	// compared, default 32: white noise makes pieces of that length nearly
	// independent. Slots beyond the last whole piece are not judged.
	Piece int
	// On, when not nil, is a model that makes the truth: what it makes of a window is
	// what both models are to find again under fresh noise of the window's level. See Compare.
	On *model.Model
	// ByTwin judges by the windows' Twin in place of recorruptions, which holds
	// for noise of any kind that the two sensors do not share.
	ByTwin bool
	// Pause, when not nil, is called after each window; its error ends the
	// comparison and is returned.
	Pause func() error
}

// recorruptAlpha is the strength of a recorruption in deviations of the noise.
// The nets then see a quarter more noise than they serve.
const recorruptAlpha = .5

const (
	// leastError is the least error in units of the noise's variance that is told
	// from none: 30 dB below the noise.
	leastError = 1e-3
	// twinFloor stands in for what passes of the noise where there are no pairs of
	// recorruptions to tell it from.
	twinFloor = .03
)

// Comparison is what two models did on the same windows, in units of the noise's
// variance.
type Comparison struct {
	Windows int       // that could be judged
	Error   float64   // mean estimated squared error of the champion against the truth
	Errors  []float64 // per piece: the champion's
	Gain    []float64 // per piece: by how much the challenger's is lower

	// Passed and OtherPassed are what passes of the noise through the champion and
	// the challenger: a part of either's error.
	Passed, OtherPassed float64
}

// DB returns the challenger's gain in dB, NaN where nothing was judged; with the
// models in each other's place it is the opposite.
//
// Each error by itself is only known to some hundredths: the mean of |n|² scatters,
// and is off where the noise level is. The difference has none of that, and neither
// error is less than what passes of the noise. So the errors are the ones nearest to
// the estimate that differ by that difference and are no less than that: where both are
// too small to be told from none it still shows which is smaller, and by about how much.
func (c *Comparison) DB() float64 {
	if len(c.Gain) == 0 {
		return math.NaN()
	}
	gain := stat.Mean(c.Gain, nil)
	a := max(c.Error, c.Passed, c.OtherPassed+gain, leastError+max(gain, 0))
	return 10 * math.Log10(a/(a-gain))
}

// P returns the one-sided p-value of Student's paired test over the pieces: the
// chance of such a gain if there were none. It is 1 where there is no test.
func (c *Comparison) P() float64 {
	if len(c.Gain) < 2 {
		return 1
	}
	mean, dev := stat.MeanStdDev(c.Gain, nil)
	n := float64(len(c.Gain))
	if !(dev > 0) { // as where both are the same net
		return 1
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Survival(mean / dev * math.Sqrt(n))
}

// Compare compares two models on held-out windows without clean truth. Errors
// are estimated from recorrupted pairs (Pang, Zheng, Quan and Ji,
// "Recorrupted-to-Recorrupted", 2021, eq. 5): with the observed y = x+n and z of
// the noise's own deviation σ,
//
//	E|f(y+αz) - (y-z/α)|² = E|f(y+αz) - x|² + σ²(1+1/α²)
//
// if n is Gaussian, and white where the window has no recorded Noise. What is the
// same for both models is left out of the left side, and z is used with both
// signs, which takes most of its own scatter away. The nets get the level that
// they would serve with, raised like the noise. Where a window's noise level is
// NaN or 0 nothing is judged.
//
// The noise in y makes that scatter by some tenths of a decibel over a dozen windows. With
// cfg.On the errors are those against a signal that is known (a parametric bootstrap: Efron
// and Tibshirani, "An Introduction to the Bootstrap", 1993, section 6.5), which scatter
// much less, but tell of the signal only what that model sees.
//
// The answer depends on nothing but the arguments. The error is that of
// cfg.Pause, or says that a model does not fit the windows.
func Compare(champion, challenger *model.Model, windows []Evidence, cfg CompareConfig) (Comparison, error) {
	setDefault(&cfg.Draws, 4)
	setDefault(&cfg.Piece, 32)
	var c Comparison
	var sums [3]float64 // of Error, Passed and OtherPassed
	for i := range windows {
		t := newTrial(&windows[i], cfg)
		a, b, err := t.errors(champion, challenger)
		if err != nil {
			return c, err
		}
		if len(a.error) > 0 {
			c.Windows++
		}
		for i := range a.error {
			sums[0] += a.error[i]
			sums[1] += a.passed[i]
			sums[2] += b.passed[i]
			c.Errors = append(c.Errors, a.error[i])
			c.Gain = append(c.Gain, a.error[i]-b.error[i])
		}
		if cfg.Pause != nil {
			if err := cfg.Pause(); err != nil {
				return c, err
			}
		}
	}
	if n := float64(len(c.Gain)); n > 0 {
		c.Error, c.Passed, c.OtherPassed = sums[0]/n, sums[1]/n, sums[2]/n
	}
	return c, nil
}

// trial is a window on which models are compared.
type trial struct {
	*Evidence
	cfg    CompareConfig
	pieces int
	z      []float64 // [T][C], 0 where nothing is added
	cols   []model.Column
	raised float64
}

func newTrial(e *Evidence, cfg CompareConfig) *trial {
	return &trial{Evidence: e, cfg: cfg, pieces: max(e.To-e.From, 0) / cfg.Piece, z: make([]float64, len(e.Cols)),
		cols: make([]model.Column, len(e.Cols)), raised: .5 * math.Log10(1+recorruptAlpha*recorruptAlpha)}
}

// tally is what a model did on a window, per piece, in units of the noise's variance.
type tally struct {
	error  []float64 // estimated
	passed []float64 // of the noise
	n      []int     // columns that were judged, in all runs
	plus   []float32 // what it made of y + αz
}

func newTally(pieces int) *tally {
	return &tally{error: make([]float64, pieces), passed: make([]float64, pieces), n: make([]int, pieces)}
}

// errors returns what both models did, but for the pieces of which too little is known.
func (t *trial) errors(champion, challenger *model.Model) (a, b *tally, err error) {
	a, b = newTally(t.pieces), newTally(t.pieces)
	times, noise := 1, 1. // |n|² is 1 on average
	switch {
	case t.cfg.On != nil:
		times, noise = t.cfg.Draws, 0
		err = t.addOn(a, b, champion, challenger)
	case t.cfg.ByTwin:
		if err = t.addTwin(a, champion); err == nil {
			err = t.addTwin(b, challenger)
		}
	default:
		times = 2 * t.cfg.Draws
		err = t.addPairs(a, b, champion, challenger)
	}
	if err != nil {
		return nil, nil, err
	}
	a.close(times*(t.cfg.Piece/2), noise)
	b.close(times*(t.cfg.Piece/2), noise)
	return a, b, nil
}

// addPairs adds what both models do on all pairs of recorruptions.
func (t *trial) addPairs(a, b *tally, champion, challenger *model.Model) error {
	rng := rand.New(rand.NewPCG(t.Seed[0], t.Seed[1]))
	for range t.cfg.Draws {
		t.draw(rng)
		for _, sign := range [...]float64{1, -1} {
			if err := t.add(a, champion, sign); err != nil {
				return err
			}
			if err := t.add(b, challenger, sign); err != nil {
				return err
			}
		}
	}
	return nil
}

// close turns sums into means, takes from the errors what is noise in them, and leaves
// pieces out with fewer than least columns.
func (y *tally) close(least int, noise float64) {
	to := 0
	for i, n := range y.n {
		if n < least {
			continue
		}
		k := 1 / float64(n)
		y.error[to], y.passed[to] = y.error[i]*k-noise, y.passed[i]*k
		to++
	}
	y.error, y.passed = y.error[:to], y.passed[:to]
}

// judged returns the noise level of column i, 0 where it has none.
func (t *trial) judged(i int) float64 {
	if s := t.sigma(i); s > 0 {
		return s
	}
	return 0
}

// draw draws z.
func (t *trial) draw(rng *rand.Rand) {
	if t.Noise == nil {
		for i := range t.z {
			t.z[i] = t.judged(i) * rng.NormFloat64()
		}
		return
	}
	for c, z := range t.Noise {
		h := recordedHiss(z, rng)
		for i := c; i < len(t.z); i += t.Channels {
			t.z[i] = t.judged(i) * h.next()
		}
	}
}

// run returns what m makes of y + αz·sign.
func (t *trial) run(m *model.Model, sign float64) ([]float32, error) {
	for c := range t.Channels {
		held := float32(0)
		for i := c; i < len(t.cols); i += t.Channels {
			col := t.Cols[i]
			switch {
			case sign == 0: // as it stands
			case col.Missing && i >= t.Channels:
				col.X = held
			case !col.Missing:
				col.X += float32(recorruptAlpha * sign * t.z[i])
			}
			held = col.X
			if sign != 0 {
				col.Level = raise(col.Level, t.raised)
			}
			t.cols[i] = col
		}
	}
	st, err := m.NewStream(t.Channels)
	if err != nil {
		return nil, err
	}
	clean := append([]float32(nil), st.Push(t.cols)...)
	return append(clean, st.Finish()...), nil
}

// add runs m on y ± αz and adds its squared errors, less what is the same for every
// model but for |n|². With the second sign it adds what passes of the noise, too:
// of a net f with the gradient g f(y+αz) - f(y-αz) is 2αgz.
func (t *trial) add(y *tally, m *model.Model, sign float64) error {
	clean, err := t.run(m, sign)
	if err != nil {
		return err
	}
	t.visit(func(piece, i int) {
		sigma := t.judged(i)
		if sigma == 0 || t.cols[i].Missing || i >= len(clean) {
			return
		}
		// |f-(y-z/α)|² - |z/α|²
		d := float64(clean[i] - t.Cols[i].X)
		y.error[piece] += (d*d + 2*d*sign*t.z[i]/recorruptAlpha) / (sigma * sigma)
		y.n[piece]++
		if sign < 0 { // the error is that on 1+α² times the noise, and counts for two runs
			gz := float64(y.plus[i]-clean[i]) / (2 * recorruptAlpha * sigma)
			y.passed[piece] += 2 * (1 + recorruptAlpha*recorruptAlpha) * gz * gz
		}
	})
	y.plus = clean
	return nil
}

// addTwin runs m on y and adds its squared distances from the twin.
func (t *trial) addTwin(y *tally, m *model.Model) error {
	clean, err := t.run(m, 0)
	if err != nil {
		return err
	}
	t.visit(func(piece, i int) {
		sigma := t.TwinSigma[i]
		if !(sigma > 0) || math.IsNaN(t.Twin[i]) || t.cols[i].Missing || i >= len(clean) {
			return
		}
		d := (float64(clean[i]) - t.Twin[i]) / sigma
		y.error[piece] += d * d
		y.passed[piece] += twinFloor
		y.n[piece]++
	})
	return nil
}

// addOn adds what both models do on the signal that cfg.On makes of the window.
func (t *trial) addOn(a, b *tally, champion, challenger *model.Model) error {
	truth, err := t.run(t.cfg.On, 0)
	if err != nil {
		return err
	}
	e := *t.Evidence
	e.Cols = slices.Clone(e.Cols)
	injected := *t
	injected.Evidence = &e
	rng := rand.New(rand.NewPCG(t.Seed[0], t.Seed[1]))
	for range t.cfg.Draws {
		t.draw(rng)
		for i := range min(len(truth), len(e.Cols)) {
			if !e.Cols[i].Missing {
				e.Cols[i].X = truth[i] + float32(t.z[i])
			}
		}
		if err := injected.addTruth(a, champion, truth); err != nil {
			return err
		}
		if err := injected.addTruth(b, challenger, truth); err != nil {
			return err
		}
	}
	return nil
}

// addTruth runs m on the window and adds its squared errors.
func (t *trial) addTruth(y *tally, m *model.Model, truth []float32) error {
	clean, err := t.run(m, 0)
	if err != nil {
		return err
	}
	t.visit(func(piece, i int) {
		sigma := t.judged(i)
		if sigma == 0 || t.cols[i].Missing || i >= min(len(clean), len(truth)) {
			return
		}
		d := float64(clean[i]-truth[i]) / sigma
		y.error[piece] += d * d
		y.n[piece]++
	})
	return nil
}

// visit goes through the columns that are judged.
func (t *trial) visit(column func(piece, i int)) {
	for k := range t.pieces {
		at := (t.From + k*t.cfg.Piece) * t.Channels
		for i := at; i < at+t.cfg.Piece*t.Channels; i++ {
			column(k, i)
		}
	}
}
