package nn

import "fmt"

// streamChunk is the number of columns, rounded up to whole hops, that a
// Stream works on at a time. It bounds the state: every layer keeps what its
// taps reach back to, and this many columns.
const streamChunk = 16

// Stream computes a network sample by sample. Each layer keeps the columns its
// taps reach back to, so a new column costs one column of each layer and not a
// window. The values are those of Runner.Run over the whole recording, bit for
// bit, however the recording is cut into calls. A Stream is not safe for
// concurrent use; any number of streams may share a Net.
type Stream struct {
	net      *Net
	e        *engine
	data     *floats  // nil with 8-bit weights
	res      *emitted // of e's store
	compact  *compact // instead of e, data and res
	finished bool
}

// NewStream returns a stream at column 0. The error is that of
// Spec.Streamable.
func (n *Net) NewStream() (*Stream, error) {
	if err := n.spec.Streamable(); err != nil {
		return nil, err
	}
	return n.newFull(), nil
}

func (n *Net) newFull() *Stream {
	s := n.newStream(newFloats(n, n.fused))
	s.data = s.e.data.(*floats)
	s.res = &s.data.emitted
	s.reserve()
	return s
}

func (n *Net) newStream(alloc func(rows []int) store) *Stream {
	return &Stream{net: n, e: newEngine(n.fused, n.streamChunk(), 0, alloc)}
}

// streamChunk is that of the network.
func (n *Net) streamChunk() int { return (streamChunk + n.fused.hop - 1) / n.fused.hop * n.fused.hop }

// reserve makes room for what usual calls return.
func (s *Stream) reserve() {
	p := s.e.p
	out := p.sigs[p.output()]
	s.res.out = make([]float32, 0, ((64+p.ahead)/p.hop+2)*p.hop/out.num*out.den*out.c)
}

// Push appends the columns of x, [k][In] for any k, and returns the output
// columns that became computable, [n][Cout]. They stay valid until the next
// call. A network with strides returns them in hops of Spec.Stride. Values
// must be finite.
func (s *Stream) Push(x []float32) []float32 {
	in := s.net.fused.sigs[0].c
	if len(x)%in != 0 {
		panic("nn: Push: length of x is not a multiple of the input channels")
	}
	if s.finished {
		panic("nn: Push: the stream is finished; Reset or Warm it")
	}
	if s.compact != nil {
		return s.compact.push(s.net, x)
	}
	s.res.out = s.res.out[:0]
	if len(x) > 0 {
		s.e.feed(x, len(x)/in, false)
	}
	return s.res.out
}

// Finish ends the recording and returns the remaining output columns, computed
// with zeros after the end at every layer, as Runner has it. The total length
// follows PyTorch's formulas, also where the number of columns pushed is not a
// multiple of the stride. A second call returns nothing.
func (s *Stream) Finish() []float32 {
	if c := s.compact; c != nil {
		if s.finished {
			return c.out[:0]
		}
		s.finished = true
		return c.finish(s.net)
	}
	s.res.out = s.res.out[:0]
	if !s.finished {
		s.finished = true
		s.e.feed(nil, 0, true)
	}
	return s.res.out
}

// Reset starts anew at column 0.
func (s *Stream) Reset() {
	s.finished = false
	if s.compact != nil {
		s.compact.reset()
		return
	}
	s.res.out = s.res.out[:0]
	s.e.reset(0)
}

// Position returns the number of columns pushed and the number returned.
func (s *Stream) Position() (in, out int64) {
	if s.compact == nil {
		return s.e.columns()
	}
	if in, out = s.compact.position(s.net.shop); s.finished {
		out = s.compact.done
	}
	return in, out
}

// Size returns the bytes that the state takes.
func (s *Stream) Size() int {
	if s.compact != nil {
		return 4 * (len(s.compact.slab) + cap(s.compact.out))
	}
	return s.e.data.size()
}

// HistoryLen returns the number of columns that Warm needs: the receptive
// field, and one hop to start on the grid. (Only a transposed convolution that
// crops more columns than it spans needs more.)
func (s *Stream) HistoryLen() int {
	return s.net.fused.history
}

// Warm puts the stream where it was after in columns had been pushed, the last
// of which are history, [k][In]: HistoryLen() of them, or all if there were
// fewer (more do no harm). Outputs that had already been returned are not
// returned again; from here on the values are those of the uninterrupted
// stream, bit for bit.
func (s *Stream) Warm(history []float32, in int64) {
	c := s.net.fused.sigs[0].c
	cols := int64(len(history) / c)
	need := int64(s.HistoryLen())
	switch {
	case len(history)%c != 0:
		panic("nn: Warm: length of history is not a multiple of the input channels")
	case cols > in:
		panic("nn: Warm: more history than columns pushed")
	case cols < min(in, need):
		panic(fmt.Sprintf("nn: Warm: %d columns of history; want %d", cols, min(in, need)))
	}
	s.finished = false
	if s.compact != nil {
		s.compact.warm(s.net, history, in)
		return
	}
	s.warm(history, in)
}

// warm is Warm of a stream that is not compact. It returns the column at which the
// stream was started for it.
func (s *Stream) warm(history []float32, in int64) (start int64) {
	c := s.e.p.sigs[0].c
	// Start at the hop next to the oldest column needed. The first outputs see
	// zeros in place of what came before; they are of columns returned long
	// ago, and no column that a later output needs depends on those zeros.
	hop := int64(s.e.p.hop)
	start = (max(0, in-int64(s.HistoryLen())) + hop - 1) / hop * hop
	s.finished = false
	s.e.reset(start)
	if in > start {
		s.e.feed(history[len(history)-int(in-start)*c:], int(in-start), false)
	}
	s.res.out = s.res.out[:0]
	return start
}

// CopyFrom makes s an independent copy of src, a stream of the same Net, to
// look ahead without disturbing it. It allocates nothing, but where the two
// are compact and of different sizes, as young streams may be.
func (s *Stream) CopyFrom(src *Stream) {
	if s.net != src.net || (s.data == nil) != (src.data == nil) || (s.compact == nil) != (src.compact == nil) {
		panic("nn: CopyFrom: streams of different networks, or kinds")
	}
	if s == src {
		return
	}
	s.finished = src.finished
	if s.compact != nil {
		s.compact.copyFrom(src.compact)
		return
	}
	s.e.copyFrom(src.e)
	s.res.out = s.res.out[:0]
}
