package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// fixed is the same batch again and again.
type fixed []Example

func (f fixed) Example(e *Example, _, i int) {
	e.X, e.Y, e.W = f[i].X, f[i].Y, nil
}

// strided and dilated are the networks A and B that other runtimes are measured
// with too.
func strided() nn.Spec {
	conv := func(op nn.Op, out, stride, outputPad int) nn.LayerSpec {
		return nn.LayerSpec{Op: op, Out: out, Kernel: 7, Stride: stride, Pad: [2]int{3, 3}, OutputPad: outputPad}
	}
	relu := nn.LayerSpec{Op: nn.ReLU}
	return nn.Spec{In: 4, Layers: []nn.LayerSpec{
		conv(nn.Conv, 16, 2, 0), relu, conv(nn.Conv, 32, 2, 0), relu, conv(nn.Conv, 32, 1, 0), relu,
		conv(nn.ConvT, 16, 2, 1), relu, conv(nn.ConvT, 4, 2, 1),
	}}
}

func dilated() nn.Spec {
	layers := []nn.LayerSpec{{Op: nn.Conv, Out: 32}}
	for d := 1; d <= 32; d *= 2 {
		layers = append(layers, nn.LayerSpec{Op: nn.Residual, Layers: []nn.LayerSpec{
			{Op: nn.Conv, Out: 32, Kernel: 3, Dilation: d, Pad: [2]int{d, d}}, {Op: nn.ReLU},
		}})
	}
	return nn.Spec{In: 4, Layers: append(layers, nn.LayerSpec{Op: nn.Conv, Out: 4})}
}

// BenchmarkStep is an update: forward, loss, backward and Adam for a batch of
// 32 windows of 256 columns.
func BenchmarkStep(b *testing.B) {
	const batch, window = 32, 256
	for _, m := range []struct {
		name string
		spec nn.Spec
		macs float64 // of a window, forward
	}{{"A", strided(), 1032192}, {"B", dilated(), 4784128}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("model=%s/workers=%d", m.name, workers), func(b *testing.B) {
				net, err := nn.New(m.spec, 1)
				if err != nil {
					b.Fatal(err)
				}
				rng := rand.New(rand.NewPCG(1, 2))
				data := make(fixed, batch)
				for i := range data {
					data[i].X, data[i].Y = noise32(rng, window*4), noise32(rng, window*4)
				}
				cfg := FitConfig{Steps: 1 << 30, Batch: batch, Workers: workers}
				if err := cfg.defaults(); err != nil {
					b.Fatal(err)
				}
				f := newFitter(net, data, cfg)
				defer f.crew.close()
				f.update()
				b.ReportAllocs()
				for b.Loop() {
					f.update()
				}
				per := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(batch/per, "windows/s")
				b.ReportMetric(3*2*m.macs*batch/per/1e9, "GFLOP/s")
			})
		}
	}
}

func noise32(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}
