package nn

import "math"

// Stride returns the hop of exact streaming: the number of input columns after
// which the network repeats itself, 1 for a tcn, the product of the encoder's
// strides for a dae. The spec must be valid.
func (s Spec) Stride() int { return newPlan(s, true).hop }

// Lookahead returns the number of future columns that a stream needs for an
// output: Stream.Push returns output t at the latest with input t+Lookahead().
// Where the output has another rate than the input, t counts input columns.
// With a dense layer it is the whole window but one. The spec must be valid.
func (s Spec) Lookahead() int {
	ahead, _ := s.reach()
	return ahead
}

// ReceptiveField returns the number of consecutive input columns that one
// output may depend on. The spec must be valid.
func (s Spec) ReceptiveField() int {
	_, field := s.reach()
	return field
}

func (s Spec) reach() (ahead, field int) {
	if s.Streamable() != nil {
		return s.Window - 1, s.Window
	}
	p := newPlan(s, true)
	return p.ahead, p.field
}

// measure sets ahead and field, those of the output, and history: the number
// of columns from which Stream.Warm can restore every column that a layer
// keeps. That is the field, or the lag of an inner signal behind the input if
// it is more (a transposed convolution that crops more than it spans), and one
// hop to start on the grid.
func (p *plan) measure() {
	p.ahead, p.field = p.reachOf(p.output())
	p.history = p.field
	for i := range p.sigs {
		lag, _ := p.reachOf(i)
		p.history = max(p.history, lag+1)
	}
	p.history += p.hop
}

// reachOf follows the columns of one hop of a signal back to the input: how far
// ahead of a column the input it needs lies, and how much input it may depend
// on. All columns of one group of a transposed convolution count as needing
// what any of them needs, since they are computed together.
func (p *plan) reachOf(sig int) (ahead, field int) {
	at := make([]interval, len(p.sigs))
	num, den := int64(p.sigs[sig].num), int64(p.sigs[sig].den)
	for t := range int64(p.hop) * den / num {
		for i := range at {
			at[i] = interval{math.MaxInt64, math.MinInt64, 0}
		}
		at[sig] = interval{t, t, t}
		for i := p.sigs[sig].maker; i >= 0; i-- {
			o := &p.ops[i]
			y := at[o.out]
			if y.low > y.high {
				continue // not on the way
			}
			at[o.in] = at[o.in].union(o.reads(y))
			if o.res >= 0 {
				at[o.res] = at[o.res].union(y)
			}
		}
		ahead = max(ahead, int(max(at[0].high, at[0].first)-t*num/den))
		field = max(field, int(at[0].high-at[0].low+1))
	}
	return ahead, field
}

// interval is a range of columns, both ends included. first is the last of them
// when counted from the start of the signal, where a layer waits for at least
// one column even if all it reads is padding.
type interval struct{ low, high, first int64 }

func (a interval) union(b interval) interval {
	return interval{min(a.low, b.low), max(a.high, b.high), max(a.first, b.first)}
}

// reads returns the columns that an operation reads for the columns y.
func (o *op) reads(y interval) interval {
	if o.kind != opTaps {
		return y
	}
	p := int64(o.tm.phases)
	return interval{
		low:   floorDiv(y.low, p)*int64(o.tm.step) + int64(o.tm.off),
		high:  o.tm.reach(floorDiv(y.high, p)+1) - 1,
		first: max(0, o.tm.reach(floorDiv(y.first, p)+1)-1),
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// LeastWeights returns the number of weights that a network has or, where it has
// dense layers, has at least, for they count as if they had one column. A decoder
// asks it before it makes a network that bytes from outside describe.
func (s Spec) LeastWeights() int64 {
	n, _ := s.leastWeights()
	return n
}

// leastWeights returns the channels of the output too.
func (s Spec) leastWeights() (n int64, out int) {
	in := s.In
	for _, l := range s.Layers {
		switch l.Op {
		case Conv, ConvT, Dense:
			n += int64(in) * int64(l.Out) * int64(max(l.Kernel, 1)) * int64(max(l.Steps, 1))
			in = l.Out
		case Residual:
			more, _ := Spec{In: in, Cond: s.Cond, Layers: l.Layers}.leastWeights()
			n += more
		case LayerNorm:
			n += 2 * int64(in)
		case FiLM:
			n += 2 * int64(in) * int64(1+s.Cond)
		}
	}
	return n, in
}
