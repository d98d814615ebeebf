package train

import (
	"fmt"

	"github.com/quell-stream/quell/model"
)

// Classify runs a model over a recording, by channel, as Denoise does, and returns
// the probabilities of its classes, [T][classes], of each of its nets: one per
// channel of a model that serves each by itself, else one in all. They are 0 where
// the net does not know. lost marks missing samples of each channel and may be nil,
// as may its elements. Values must be finite. The error says if the model tells no
// classes or serves another number of channels.
func Classify(m *model.Model, x [][]float64, lost [][]bool) ([][]float32, error) {
	h := m.Header()
	if len(h.Classes) == 0 {
		return nil, fmt.Errorf("train: %s tells no classes: it was trained without labels", m.Name())
	}
	st, err := m.NewStream(len(x))
	if err != nil {
		return nil, err
	}
	n := len(x[0])
	cols := make([]model.Column, n*len(x))
	for k := range x {
		var gone []bool
		if lost != nil {
			gone = lost[k]
		}
		at := 0
		if h.Channels > 0 {
			at = k
		}
		mine, _ := columnsOf(m, at, x[k], gone)
		for t, c := range mine {
			cols[t*len(x)+k] = c
		}
	}
	nets := len(x) / max(h.Channels, 1)
	out := make([][]float32, nets)
	take := func() {
		p := st.Classes()
		for k := len(h.Classes); len(p) > 0; p = p[nets*k:] {
			for i := range out {
				out[i] = append(out[i], p[i*k:(i+1)*k]...)
			}
		}
	}
	const piece = 4096
	for at := 0; at < n; at += piece {
		st.Push(cols[at*len(x) : min(at+piece, n)*len(x)])
		take()
	}
	st.Finish()
	take()
	return out, nil
}
