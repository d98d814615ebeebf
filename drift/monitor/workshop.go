package monitor

import (
	"encoding/json"

	"github.com/quell-stream/quell/model/nn"
)

// Workshop is where the sentinels of many series compute, one at a time: each keeps
// its weights, and the network, its plan and its buffers are there once for all of
// a shape. The zero value is ready. It is not safe for concurrent use, nor are the
// sentinels that share it meanwhile.
type Workshop struct{ benches map[benchKey]*bench }

type benchKey struct {
	spec   string
	window int
}

// bench is what a sentinel computes with.
type bench struct {
	net     *nn.Net
	run     *nn.Runner
	spec    []byte
	in, out []float32
	holds   *float32 // first of the weights that the network has; nil: its own
}

func newBench(net *nn.Net, window int) *bench {
	spec, err := json.Marshal(net.Spec())
	if err != nil { // a spec is plain data: strings and numbers
		panic("monitor: sentinel: " + err.Error())
	}
	return &bench{net: net, run: net.NewRunner(window), spec: spec, in: make([]float32, window*net.Spec().In)}
}

// take gives the network the weights of a sentinel; nil: it has them.
func (b *bench) take(weights []float32) {
	if len(weights) > 0 && b.holds != &weights[0] {
		b.net.SetWeights(weights)
		b.holds = &weights[0]
	}
}

// reconstruct runs the network over in. What it returns is valid until the next call.
func (b *bench) reconstruct() []float32 {
	b.out = b.run.Run(b.out, b.in)
	return b.out
}

// Share has the sentinel compute in a workshop from now on. Its scores stay the same,
// bit for bit. A network that holds more than its weights, running means, stays with
// the sentinel.
func (s *Sentinel) Share(w *Workshop) {
	net := s.bench.net
	if s.weights != nil || len(net.Buffers()) > 0 || len(net.Params()) == 0 {
		return
	}
	key := benchKey{string(s.bench.spec), s.window}
	b := w.benches[key]
	if b == nil {
		if w.benches == nil {
			w.benches = make(map[benchKey]*bench)
		}
		b = newBench(net.Clone(), s.window) // the caller's network stays as it is
		w.benches[key] = b
	}
	for _, p := range net.Params() {
		s.weights = append(s.weights, p.Data...)
	}
	s.bench = b
}
