package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/quell-stream/quell/model/nn"
)

// Window is the length of the windows that networks are run on, unless a dense
// layer prescribes another.
const Window = 256

// ModelA is the strided network that the targets are stated for: five layers of
// 7 taps, an encoder that halves the rate twice and its mirror.
func ModelA() nn.Spec {
	conv := func(op nn.Op, out, stride, outputPad int) nn.LayerSpec {
		return nn.LayerSpec{Op: op, Out: out, Kernel: 7, Stride: stride, Pad: [2]int{3, 3}, OutputPad: outputPad}
	}
	relu := nn.LayerSpec{Op: nn.ReLU}
	return nn.Spec{In: 4, Layers: []nn.LayerSpec{
		conv(nn.Conv, 16, 2, 0), relu, conv(nn.Conv, 32, 2, 0), relu, conv(nn.Conv, 32, 1, 0), relu,
		conv(nn.ConvT, 16, 2, 1), relu, conv(nn.ConvT, 4, 2, 1),
	}}
}

// ModelB is the streaming network that the targets are stated for: six residual
// blocks of 3 taps and dilations 1 to 32 over 32 channels.
func ModelB() nn.Spec {
	layers := []nn.LayerSpec{{Op: nn.Conv, Out: 32}}
	for d := 1; d <= 32; d *= 2 {
		layers = append(layers, nn.LayerSpec{Op: nn.Residual, Layers: []nn.LayerSpec{
			{Op: nn.Conv, Out: 32, Kernel: 3, Dilation: d, Pad: [2]int{d, d}}, {Op: nn.ReLU},
		}})
	}
	return nn.Spec{In: 4, Layers: append(layers, nn.LayerSpec{Op: nn.Conv, Out: 4})}
}

// window returns the length of the windows of a spec.
func window(s nn.Spec) int {
	if s.Window > 0 {
		return s.Window
	}
	return Window
}

// MACs returns the multiplications of a forward pass over t columns: those with
// padding count, a transposed convolution has as many as its input is long, and
// biases, activations and residuals have none. Two of it are the FLOPs that
// shares of the peak are stated in.
func MACs(s nn.Spec, t int) float64 {
	n, _, _ := macs(s.Layers, s.In, t)
	return n
}

// macs returns also the channels and the columns that come out.
func macs(layers []nn.LayerSpec, in, t int) (sum float64, out, steps int) {
	for _, l := range layers {
		k := max(l.Kernel, 1)
		switch l.Op {
		case nn.Conv:
			t = outLen(l, in, t)
			sum += float64(t) * float64(in*l.Out*k)
			in = l.Out
		case nn.ConvT:
			sum += float64(t) * float64(in*l.Out*k)
			t, in = outLen(l, in, t), l.Out
		case nn.Dense:
			sum += float64(in*t) * float64(l.Out*l.Steps)
			t, in = l.Steps, l.Out
		case nn.Residual:
			body, _, _ := macs(l.Layers, in, t)
			sum += body
		}
	}
	return sum, in, t
}

func outLen(l nn.LayerSpec, in, t int) int {
	return nn.Spec{In: in, Layers: []nn.LayerSpec{l}}.OutLen(t)
}

// Tile is the convolution kernel alone, see nn.TileKernel; an operation is one
// run of it.
func Tile() Case {
	return Case{Name: "tile", Units: []Unit{{"tiles", 1}}, FLOPs: nn.TileFLOPs,
		Make: func() (Op, error) { return loop(nn.TileKernel()), nil }}
}

// Network is what is run: an *nn.Net or an *nn.Quantized.
type Network interface {
	Spec() nn.Spec
	NewRunner(maxT int) *nn.Runner
	NewStream() (*nn.Stream, error)
}

// exact returns the network of single precision that a network stands for.
func exact(net Network) *nn.Net {
	if q, ok := net.(*nn.Quantized); ok {
		return q.Net()
	}
	return net.(*nn.Net)
}

// Infer is inference over batches of windows; an operation is one batch. There
// is no call for a batch: it goes window by window, which keeps a window's
// activations in the cache.
func Infer(name string, net Network, batch, threads int) Case {
	s := net.Spec()
	t := window(s)
	return Case{
		Name: name, Units: []Unit{{"windows", float64(batch)}}, Threads: threads,
		FLOPs: 2 * MACs(s, t) * float64(batch),
		Make: func() (Op, error) {
			r := net.NewRunner(t)
			x := noise(t*s.In*batch, 1)
			var y []float32
			return loop(func() {
				for i := range batch {
					y = r.Run(y, x[i*t*s.In:][:t*s.In])
				}
			}), nil
		},
	}
}

// Stream is exact streaming inference of several series that move in step; an
// operation pushes hop new columns into each of them. The error is that of
// nn.Spec.Streamable.
func Stream(name string, net Network, hop, series, threads int) (Case, error) {
	s := net.Spec()
	if err := s.Streamable(); err != nil {
		return Case{}, err
	}
	const long, ring = 1 << 14, 512
	return Case{
		Name: name, Units: []Unit{{"samples", float64(hop * series)}}, Threads: threads,
		FLOPs: 2 * MACs(s, long) / long * float64(hop*series),
		Make: func() (Op, error) {
			step, err := lockstep(net, series)
			if err != nil {
				return nil, err
			}
			x := noise(ring*hop*s.In, 2)
			at := 0
			op := loop(func() {
				step(x[at*hop*s.In:][:hop*s.In])
				at = (at + 1) % ring
			})
			op.Run((s.ReceptiveField()+s.Lookahead())/hop + 1) // from here on all columns cost the same
			return op, nil
		},
	}, nil
}

// lockstep returns what moves so many streams on by the same columns: together,
// where there are several and the network can.
func lockstep(net Network, series int) (func(x []float32), error) {
	streams := make([]*nn.Stream, series)
	for i := range streams {
		var err error
		if streams[i], err = net.NewStream(); err != nil {
			return nil, err
		}
	}
	single, ok := net.(*nn.Net)
	if !ok || series == 1 {
		return func(x []float32) {
			for _, s := range streams {
				s.Push(x)
			}
		}, nil
	}
	batch, xs, ys := single.NewBatch(), make([][]float32, series), make([][]float32, series)
	return func(x []float32) {
		for i := range xs {
			xs[i] = x
		}
		batch.Push(ys, streams, xs)
	}, nil
}

// StreamBytes returns the memory that one more stream of a network takes.
func StreamBytes(net Network) (int, error) {
	const n = 32
	streams := make([]*nn.Stream, n)
	x := noise(Window*net.Spec().In, 3)
	before := heap()
	for i := range streams {
		s, err := net.NewStream()
		if err != nil {
			return 0, err
		}
		// What is allocated with the first samples counts too.
		s.Push(x[:net.Spec().In])
		s.Push(x)
		streams[i] = s
	}
	bytes := heap() - before
	runtime.KeepAlive(streams)
	return int(bytes / n), nil
}

// heap returns the bytes of what is alive.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Accuracy says how right a network is.
type Accuracy struct {
	// Peak is the largest absolute value of the output.
	Peak float64
	// Whole and Streamed are the largest errors against an evaluation in float64
	// that shares no code with the network: of whole windows, and of windows
	// pushed by 1, by 7 and in one piece. Streamed is 0 for a network that can't
	// be streamed.
	Whole, Streamed float64
	// Streams says whether the network can be streamed, Equal whether that gave
	// the same bits as whole windows.
	Streams, Equal bool
}

// Share returns the larger error as a share of max(1, Peak), of which 1e-5 is
// allowed.
func (a Accuracy) Share() float64 { return max(a.Whole, a.Streamed) / max(1, a.Peak) }

// Check compares a network with its evaluation in float64, on three windows of
// noise. Of one with 8-bit signals the error is that of their rounding.
func Check(net Network) (Accuracy, error) {
	s := net.Spec()
	t := window(s)
	var pairs []Pair
	for i := range 3 {
		x := noise(t*s.In, uint64(10+i))
		pairs = append(pairs, Pair{x, Forward(exact(net), x)})
	}
	return Compare(net, pairs)
}

// Pair is a window and what a network should make of it, channels last.
type Pair struct {
	X    []float32
	Want []float64
}

// Compare returns how far a network is from what is wanted.
func Compare(net Network, pairs []Pair) (Accuracy, error) {
	s := net.Spec()
	a := Accuracy{Streams: s.Streamable() == nil, Equal: true}
	for i, p := range pairs {
		r := net.NewRunner(len(p.X) / s.In)
		y := r.Run(nil, p.X)
		if len(y) != len(p.Want) {
			return Accuracy{}, fmt.Errorf("bench: window %d: %d values come out, want %d", i, len(y), len(p.Want))
		}
		for _, w := range p.Want {
			a.Peak = max(a.Peak, math.Abs(w))
		}
		a.Whole = max(a.Whole, largest(y, p.Want))
		if !a.Streams {
			continue
		}
		stream, err := net.NewStream()
		if err != nil {
			return Accuracy{}, err
		}
		for _, hop := range []int{1, 7, len(p.X)} {
			stream.Reset()
			z := push(stream, p.X, s.In, hop)
			if len(z) != len(y) {
				return Accuracy{}, fmt.Errorf("bench: window %d: %d values come out in hops of %d, want %d", i, len(z), hop, len(y))
			}
			a.Streamed = max(a.Streamed, largest(z, p.Want))
			for j := range z {
				a.Equal = a.Equal && math.Float32bits(z[j]) == math.Float32bits(y[j])
			}
		}
	}
	a.Equal = a.Equal && a.Streams
	if math.IsNaN(a.Whole) || math.IsNaN(a.Streamed) {
		return a, errors.New("bench: an output is not finite")
	}
	return a, nil
}

// push streams x in hops and returns a copy of all that comes out.
func push(s *nn.Stream, x []float32, in, hop int) []float32 {
	var y []float32
	for len(x) > 0 {
		k := min(hop*in, len(x))
		y = append(y, s.Push(x[:k])...)
		x = x[k:]
	}
	return append(y, s.Finish()...)
}

// largest returns the largest error; NaN where there is one.
func largest(got []float32, want []float64) float64 {
	most := 0.0
	for i, g := range got {
		most = max(most, math.Abs(float64(g)-want[i])) // max keeps NaN
	}
	return most
}

// noise returns n values of white noise.
func noise(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}
