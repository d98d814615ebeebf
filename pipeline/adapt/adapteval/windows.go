package adapteval

import (
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/window"
)

// windowLen is that of the pipeline's replay windows.
const windowLen = 256

// leadIn is the number of windows that a scale settles in.
const leadIn = 4

// bufferOf fills a replay buffer with noisy readings as the pipeline would: scaled
// by the running scaler, every k-th window held out. regimes, if not nil, are the
// positions at which another regime begins.
type recorder struct {
	buf    *replay.Buffer
	scaler window.Scaler
	at     int64
	values []float32
	scale  window.Scale
}

func newRecorder(cfg replay.Config) (*recorder, error) {
	cfg.Steps, cfg.Channels = windowLen, 1
	buf, err := replay.New(cfg)
	return &recorder{buf: buf}, err
}

// add takes readings in; what does not fill a window waits for the next ones.
func (r *recorder) add(x []float64) {
	for _, v := range x {
		s := r.scaler.Push(v, true)
		if r.at%windowLen == 0 {
			r.values, r.scale = r.values[:0], s
		}
		if s != r.scale { // within the first window
			r.values, r.scale = make([]float32, len(r.values)), s
		}
		y := float32(0)
		if s.Known() {
			y = float32((v - s.Mean) / s.Dev)
		}
		r.values = append(r.values, y)
		if r.at++; r.at%windowLen == 0 && r.at > leadIn*windowLen {
			r.buf.Add("x", r.at-windowLen, r.values, nil, []replay.Scale{replay.Scale(r.scale)})
		}
	}
}

// trainWindows returns windows to train on, at the noise level that they were
// served with.
func trainWindows(ws []*replay.Window) []train.Window {
	out := make([]train.Window, len(ws))
	for i, w := range ws {
		out[i] = train.Window{Channels: 1, Cols: make([]model.Column, len(w.Values))}
		for t, v := range w.Values {
			out[i].Cols[t] = model.Column{X: v, Level: float32(w.Level(0))}
		}
	}
	return out
}

// windowsOf cuts noisy readings into windows to train on, all of them.
func windowsOf(x []float64) ([]train.Window, error) {
	r, err := newRecorder(replay.Config{Bytes: math.MaxInt32, HoldoutEvery: math.MaxInt32})
	if err != nil {
		return nil, err
	}
	r.add(x)
	return trainWindows(r.buf.Snapshot().Recent), nil
}
