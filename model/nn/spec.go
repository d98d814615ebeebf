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
	Layers    []LayerSpec `json:"layers,omitempty" yaml:"layers"`
}

// Spec describes a network.
type Spec struct {
	In     int         `json:"in" yaml:"in"`                   // input channels
	Window int         `json:"window,omitempty" yaml:"window"` // the T that a Dense layer is made for; 0 without one
	Layers []LayerSpec `json:"layers" yaml:"layers"`
}
