package adapteval

import (
	"math"
	"math/rand/v2"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/window"
)

// windowLen is that of the pipeline's replay windows.
const windowLen = 256

// windowBytes is what a window takes in a replay buffer, rounded up.
const windowBytes = 1200

// leadIn is the number of windows that a scale settles in.
const leadIn = 4

// recorded is the name of the series of a recorder.
const recorded = "x"

// recorder fills a replay buffer with noisy readings as the pipeline would: scaled
// by the running scaler, every k-th window held out.
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
			r.buf.Add(recorded, r.at-windowLen, r.values, nil, []replay.Scale{replay.Scale(r.scale)})
		}
	}
}

// trainWindows returns windows to train on: at the noise level that they were
// served with, or at one that is measured on all of them, since the scale's lags
// behind a change.
func trainWindows(ws []*replay.Window, measured bool) []train.Window {
	sigma := 0.
	if measured {
		for _, w := range ws {
			s := w.Scales[0].Dev * noise.SigmaMAD(float64s(w.Values))
			sigma += s * s / float64(len(ws))
		}
		sigma = math.Sqrt(sigma)
	}
	out := make([]train.Window, len(ws))
	for i, w := range ws {
		level := w.Level(0)
		if s := w.Scales[0]; sigma > 0 && s.Dev > 0 {
			level = min(max(math.Log10(sigma/s.Dev), -3), .5)
		}
		out[i] = train.Window{Channels: 1, Cols: make([]model.Column, len(w.Values))}
		for t, v := range w.Values {
			out[i].Cols[t] = model.Column{X: v, Level: float32(level)}
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
	return trainWindows(r.buf.Snapshot().Recent, true), nil
}

func float64s(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// hiss returns a sine in noise.
func hiss(n int) []float64 {
	rng := rand.New(rand.NewPCG(1, 1))
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Sin(float64(i)/20) + .3*rng.NormFloat64()
	}
	return out
}
