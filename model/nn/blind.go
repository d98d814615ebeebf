package nn

// Blind reports whether it is plain from the layers that no output column reads
// the input column that it is for, whatever the weights. Only networks at full
// rate, of convolutions without stride, can be. What is blind by chance, such as
// by dilations that happen to leave a column out, may not be found to be.
func (s Spec) Blind() bool {
	if s.Validate() != nil {
		return false
	}
	in := make([]seen, s.In)
	for i := range in {
		in[i].own = true
	}
	out, ok := seenThrough(s.Layers, in)
	for _, v := range out {
		ok = ok && !v.own
	}
	return ok
}

// seen is which input columns a channel may depend on, by their distance from
// the column that it is at: some before it, that itself, some after it.
type seen struct {
	before, after stretch
	own           bool
}

// stretch is a range of distances, both ends included, empty where it is zero.
type stretch struct{ low, high int }

func (a stretch) join(b stretch) stretch {
	switch {
	case a == stretch{}:
		return b
	case b == stretch{}:
		return a
	}
	return stretch{min(a.low, b.low), max(a.high, b.high)}
}

// add takes in what is seen of a column at a distance.
func (v *seen) add(of seen, by int) {
	parts := [...]stretch{of.before, of.after, {}}
	n := 2
	if of.own {
		v.own = v.own || by == 0
		parts[n] = stretch{by, by} // empty at 0
		n++
	}
	for i, p := range parts[:n] {
		if p == (stretch{}) {
			continue
		}
		if i < 2 {
			p = stretch{p.low + by, p.high + by}
		}
		switch {
		case p.high < 0:
			v.before = v.before.join(p)
		case p.low > 0:
			v.after = v.after.join(p)
		default:
			v.own = true
		}
	}
}

// seenThrough follows what is seen through layers; ok is false where a layer has
// another rate.
func seenThrough(layers []LayerSpec, in []seen) (out []seen, ok bool) {
	for _, l := range layers {
		switch {
		case l.Op == Residual:
			body, ok := seenThrough(l.Layers, in)
			if !ok {
				return nil, false
			}
			for i := range body {
				body[i].add(in[i], 0)
			}
			in = body
		case l.Op == Conv && l.stride() == 1:
			out := make([]seen, l.Out)
			for i := range out {
				for k := range in {
					for tap := range l.kernel() {
						if l.reads(i, k, tap, len(in)) {
							out[i].add(in[k], tap*l.dilation()-l.Pad[0])
						}
					}
				}
			}
			in = out
		case l.Op == ReLU || l.Op == GELU || l.Op == Sigmoid || l.Op == Tanh:
		default:
			return nil, false
		}
	}
	return in, true
}
