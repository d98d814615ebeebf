package eval

import (
	"fmt"
	"math"
	"time"

	"github.com/quell-stream/quell/model/classic"
)

// maxLag bounds the search for a delay.
const maxLag = 64

// Trial is one noisy recording with its truth, split for a fair comparison. The
// slices are shared with the caller and read only. A Trial is safe for
// concurrent use.
type Trial struct {
	Channel   string
	Clean     []float64 // NaN where the truth is unknown
	Noisy     []float64
	Parts     Parts
	SignalVar float64 // variance of the clean training part: what SNRs refer to
	Realised  float64 // SNR of the whole recording in dB
}

// NewTrial makes a trial of a recording and its truth. receptiveField is the
// largest of the models to be compared, in samples. It is an error where the
// truth is too short, does not move in the training part, or has no value in
// the tune or the test part.
func NewTrial(channel string, clean, noisy []float64, receptiveField int) (*Trial, error) {
	if len(clean) != len(noisy) {
		return nil, fmt.Errorf("eval: channel %s: the truth has %d samples, the noisy recording %d", channel, len(clean), len(noisy))
	}
	parts, err := Split(len(clean), receptiveField)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", channel, err)
	}
	_, v := Variance(parts.Train.Of(clean))
	if !(v > 0) {
		return nil, fmt.Errorf("eval: channel %s: the truth does not move in its first %d samples, so there is no signal-to-noise ratio", channel, parts.Train.To)
	}
	t := &Trial{Channel: channel, Clean: clean, Noisy: noisy, Parts: parts, SignalVar: v, Realised: SNR(v, clean, noisy)}
	for _, part := range []Range{parts.Tune, parts.Test} {
		if _, n := power(part.Of(clean), part.Of(noisy)); n == 0 {
			return nil, fmt.Errorf("eval: channel %s: none of the samples %d to %d has both a truth and a reading", channel, part.From, part.To-1)
		}
	}
	return t, nil
}

// NoisyTrial makes a trial by adding noise to a clean recording; see AddNoise
// and NewTrial.
func NoisyTrial(channel string, clean []float64, snrDB float64, kind Kind, seed uint64, receptiveField int) (*Trial, error) {
	parts, err := Split(len(clean), receptiveField)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", channel, err)
	}
	_, v := Variance(parts.Train.Of(clean))
	if !(v > 0) {
		v = 0 // NewTrial says what is wrong
	}
	noisy, _ := AddNoise(clean, snrDB, kind, seed, v)
	return NewTrial(channel, clean, noisy, receptiveField)
}

// Model is something to be compared with the classical filters.
type Model struct {
	Name    string // method in the results
	Setting string // remark for people
	Ahead   int    // samples after t that the estimate at t uses
	// Denoise returns the denoised form of y and its 90 % interval, each of the
	// length of y; lo and hi are nil where there is none. It must not keep or
	// change y.
	Denoise func(y []float64) (clean, lo, hi []float64)
	// Together, when not nil, is called in the place of Denoise with all
	// channels that are compared, and returns an estimate of each.
	Together func(y [][]float64) []Estimate
	// Past says that the model is to be given the readings before the test part
	// too, as a live stream would have seen them: y begins with them, and what is
	// returned for them is not scored.
	Past bool

	filter bool // a classical filter
}

// Options say how to compare. The zero value compares with every family, free
// to look ahead, and measures no time.
type Options struct {
	// Families to compare with. Nil: classic.Families(). For a comparison at
	// equal look-ahead give classic.FamiliesAt(l).
	Families []classic.Family
	// NoFamilies leaves them all out.
	NoFamilies bool
	// Now is the clock for us_per_sample. Nil: it is NaN.
	Now func() time.Time
	// Visit, when not nil, gets each score with the estimate of the test part
	// that it is of.
	Visit func(t *Trial, r Result, e Estimate)
}

// Compare scores the models, then each family tuned on the tune part with the
// truth, on the test part.
func (t *Trial) Compare(opt Options, models ...Model) []Result {
	return CompareAll([]*Trial{t}, opt, models...)[0]
}

// CompareAll is Compare for the channels of one recording. All of them have the
// same length and parts; else it panics. It returns the results of each.
func CompareAll(channels []*Trial, opt Options, models ...Model) [][]Result {
	families := opt.Families
	if families == nil {
		families = classic.Families()
	}
	if opt.NoFamilies {
		families = nil
	}
	results := make([][]Result, len(channels))
	for _, m := range models {
		for i, r := range run(channels, m, opt) {
			results[i] = append(results[i], r)
		}
	}
	for i, t := range channels {
		for _, f := range families {
			p := t.Tune(f)
			m := Model{Name: f.Name, Setting: p.String(), Ahead: p.Latency(), filter: true, Denoise: func(y []float64) (clean, lo, hi []float64) {
				clean = make([]float64, len(y))
				f.Apply(clean, y, p)
				return clean, nil, nil
			}}
			results[i] = append(results[i], run(channels[i:i+1], m, opt)[0])
		}
	}
	return results
}

// Tune chooses the setting of a family on the tune part, with the truth. A
// family that learns does so from the truth of the training part.
func (t *Trial) Tune(f classic.Family) classic.Params {
	if learn := f.Learn; learn != nil {
		f.Learn = func(_ []float64, noiseVar float64, p classic.Params) classic.Params {
			return learn(t.Parts.Train.Of(t.Clean), noiseVar, p)
		}
	}
	return classic.Tune(f, t.Parts.Tune.Of(t.Noisy), t.Parts.Tune.Of(t.Clean))
}

// run scores a model on the channels of a recording.
func run(channels []*Trial, m Model, opt Options) []Result {
	if m.Together == nil {
		m.Together = func(y [][]float64) []Estimate {
			out := make([]Estimate, len(y))
			for i := range y {
				b := &out[i].Bounds[Ninety]
				out[i].Clean, b.Lo, b.Hi = m.Denoise(y[i])
			}
			return out
		}
	}
	test := channels[0].Parts.Test
	part := test
	if m.Past {
		part.From = 0
	}
	y := make([][]float64, len(channels))
	for i, t := range channels {
		if t.Parts.Test != test {
			panic("eval: channels of one recording differ in their parts")
		}
		y[i] = part.Of(t.Noisy)
	}
	us := math.NaN()
	var begin time.Time
	if opt.Now != nil {
		begin = opt.Now()
	}
	estimates := m.Together(y)
	if opt.Now != nil {
		us = float64(opt.Now().Sub(begin).Nanoseconds()) / 1e3 / float64(part.Len()*len(channels))
	}
	results := make([]Result, len(channels))
	for i, t := range channels {
		e := estimates[i].from(test.From - part.From)
		r := t.ScoreEstimate(m.Name, e)
		r.Setting, r.Model, r.Ahead, r.USPerSample = m.Setting, !m.filter, m.Ahead, us
		results[i] = r
		if opt.Visit != nil {
			opt.Visit(t, r, e)
		}
	}
	return results
}

// Score is ScoreEstimate for a 90 % interval, or none where lo and hi are nil.
func (t *Trial) Score(method string, denoised, lo, hi []float64) Result {
	e := Estimate{Clean: denoised}
	e.Bounds[Ninety] = Bounds{lo, hi}
	return t.ScoreEstimate(method, e)
}

// ScoreEstimate scores a denoised test part over the samples that have both a
// truth and a reading. Where a method gives no estimate its reading is scored in
// its place: leaving out what is hard must not pay. us_per_sample is NaN:
// whoever measured it puts it in.
func (t *Trial) ScoreEstimate(method string, e Estimate) Result {
	y := t.Parts.Test.Of(t.Noisy)
	checkLengths(y, e.Clean)
	x := append([]float64(nil), t.Parts.Test.Of(t.Clean)...)
	denoised := append([]float64(nil), e.Clean...)
	for i, v := range y {
		if !finite(v) {
			x[i] = math.NaN()
		}
		if !finite(denoised[i]) {
			denoised[i] = v
		}
	}
	nan := math.NaN()
	r := Result{Channel: t.Channel, Method: method, Coverage: nan, Width: nan, Lag: nan, USPerSample: nan,
		SNRIn: SNR(t.SignalVar, x, y), Gain: Gain(x, y, denoised), RMSE: RMSE(x, denoised), MAD: MAD(x, denoised),
		PRD: PRD(x, denoised), Cos: Cos(x, denoised), SSD: SSD(x, denoised), RRMSET: RRMSE(x, denoised), CC: CC(x, denoised),
		CRPS: nan, CoverageBlocks: nan, Reliability: noReliability(), Served: e.Trace.sum()}
	r.SNROut = r.SNRIn + r.Gain
	r.RRMSES, r.LSD = SpectralErrors(x, denoised)
	for i, b := range e.Bounds {
		if b.Lo != nil && b.Hi != nil {
			r.Reliability[i], _ = Coverage(x, b.Lo, b.Hi)
		}
	}
	if b := e.Bounds[Ninety]; b.Lo != nil && b.Hi != nil {
		r.Coverage, r.Width = Coverage(x, b.Lo, b.Hi)
		r.CRPS, r.CoverageBlocks = CRPS(x, b.Lo, b.Hi), CoverageBlocks(x, b.Lo, b.Hi)
	}
	if k, ok := Lag(x, denoised, maxLag); ok {
		r.Lag = float64(k)
	}
	return r
}

// Compare makes a trial of a clean recording with the given noise and compares
// the models with the classical filters, in one call.
func Compare(channel string, clean []float64, snrDB float64, kind Kind, seed uint64, receptiveField int, opt Options, models ...Model) ([]Result, error) {
	t, err := NoisyTrial(channel, clean, snrDB, kind, seed, receptiveField)
	if err != nil {
		return nil, err
	}
	return t.Compare(opt, models...), nil
}
