package nn

import "slices"

// Extra says which layers Spec.With puts into a network.
type Extra struct {
	Norm    Op      // LayerNorm or BatchNorm; "" for none
	Cond    int     // values of the condition of FiLM; 0 for none
	Dropout float64 // rate; 0 for none
	Spatial bool    // of Dropout
}

// With returns the network with normalisation and FiLM, in this order, before each
// activation that comes right behind a convolution, and dropout behind each
// activation but the one that the last layer reads.
func (s Spec) With(x Extra) Spec {
	s.Layers = x.into(s.Layers, true)
	if x.Cond > 0 && s.Has(FiLM) {
		s.Cond = x.Cond
	}
	return s
}

// into puts the layers into a list; last says that the network ends with it.
func (x *Extra) into(layers []LayerSpec, last bool) []LayerSpec {
	var out []LayerSpec
	for i, l := range layers {
		l.Layers = x.into(l.Layers, false)
		_, act := activations[l.Op]
		if act && i > 0 && slices.Contains([]Op{Conv, ConvT}, layers[i-1].Op) {
			if x.Norm != "" {
				out = append(out, LayerSpec{Op: x.Norm})
			}
			if x.Cond > 0 {
				out = append(out, LayerSpec{Op: FiLM})
			}
		}
		out = append(out, l)
		if act && x.Dropout > 0 && !(last && i >= len(layers)-2) {
			out = append(out, LayerSpec{Op: Dropout, Rate: x.Dropout, Spatial: x.Spatial})
		}
	}
	return out
}
