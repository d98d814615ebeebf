package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/nn"
)

// heads takes outputs and classes over into the architecture and checks what is to
// be learnt of them.
func (c *SupervisedConfig) heads() error {
	a := &c.Arch
	switch {
	case c.Outputs != nil && c.From != nil && !slices.Equal(c.Outputs, a.Outputs):
		return errors.New("train: what the channels are is settled in the model that is trained on")
	case c.Outputs != nil && len(c.Outputs) != len(c.Clean):
		return fmt.Errorf("train: %d outputs; want %d, one per channel", len(c.Outputs), len(c.Clean))
	case c.Outputs != nil:
		a.Outputs = c.Outputs
	}
	if len(a.Outputs) == len(c.Clean) {
		for k, o := range a.Outputs {
			other := func(v float64) bool { return v != 0 && v != 1 }
			if i := slices.IndexFunc(c.Clean[k], other); o != model.Value && i >= 0 {
				return fmt.Errorf("train: clean channel %d: sample %d is %g; a binary channel holds 0 and 1", k, i, c.Clean[k][i])
			}
		}
	}
	if c.Labels == nil {
		if c.From != nil && a.Classes != nil {
			return fmt.Errorf("train: %s tells which of %s a slot is: give labels, or that is spoilt", c.From.Name(), strings.Join(a.Classes, ", "))
		}
		if len(c.Classes) > 0 {
			return errors.New("train: classes without labels")
		}
		return nil
	}
	if len(c.Labels) != len(c.Clean[0]) {
		return fmt.Errorf("train: %d labels for %d samples", len(c.Labels), len(c.Clean[0]))
	}
	if len(c.Classes) < 2 {
		return fmt.Errorf("train: %d classes; want 2 or more", len(c.Classes))
	}
	for i, l := range c.Labels {
		if l < -1 || l >= len(c.Classes) {
			return fmt.Errorf("train: label %d is class %d of %d", i, l, len(c.Classes))
		}
	}
	if a.Classes == nil {
		var err error
		*a, err = a.withClasses(c.Classes)
		return err
	}
	if !slices.Equal(a.Classes, c.Classes) {
		return fmt.Errorf("train: the model tells %q; the labels are %q", a.Classes, c.Classes)
	}
	return nil
}

// withClasses returns the architecture with a head: its last layer puts out the
// classes, too, of what the layers before make for the estimate.
func (a Arch) withClasses(classes []string) (Arch, error) {
	last := len(a.Spec.Layers) - 1
	if last < 0 || a.Spec.Layers[last].Op != nn.Conv && a.Spec.Layers[last].Op != nn.ConvT {
		return a, errors.New("train: a head for labels needs a net that ends with a convolution")
	}
	a.Spec.Layers = slices.Clone(a.Spec.Layers)
	a.Spec.Layers[last].Out += len(classes)
	a.Classes = classes
	return a, nil
}

// widened returns a copy of a net or, where another has a wider last layer, that
// one with the weights of the net; the outputs that the net does not have begin at
// zero.
func widened(wide, from *nn.Net) *nn.Net {
	if slices.EqualFunc(wide.Params(), from.Params(), func(a, b nn.Param) bool { return slices.Equal(a.Shape, b.Shape) }) {
		return from.Clone()
	}
	op := wide.Spec().Layers[len(wide.Spec().Layers)-1].Op
	for i, p := range wide.Params() {
		src := from.Params()[i]
		clear(p.Data)
		blocks := 1
		if op == nn.ConvT && len(p.Shape) == 3 { // [in,out,k]
			blocks = p.Shape[0]
		}
		for b := range blocks {
			n := len(src.Data) / blocks
			copy(p.Data[b*len(p.Data)/blocks:], src.Data[b*n:(b+1)*n])
		}
	}
	wide.Pack()
	return wide
}

// shared returns the head's loss with a weight that does not depend on how many
// samples of the training part are labelled.
func (c *SupervisedConfig) shared(h Head, part eval.Range) (Head, error) {
	known, first := 0, -1
	both := false
	for _, l := range c.Labels[part.From:part.To] {
		if l < 0 {
			continue
		}
		if known++; first < 0 {
			first = l
		}
		both = both || l != first
	}
	switch {
	case known == 0:
		return h, fmt.Errorf("train: none of the samples %d to %d, which are for training, has a label", part.From, part.To-1)
	case !both:
		return h, fmt.Errorf("train: all labels of the samples %d to %d, which are for training, are %q: there is nothing to tell apart", part.From, part.To-1, c.Classes[first])
	}
	h.Weight *= float64(part.Len()) / float64(known)
	return h, nil
}
