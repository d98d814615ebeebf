package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// macs returns the multiplications of a forward pass over t columns, padding
// counted, transposed convolutions by the length of their input.
func macs(n *Net, t int) float64 {
	lens := make([]int64, len(n.plain.sigs))
	n.plain.lengths(lens, int64(t))
	sum := 0.0
	for i := range n.plain.ops {
		o := &n.plain.ops[i]
		in := n.plain.sigs[o.in].c
		switch {
		case o.param < 0:
		case o.layer.Op == Dense:
			sum += float64(o.shape.Weights())
		case o.layer.Op == ConvT:
			sum += float64(lens[o.in]) * float64(in*o.layer.Out*o.layer.kernel())
		default:
			sum += float64(lens[o.out]) * float64(in*o.layer.Out*o.layer.kernel())
		}
	}
	return sum
}

func gflops(b *testing.B, macsPerOp float64) {
	b.ReportMetric(2*macsPerOp*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func noise(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func mustNew(tb testing.TB, s Spec, seed uint64) *Net {
	tb.Helper()
	n, err := New(s, seed)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// modelA and modelB are the networks of testdata/golden.
func modelA() Spec {
	conv := func(op Op, out, stride, outputPad int) LayerSpec {
		return LayerSpec{Op: op, Out: out, Kernel: 7, Stride: stride, Pad: [2]int{3, 3}, OutputPad: outputPad}
	}
	relu := LayerSpec{Op: ReLU}
	return Spec{In: 4, Layers: []LayerSpec{
		conv(Conv, 16, 2, 0), relu, conv(Conv, 32, 2, 0), relu, conv(Conv, 32, 1, 0), relu,
		conv(ConvT, 16, 2, 1), relu, conv(ConvT, 4, 2, 1),
	}}
}

func modelB() Spec { return wideB(32) }

func wideB(width int) Spec {
	layers := []LayerSpec{{Op: Conv, Out: width}}
	for d := 1; d <= 32; d *= 2 {
		layers = append(layers, LayerSpec{Op: Residual, Layers: []LayerSpec{
			{Op: Conv, Out: width, Kernel: 3, Dilation: d, Pad: [2]int{d, d}}, {Op: ReLU},
		}})
	}
	return Spec{In: 4, Layers: append(layers, LayerSpec{Op: Conv, Out: 4})}
}

func BenchmarkRun(b *testing.B) {
	for _, m := range []struct {
		name string
		spec Spec
	}{{"model=A", modelA()}, {"model=B", modelB()}, {"model=TCN", TCN(3, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8)}} {
		b.Run(m.name, func(b *testing.B) {
			n := mustNew(b, m.spec, 1)
			r := n.NewRunner(256)
			x := noise(rand.New(rand.NewPCG(1, 2)), 256*m.spec.In)
			y := r.Run(nil, x)
			b.ReportAllocs()
			for b.Loop() {
				y = r.Run(y, x)
			}
			gflops(b, macs(n, 256))
		})
	}
}

func BenchmarkStream(b *testing.B) {
	for _, m := range []struct {
		name string
		spec Spec
		hop  int
	}{
		{"model=A/hop=4", modelA(), 4},
		{"model=B/hop=1", modelB(), 1},
		{"model=B/hop=16", modelB(), 16},
		{"model=TCN/hop=1", TCN(3, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), 1},
	} {
		b.Run(m.name, func(b *testing.B) {
			n := mustNew(b, m.spec, 1)
			s, err := n.NewStream()
			if err != nil {
				b.Fatal(err)
			}
			x := noise(rand.New(rand.NewPCG(1, 2)), m.hop*m.spec.In)
			for range 300 {
				s.Push(x)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Push(x)
			}
			gflops(b, macs(n, 1<<14)/(1<<14)*float64(m.hop))
		})
	}
}

// BenchmarkBatch pushes one column into each of many streams; an operation is
// one column of one stream.
func BenchmarkBatch(b *testing.B) {
	for _, m := range []struct {
		name string
		spec Spec
	}{{"model=B", modelB()}, {"model=TCN", TCN(3, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8)}} {
		for _, count := range []int{4, 16, 64} {
			b.Run(fmt.Sprintf("%s/streams=%d", m.name, count), func(b *testing.B) {
				n := mustNew(b, m.spec, 1)
				rng := rand.New(rand.NewPCG(1, 2))
				batch := n.NewBatch()
				streams, xs, ys := make([]*Stream, count), make([][]float32, count), make([][]float32, count)
				for i := range streams {
					var err error
					if streams[i], err = n.NewStream(); err != nil {
						b.Fatal(err)
					}
					streams[i].Push(noise(rng, (300+i)*m.spec.In))
					xs[i] = noise(rng, m.spec.In)
				}
				batch.Push(ys, streams, xs)
				b.ReportAllocs()
				for i := 0; i < b.N; i += count {
					batch.Push(ys, streams, xs)
				}
				gflops(b, macs(n, 1<<14)/(1<<14))
			})
		}
	}
}

func BenchmarkTrain(b *testing.B) {
	const t = 512
	n := mustNew(b, TCN(3, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), 1)
	tape := n.NewTape(t)
	tape.NeedDX = false
	rng := rand.New(rand.NewPCG(1, 2))
	x, dy := noise(rng, t*3), noise(rng, t)
	b.ReportAllocs()
	for b.Loop() {
		tape.Forward(x)
		tape.Backward(dy)
	}
	gflops(b, 3*macs(n, t))
}

// BenchmarkInt8 runs a window with 8-bit weights and, to compare, with those of
// single precision.
func BenchmarkInt8(b *testing.B) {
	const cols = 256
	for _, m := range []struct {
		name string
		spec Spec
	}{{"model=A", modelA()}, {"model=B", modelB()}, {"model=TCN", TCN(6, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8)}} {
		n := mustNew(b, m.spec, 1)
		rng := rand.New(rand.NewPCG(1, 2))
		q, err := Quantize(n, [][]float32{noise(rng, 4096*m.spec.In)})
		if err != nil {
			b.Fatal(err)
		}
		x := noise(rng, cols*m.spec.In)
		for _, w := range []struct {
			name string
			r    *Runner
		}{{"weights=8bit", q.NewRunner(cols)}, {"weights=float", n.NewRunner(cols)}} {
			b.Run(m.name+"/"+w.name, func(b *testing.B) {
				y := w.r.Run(nil, x)
				b.ReportAllocs()
				for b.Loop() {
					y = w.r.Run(y, x)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "windows/s")
				b.ReportMetric(2*macs(n, cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		}
	}
}

// BenchmarkInt8Stream pushes columns into a stream with 8-bit weights.
func BenchmarkInt8Stream(b *testing.B) {
	for _, m := range []struct {
		name string
		spec Spec
		hop  int
	}{
		{"model=A/hop=4", modelA(), 4},
		{"model=B/hop=1", modelB(), 1},
		{"model=B/hop=16", modelB(), 16},
		{"model=TCN/hop=1", TCN(6, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), 1},
	} {
		b.Run(m.name, func(b *testing.B) {
			n := mustNew(b, m.spec, 1)
			rng := rand.New(rand.NewPCG(1, 2))
			q, err := Quantize(n, [][]float32{noise(rng, 4096*m.spec.In)})
			if err != nil {
				b.Fatal(err)
			}
			s, err := q.NewStream()
			if err != nil {
				b.Fatal(err)
			}
			x := noise(rng, m.hop*m.spec.In)
			for range 300 {
				s.Push(x)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Push(x)
			}
			b.ReportMetric(2*macs(n, 1<<14)/(1<<14)*float64(m.hop)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
		})
	}
}

// BenchmarkManyStreams pushes a column into each of many streams; the contexts of a
// thousand are in no cache.
func BenchmarkManyStreams(b *testing.B) {
	for _, kind := range []string{"full", "compact"} {
		for _, streams := range []int{1, 32, 1000} {
			b.Run(fmt.Sprintf("kind=%s/streams=%d", kind, streams), func(b *testing.B) {
				n := mustNew(b, TCN(7, 2, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), 1)
				x := noise(rand.New(rand.NewPCG(1, 2)), 7)
				all, xs, ys := make([]*Stream, streams), make([][]float32, streams), make([][]float32, streams)
				for i := range all {
					all[i], _ = n.NewStream()
					if kind == "compact" {
						all[i], _ = n.NewCompactStream()
					}
					xs[i] = x
				}
				batch := n.NewBatch()
				for range 300 {
					batch.Push(ys, all, xs)
				}
				b.ReportAllocs()
				for b.Loop() {
					batch.Push(ys, all, xs)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*streams), "ns/column")
			})
		}
	}
}
