// Package nn builds small 1-D convolutional networks from a description and
// runs them three ways: over a whole window (Runner), sample by sample with
// cached activations (Stream), and forward and backward for training (Tape).
// The three agree bit for bit.
//
// All data is channels-last: a signal of T time steps and C channels is a
// []float32 of length T*C with element [t][c] at t*C+c. Each output value has
// one fixed accumulation order, so a value never depends on how the input was
// cut into calls.
package nn

// Op names an operation of a LayerSpec.
type Op string

// The operations.
const (
	Conv     Op = "conv"     // Out, Kernel, Stride, Dilation, Pad, NoBias, Groups, Taps
	ConvT    Op = "convt"    // transposed convolution: Out, Kernel, Stride, Dilation, Pad (columns cut off), OutputPad, NoBias, Groups
	ReLU     Op = "relu"     // max(0, x)
	GELU     Op = "gelu"     // x·Φ(x), exact form with erf (Hendrycks and Gimpel 2016)
	Sigmoid  Op = "sigmoid"  // 1/(1+exp(-x))
	Tanh     Op = "tanh"     // hyperbolic tangent
	Residual Op = "residual" // x + Layers(x); the body keeps channels and length
	Dense    Op = "dense"    // over the whole window: flatten, linear, unflatten to Out channels of Steps columns

	// The channels of each column brought to mean 0 and variance 1, times a gain
	// and plus a bias per channel (Ba, Kiros and Hinton, "Layer Normalization",
	// 2016, eq. 3).
	LayerNorm Op = "layernorm"
	// Each channel brought to mean 0 and variance 1, times a gain and plus a bias
	// (Ioffe and Szegedy, "Batch Normalization", 2015): in training by the
	// statistics of the window, a ghost batch of one (Hoffer, Hubara and Soudry,
	// "Train longer, generalize better", 2017), else by running means. See Fold.
	BatchNorm Op = "batchnorm"
	// In training and sampling, zero with probability Rate, else 1/(1-Rate) times
	// the value (Srivastava et al., "Dropout", 2014): each value by itself, or with
	// Spatial a channel for the whole window (Tompson et al., "Efficient Object
	// Localization Using Convolutional Networks", 2015). Else nothing.
	Dropout Op = "dropout"
	// A scale and a shift per channel, linear in a condition of Spec.Cond values
	// that holds for the whole recording (Perez et al., "FiLM", 2018, eq. 1 and 2,
	// the scale as 1 more than what is learnt, section 7.2). See Conditioned.
	FiLM Op = "film"
)

// LayerSpec describes one layer. Lengths are those of PyTorch:
//
//	conv   (T + Pad[0] + Pad[1] - Dilation·(Kernel-1) - 1)/Stride + 1, rounded down
//	convt  (T-1)·Stride - Pad[0] - Pad[1] + Dilation·(Kernel-1) + OutputPad + 1
//
// and no columns in give no columns out.
//
// With Groups or Taps some weights are held at zero. They are there all the same,
// in parameters and in files, so that a layer is a plain convolution to whoever
// runs it.
type LayerSpec struct {
	Op        Op          `json:"op" yaml:"op"`
	Out       int         `json:"out,omitempty" yaml:"out"`               // output channels (Dense: per step)
	Kernel    int         `json:"kernel,omitempty" yaml:"kernel"`         // taps, default 1
	Stride    int         `json:"stride,omitempty" yaml:"stride"`         // default 1
	Dilation  int         `json:"dilation,omitempty" yaml:"dilation"`     // default 1
	Pad       [2]int      `json:"pad,omitzero" yaml:"pad"`                // zero columns left (past) and right (future)
	OutputPad int         `json:"output_pad,omitempty" yaml:"output_pad"` // ConvT only, as in PyTorch
	NoBias    bool        `json:"no_bias,omitempty" yaml:"no_bias"`
	Zero      bool        `json:"zero,omitempty" yaml:"zero"`     // weights and bias start at zero
	Steps     int         `json:"steps,omitempty" yaml:"steps"`   // Dense only: T of the output
	Groups    int         `json:"groups,omitempty" yaml:"groups"` // of channels in and out, no weight between two of them; default 1
	Taps      Taps        `json:"taps,omitempty" yaml:"taps"`     // Conv only
	Rate      float64     `json:"rate,omitempty" yaml:"rate"`     // Dropout only
	Spatial   bool        `json:"spatial,omitempty" yaml:"spatial"`
	Layers    []LayerSpec `json:"layers,omitempty" yaml:"layers"`
}

// Spec describes a network.
type Spec struct {
	In     int         `json:"in" yaml:"in"`                   // input channels
	Window int         `json:"window,omitempty" yaml:"window"` // the T that a Dense layer is made for; 0 without one
	Cond   int         `json:"cond,omitempty" yaml:"cond"`     // values of the condition that FiLM layers read; 0 without one
	Layers []LayerSpec `json:"layers" yaml:"layers"`
}
