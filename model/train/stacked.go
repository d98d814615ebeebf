package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/nn"
)

// The greedy layer-wise pretraining of Vincent et al., "Stacked Denoising
// Autoencoders", 2010, section 3.4 and figure 3: each layer of a dae's encoder is
// trained with its counterpart in the decoder as an autoencoder of its own. The
// first one takes noisy readings to clean ones. Each further one takes what the
// encoder below makes of clean readings, with a share of the values set to 0
// (masking noise, section 3.3), to the same without. The whole net begins with
// their weights.

// stackMask is the share of values that are masked: the paper's .25.
const stackMask = .25

// level is an autoencoder of one layer of an encoder.
type level struct {
	enc, dec [2]int // its layers of the whole net: from, to
}

// stackLevels returns the levels of a net of nn.DAE's shape: convolutions that end
// with the code, and as many to come back.
func stackLevels(s nn.Spec) ([]level, error) {
	groups := [][2]int{}
	for i := 0; i < len(s.Layers); {
		if op := s.Layers[i].Op; op != nn.Conv && op != nn.ConvT {
			return nil, errNoStack
		}
		end := i + 1
		for end < len(s.Layers) && isActivation(s.Layers[end].Op) {
			end++
		}
		groups = append(groups, [2]int{i, end})
		i = end
	}
	n := len(groups)
	if n < 2 || n%2 != 0 {
		return nil, errNoStack
	}
	var out []level
	for k := range n / 2 {
		l := level{groups[k], groups[n-1-k]}
		down, up := s.Layers[l.enc[0]], s.Layers[l.dec[0]]
		if max(down.Stride, 1) != max(up.Stride, 1) || down.Op != nn.Conv || max(up.Stride, 1) > 1 != (up.Op == nn.ConvT) {
			return nil, errNoStack
		}
		out = append(out, l)
	}
	return out, nil
}

var errNoStack = errors.New("train: only a net whose decoder mirrors its encoder is pretrained layer by layer: take one of kind stacked")

func isActivation(op nn.Op) bool {
	return op == nn.ReLU || op == nn.GELU || op == nn.Sigmoid || op == nn.Tanh
}

// pretrain sets the first weights of a net by training its levels one by one, for
// so many updates each.
func pretrain(ctx context.Context, net *nn.Net, data *pairs, cfg FitConfig, steps int) error {
	spec := net.Spec()
	levels, err := stackLevels(spec)
	if err != nil {
		return err
	}
	whole := cfg.Loss
	cfg = FitConfig{Steps: steps, Batch: cfg.Batch, Decay: cfg.Decay, Workers: cfg.Workers, Cycle: OneCycle{Peak: data.cfg.Peak}}
	for k, l := range levels {
		var batch Batcher = data
		cfg.Loss = whole
		if k > 0 {
			cfg.Loss = SquaredError{}
			below, err := firstLayers(net, spec.Layers[:l.enc[0]])
			if err != nil {
				return err
			}
			batch = &codes{pairs: data, below: below, level: k}
		}
		part, at, err := levelNet(net, l)
		if err != nil {
			return err
		}
		if _, err := Fit(ctx, part, batch, cfg); err != nil {
			return fmt.Errorf("train: layer %d of the stack: %w", k+1, err)
		}
		for i, p := range part.Params() {
			copy(net.Params()[at[i]].Data, p.Data)
		}
		net.Pack()
	}
	return nil
}

// levelNet returns a level as a net with the weights that the whole one begins
// with, and where each parameter of it is in the whole one.
func levelNet(net *nn.Net, l level) (part *nn.Net, at []int, err error) {
	spec := net.Spec()
	in := spec.In
	for _, layer := range spec.Layers[:l.enc[0]] {
		if layer.Out > 0 {
			in = layer.Out
		}
	}
	layers := append(append([]nn.LayerSpec(nil), spec.Layers[l.enc[0]:l.enc[1]]...), spec.Layers[l.dec[0]:l.dec[1]]...)
	if part, err = nn.New(nn.Spec{In: in, Layers: layers}, 0); err != nil {
		return nil, nil, err
	}
	n := 0 // parameters so far
	for i, layer := range spec.Layers {
		if layer.Out == 0 {
			continue
		}
		mine := 2
		if layer.NoBias {
			mine = 1
		}
		for j := range mine {
			if i == l.enc[0] || i == l.dec[0] {
				at = append(at, n+j)
			}
		}
		n += mine
	}
	for i, p := range part.Params() {
		copy(p.Data, net.Params()[at[i]].Data)
	}
	part.Pack()
	return part, at, nil
}

// codes draws what the layers below make of clean windows, and masks it.
type codes struct {
	*pairs
	below *nn.Net
	level int
}

// Example masks values of the code of a clean window drawn at random.
func (c *codes) Example(e *Example, step, i int) {
	rng := e.draw(mix.Next(c.cfg.Seed+uint64(c.level)), step, i)
	n := c.cfg.Window
	start := c.part.From + rng.IntN(c.part.Len()-n+1)
	if e.desk.below == nil {
		e.desk.below = c.below.NewRunner(n)
	}
	e.desk.dest = c.clean(e.desk.dest[:0], start, n)
	e.Y = e.desk.below.Run(e.Y, e.desk.dest)
	e.X, e.W = append(e.X[:0], e.Y...), nil
	for k := range e.X {
		if rng.Float64() < stackMask {
			e.X[k] = 0
		}
	}
}
