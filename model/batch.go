package model

import "github.com/quell-stream/quell/model/nn"

// Batch pushes slots into streams of many series of one model at once, which
// costs less than pushing them one by one, see nn.Batch. It is not safe for
// concurrent use, nor are the streams meanwhile.
type Batch struct {
	m      *Model
	batch  *nn.Batch
	nets   []*nn.Stream
	xs, ys [][]float32
	x      []float32 // what xs share
	ends   []int     // where each of xs ends in x
}

// NewBatch returns a batch for streams of the model.
func (m *Model) NewBatch() *Batch { return &Batch{m: m, batch: m.net.NewBatch()} }

// Push does streams[i].Push(cols[i]) for all i and sets ys[i] to what it
// returns. The values are those of Stream.Push, bit for bit. No stream may be
// there twice. After some calls with as many streams and slots Push allocates
// nothing.
func (b *Batch) Push(ys [][]float32, streams []*Stream, cols [][]Column) {
	if len(ys) != len(streams) || len(cols) != len(streams) {
		panic("model: Batch: ys, streams and cols differ in length")
	}
	b.nets, b.xs, b.x, b.ends = b.nets[:0], b.xs[:0], b.x[:0], b.ends[:0]
	for i, s := range streams {
		if s.m != b.m {
			panic("model: Batch: a stream of another model")
		}
		s.accept(cols[i])
		for k, n := range s.nets {
			b.nets = append(b.nets, n)
			b.x = s.features[k].Append(b.x, cols[i], s.channels, k*s.per)
			b.ends = append(b.ends, len(b.x))
		}
	}
	at := 0
	for _, end := range b.ends {
		b.xs = append(b.xs, b.x[at:end])
		at = end
	}
	for len(b.ys) < len(b.xs) {
		b.ys = append(b.ys, nil)
	}
	b.batch.Push(b.ys[:len(b.xs)], b.nets, b.xs)
	outs := b.ys[:len(b.xs)]
	for i, s := range streams {
		mine := outs[:len(s.nets)]
		outs = outs[len(s.nets):]
		ys[i] = s.take(func(net int) []float32 { return mine[net] })
	}
	// Let go of the streams and what they returned.
	clear(b.nets)
	clear(b.ys)
}
