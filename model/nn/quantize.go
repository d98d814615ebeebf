package nn

import (
	"errors"
	"fmt"
	"math"
)

// Quantize makes a network of 8-bit weights and signals of one of single
// precision, which it does not change. The ranges of the signals come from
// running the network over recordings, each [T][In] and of any length, or of
// its window where a dense layer fixes one: they should be like what the
// network will see, noise included, for what is beyond a range counts as its
// end. Range and weight scales are those of least squared error where that
// serves the output better than the full ranges do, which is tried out on the
// recordings. Values must be finite. It is an error if there is no column, and
// for a network with layers that have no 8-bit form: layernorm; batchnorm, which
// Fold takes away; and film, for which there is Conditioned.
func Quantize(n *Net, recordings [][]float32) (*Quantized, error) {
	if err := quantizable("layers", n.spec.Layers); err != nil {
		return nil, fmt.Errorf("nn: quantize: %w", err)
	}
	if err := checkRecordings(n, recordings); err != nil {
		return nil, err
	}
	stats, err := n.measure(recordings)
	if err != nil {
		return nil, err
	}
	var best *Quantized
	least := math.Inf(1)
	for _, full := range []bool{true, false} {
		q, err := quantize(n, stats, full)
		if err != nil {
			return nil, err
		}
		if e := outputError(n, q, recordings); best == nil || e < least {
			best, least = q, e
		}
	}
	return best, nil
}

// quantizable says which layer has no 8-bit form.
func quantizable(path string, layers []LayerSpec) error {
	for i, l := range layers {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch l.Op {
		case LayerNorm:
			return fmt.Errorf("%s: layernorm has no 8-bit form: use the network in single precision, or train one with batchnorm", at)
		case BatchNorm:
			return fmt.Errorf("%s: batchnorm has no 8-bit form: fold the network first", at)
		case FiLM:
			return fmt.Errorf("%s: film has no 8-bit form: give the network its condition first", at)
		}
		if err := quantizable(at+".layers", l.Layers); err != nil {
			return err
		}
	}
	return nil
}

func checkRecordings(n *Net, recordings [][]float32) error {
	cols := 0
	for i, x := range recordings {
		in := n.spec.In
		switch {
		case len(x)%in != 0:
			return fmt.Errorf("nn: quantize: recording %d has %d values, no multiple of the %d input channels", i, len(x), in)
		case n.spec.Streamable() != nil && len(x) != n.spec.Window*in:
			return fmt.Errorf("nn: quantize: recording %d has %d columns; the network takes windows of %d", i, len(x)/in, n.spec.Window)
		case !allFinite(x):
			return fmt.Errorf("nn: quantize: recording %d has a value that is not finite", i)
		}
		cols += len(x) / in
	}
	if cols == 0 {
		return errors.New("nn: quantize: no columns to find the ranges of the signals with")
	}
	return nil
}

// outputError returns the mean squared difference of the outputs.
func outputError(n *Net, q *Quantized, recordings [][]float32) float64 {
	a, b := n.NewRunner(1), q.NewRunner(1)
	var y, z []float32
	sum, count := 0.0, 0
	for _, x := range recordings {
		y, z = a.Run(y, x), b.Run(z, x)
		for i := range y {
			d := float64(y[i]) - float64(z[i])
			sum += d * d
		}
		count += len(y)
	}
	return sum / float64(max(count, 1))
}

// statistics describe the values of a signal: the range, which holds 0, and
// then how they spread over it.
type statistics struct {
	low, high float64
	bins      []float64
}

const statBins = 2048

// watched is a store that shows what it computes.
type watched struct {
	*floats
	see func(sig int, x []float32)
}

func (w *watched) load(x []float32, at, cols int) {
	w.floats.load(x, at, cols)
	w.seen(0, at, cols)
}

func (w *watched) exec(o *op, x, y, res, groups, cols int) {
	w.floats.exec(o, x, y, res, groups, cols)
	w.seen(o.out, y, cols)
}

func (w *watched) seen(sig, at, cols int) {
	c := w.p.sigs[sig].c
	w.see(sig, w.bufs[sig][at*c:(at+cols)*c])
}

// measure runs the network over recordings, twice: for the ranges, and for
// what lies where in them.
// The error says which layer's values are not finite.
func (n *Net) measure(recordings [][]float32) ([]statistics, error) {
	stats := make([]statistics, len(n.fused.sigs))
	n.watch(recordings, func(sig int, x []float32) {
		s := &stats[sig]
		for _, v := range x {
			s.low, s.high = min(s.low, float64(v)), max(s.high, float64(v)) // they keep NaN
		}
	})
	for i := range stats {
		s := &stats[i]
		if d := s.high - s.low; d-d != 0 {
			return nil, fmt.Errorf("nn: quantize: what operation %d of the network makes of the recordings is not finite", n.fused.sigs[i].maker+1)
		}
		if s.high-s.low < 1e-20 { // nothing but zeros
			s.low, s.high = -1, 1
		}
		s.bins = make([]float64, statBins)
	}
	n.watch(recordings, func(sig int, x []float32) {
		s := &stats[sig]
		f := statBins / (s.high - s.low)
		for _, v := range x {
			s.bins[min(int((float64(v)-s.low)*f), statBins-1)]++
		}
	})
	return stats, nil
}

func (n *Net) watch(recordings [][]float32, see func(sig int, x []float32)) {
	r := n.newRunner(1, func(rows []int) store { return &watched{newFloats(n, n.fused)(rows).(*floats), see} })
	r.res = &r.e.data.(*watched).emitted
	var y []float32
	for _, x := range recordings {
		y = r.Run(y, x)
	}
}

// rangeOf returns scale and zero of a signal: for its full range, or for the
// part of it that makes the squared error least, what is rounded and what is
// cut off together.
func (s *statistics) rangeOf(full bool) (scale float32, zero uint8) {
	low, high := s.low, s.high
	if !full {
		low, high = s.best()
	}
	step := (high - low) / 255
	z := math.RoundToEven(-low / step)
	// With the zero on a whole step one end sticks out by up to half of one.
	if z > 0 {
		step = max(step, -low/z)
	}
	if z < 255 {
		step = max(step, high/(255-z))
	}
	return float32(step), uint8(min(max(z, 0), 255))
}

// best searches the shares of the range on both sides of 0.
func (s *statistics) best() (low, high float64) {
	width := (s.high - s.low) / statBins
	centre := func(i int) float64 { return s.low + (float64(i)+.5)*width }
	total := 0.0
	for _, n := range s.bins {
		total += n
	}
	// beyond sums the squares of what is cut off, on the side of sign.
	beyond := func(end, sign float64) float64 {
		sum := 0.0
		for i, n := range s.bins {
			if d := sign * (centre(i) - end); d > 0 && n > 0 {
				sum += n * d * d
			}
		}
		return sum
	}
	const shares = 64
	var lows, highs [shares]float64
	for k := range shares {
		f := float64(k+1) / shares
		lows[k], highs[k] = beyond(f*s.low, -1), beyond(f*s.high, 1)
	}
	least := math.Inf(1)
	for a := range shares {
		for b := range shares {
			l, h := s.low*float64(a+1)/shares, s.high*float64(b+1)/shares
			step := (h - l) / 255
			// An error of rounding is spread evenly over a step.
			if e := lows[a] + highs[b] + total*step*step/12; e < least {
				least, low, high = e, l, h
			}
		}
	}
	return low, high
}

// quantize rounds weights and fixes the ranges of signals.
func quantize(n *Net, stats []statistics, full bool) (*Quantized, error) {
	view := Quantized{net: n}
	var layers []QuantizedLayer
	for i := range n.index {
		o, p := view.op(i), view.weight(i)
		l := QuantizedLayer{Name: p.Name[:len(p.Name)-len(".weight")], Shape: p.Shape}
		if at := n.index[i][1]; at >= 0 {
			l.Bias = n.params[at].Data
		}
		if o.in == 0 || o.shape.Segments*o.shape.SegLen > maxTerms {
			l.Float = p.Data
		} else {
			l.InScale, l.InZero = stats[o.in].rangeOf(full)
			l.round(p.Data, view.outStep(i), full)
		}
		layers = append(layers, l)
	}
	return NewQuantized(n.spec, layers)
}

// round rounds weights to 8 bits, with a scale per output: that of the largest
// weight, or a smaller one where that makes the squared error less.
func (l *QuantizedLayer) round(w []float32, step [2]int, full bool) {
	outputs := step[1]
	l.Weight, l.Scale = make([]int8, len(w)), make([]float32, outputs)
	rows := make([][]int, outputs)
	for j := range w {
		o := j / step[0] % step[1]
		rows[o] = append(rows[o], j)
	}
	for o, row := range rows {
		peak := 0.0
		for _, j := range row {
			peak = max(peak, math.Abs(float64(w[j])))
		}
		if peak < 1e-20 {
			l.Scale[o] = 1 // nothing but zeros
			continue
		}
		least := math.Inf(1)
		for k := range 40 {
			scale := float32(peak / 127 * (1 - .01*float64(k)))
			sum := 0.0
			for _, j := range row {
				d := float64(w[j]) - float64(scale)*float64(roundWeight(w[j], scale))
				sum += d * d
			}
			if sum < least {
				least, l.Scale[o] = sum, scale
			}
			if full {
				break
			}
		}
		for _, j := range row {
			l.Weight[j] = roundWeight(w[j], l.Scale[o])
		}
	}
}

func roundWeight(w, scale float32) int8 {
	return int8(min(max(math.RoundToEven(float64(w)/float64(scale)), -127), 127))
}
