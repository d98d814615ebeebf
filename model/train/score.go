package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/synth"
)

// The synthetic hold-out: recordings of each family in turn, at each of these
// signal-to-noise ratios.
var holdOutSNR = [...]float64{0, 5, 10, 15, 20, 30, 40}

const (
	holdOutLen  = 2048
	holdOutSeed = 0x686f6c646f7574 // no training seed that anyone would give
)

// score is how well a model does on the synthetic hold-out.
type score struct {
	metrics  map[string]float64 // of all families
	gains    [len(holdOutSNR)]map[synth.Family]float64
	interval model.Interval
}

// scoreSynthetic measures a model on n recordings per signal-to-noise ratio,
// streaming and scaled by the running scaler.
func scoreSynthetic(m *model.Model, n int) (score, error) {
	s := score{metrics: make(map[string]float64)}
	var cal calibration
	families := synth.Families()
	for k, snr := range holdOutSNR {
		perFamily := make([][]float64, len(families))
		var all []float64
		for i := range n {
			rng := draw(holdOutSeed, k, i)
			f := i % len(families)
			clean := make([]float64, holdOutLen)
			families[f].Generate(clean, rng)
			if mean, dev := moments(clean); dev > 0 {
				for t := range clean {
					clean[t] = (clean[t] - mean) / dev
				}
			}
			sigma := math.Pow(10, -snr/20)
			noisy := make([]float64, len(clean))
			for t, c := range clean {
				noisy[t] = c + sigma*rng.NormFloat64()
			}
			out, scales, err := denoise(m, noisy, nil)
			if err != nil {
				return s, err
			}
			for t := scaleBlock; t < len(out); t++ {
				cal.add(scales[t], math.Abs(out[t]-clean[t]))
			}
			g := noise.Gain(clean, noisy, out)
			perFamily[f] = append(perFamily[f], g)
			all = append(all, g)
		}
		s.metrics[fmt.Sprintf("synthetic_gain_db_at_%g", snr)] = round(mean(all))
		s.gains[k] = make(map[synth.Family]float64)
		for f, g := range perFamily {
			if len(g) > 0 {
				s.gains[k][families[f]] = mean(g)
			}
		}
	}
	s.interval = cal.table()
	return s, nil
}

func mean(x []float64) float64 {
	m, _ := moments(x)
	return m
}

func moments(x []float64) (mean, dev float64) {
	mean, squares := meanSquares(x)
	return mean, math.Sqrt(squares / float64(len(x)))
}

// round keeps three decimals, so that figures read well in a header.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// calibration collects errors by noise level.
type calibration struct {
	bins [len(calibrationLevels)][]float32
}

var (
	calibrationLevels    = [...]float64{-2, -1.75, -1.5, -1.25, -1, -.75, -.5, -.3, -.15, -.05}
	calibrationCoverages = [...]float64{.5, .8, .9, .95, .99}
)

// leastPerBin is the number of errors that a quantile of .99 can be read from.
const leastPerBin = 1000

// add takes the error of a sample.
func (c *calibration) add(s served, err float64) {
	if s.unit <= 0 || s.dev <= 0 {
		return
	}
	level := float64(s.level())
	best := 0
	for i, l := range calibrationLevels {
		if math.Abs(l-level) < math.Abs(calibrationLevels[best]-level) {
			best = i
		}
	}
	// What is far outside the table would blur its ends.
	if math.Abs(calibrationLevels[best]-level) < .3 {
		c.bins[best] = append(c.bins[best], float32(err/s.unit))
	}
}

// table returns the quantiles; levels with too few errors are left out.
func (c *calibration) table() model.Interval {
	var v model.Interval
	for i, errs := range c.bins {
		if len(errs) < leastPerBin {
			continue
		}
		slices.Sort(errs)
		row := make([]float64, len(calibrationCoverages))
		for j, q := range calibrationCoverages {
			row[j] = round(float64(errs[int(q*float64(len(errs)-1))]))
		}
		v.Levels = append(v.Levels, calibrationLevels[i])
		v.Half = append(v.Half, row)
	}
	if v.Levels != nil {
		v.Coverages = calibrationCoverages[:]
	}
	return v
}

// baseCard writes the model card of a base model.
func baseCard(cfg BaseConfig, net *nn.Net, s score) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# base, look-ahead %d

A dilated residual network (%d weights, receptive field %d samples) that estimates the noise of one channel from the
scaled signal, the level and the colour of the noise and a mask of missing samples, and tells how far it may be off. It
is meant as a start for any slowly or regularly varying sensor with roughly white noise.

Data: %d batches of %d synthetic windows of %d samples; nothing recorded. Noise from -2 to 25 dB, a tenth nearly clean,
a fifth autoregressive of first order and told so; scale, offset and noise level as wrong as a causal scaler has them;
some samples missing.

Mean gain in dB on the synthetic hold-out, streaming behind the running scaler:

| input SNR |`, net.Spec().Lookahead(), net.NumParams(), net.Spec().ReceptiveField(), cfg.Steps, cfg.Batch, cfg.Window)
	for _, snr := range holdOutSNR {
		fmt.Fprintf(&b, " %g |", snr)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(holdOutSNR)) + "\n| all families |")
	for _, snr := range holdOutSNR {
		fmt.Fprintf(&b, " %.1f |", s.metrics[fmt.Sprintf("synthetic_gain_db_at_%g", snr)])
	}
	for _, f := range synth.Families() {
		fmt.Fprintf(&b, "\n| %s |", f)
		for k := range holdOutSNR {
			fmt.Fprintf(&b, " %.1f |", s.gains[k][f])
		}
	}
	b.WriteString(`

Limits: coloured noise that it is not told of is taken for signal; spikes are not removed; on nearly clean input it may
do harm (negative figures above), which the guard has to catch. The interval table is a calibration to start with, on
the same hold-out.
`)
	return b.String()
}
