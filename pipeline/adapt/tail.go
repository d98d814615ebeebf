package adapt

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/window"
)

// tail is the latest slots of a series in its present context, scaled by the
// latest scale: what the bank is asked about right after an alarm, when no whole
// window of the new regime is there yet.
type tail struct {
	values  []float32 // [T][C]
	missing []bool
	scales  []replay.Scale
}

// tailSlots is how many slots a tail reaches back at least, once there were so
// many: the latest look of the bank and what the nets need before it.
const tailSlots = 448

// tailSlack is how many slots more gather before the oldest are let go.
const tailSlack = 64

func (p *tail) reset() { p.values, p.missing = p.values[:0], p.missing[:0] }

// add takes in a slot. A channel whose scale is not known counts as missing.
func (p *tail) add(cols []model.Column, scales []window.Scale) {
	c := len(cols)
	if p.scales == nil {
		p.scales = make([]replay.Scale, c)
	}
	if len(p.values) >= (tailSlots+tailSlack)*c {
		from := len(p.values) - tailSlots*c
		p.values = p.values[:copy(p.values, p.values[from:])]
		p.missing = p.missing[:copy(p.missing, p.missing[from:])]
	}
	for i, s := range scales {
		if to := replay.Scale(s); to != p.scales[i] {
			if len(p.values) > 0 {
				rescale(p.values[i:], c, p.scales[i], to)
			}
			p.scales[i] = to
		}
	}
	for i, col := range cols {
		p.values, p.missing = append(p.values, col.X), append(p.missing, col.Missing || !scales[i].Known())
	}
}

// rescale brings every channels-th value to a new scale.
func rescale(values []float32, channels int, from, to replay.Scale) {
	if !(from.Dev > 0 && to.Dev > 0) {
		return
	}
	for k := 0; k < len(values); k += channels {
		values[k] = float32((float64(values[k])*from.Dev + from.Mean - to.Mean) / to.Dev)
	}
}

// slots returns T.
func (p *tail) slots() int { return len(p.values) / max(1, len(p.scales)) }

// excerpt is a copy of the end of a tail.
type excerpt struct {
	values   []float32 // [T][C], scaled by scales
	missing  []bool
	scales   []replay.Scale
	from, to int       // the slots that are judged by
	sigma    []float64 // noise level of these per channel, in its unit
	sign     signature // of these
	seed     [2]uint64
}

// excerpt copies the latest slots, of which the last n are to be judged by. It
// returns false where their noise level can't be told.
func (p *tail) excerpt(n int, seed [2]uint64) (*excerpt, bool) {
	c, all := len(p.scales), min(p.slots(), tailSlots)
	n = min(n, all)
	at := len(p.values) - all*c
	x := &excerpt{values: slices.Clone(p.values[at:]), missing: slices.Clone(p.missing[at:]), scales: slices.Clone(p.scales),
		from: all - n, to: all, sigma: make([]float64, c), seed: seed}
	judged, known := make([][]float64, c), false
	for i := range c {
		for t := x.from; t < x.to; t++ {
			if !x.missing[t*c+i] {
				judged[i] = append(judged[i], float64(x.values[t*c+i]))
			}
		}
		x.sigma[i] = x.scales[i].Dev * noise.SigmaMAD(judged[i])
		known = known || x.sigma[i] > 0
	}
	x.sign = signatureOf(judged, x.scales)
	return x, known
}

// evidence lays an excerpt out as a net gets it that is served with the given
// scales.
func (x *excerpt) evidence(scales []replay.Scale) train.Evidence {
	c := len(scales)
	e := train.Evidence{Window: train.Window{Channels: c, Cols: make([]model.Column, len(x.values))}, From: x.from, To: x.to, Seed: x.seed}
	values := slices.Clone(x.values)
	for i, to := range scales {
		rescale(values[i:], c, x.scales[i], to)
		held, level := float32(0), float32(-3)
		if s := x.sigma[i] / to.Dev; s > 0 && to.Dev > 0 {
			level = float32(min(max(math.Log10(s), -3), .5))
		}
		for k := i; k < len(values); k += c {
			if !x.missing[k] {
				held = values[k]
			}
			e.Cols[k] = model.Column{X: held, Level: level, Missing: x.missing[k]}
		}
	}
	e.Sigma = scaledSigma(len(values), x.sigma, scales)
	return e
}
