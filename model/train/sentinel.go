package train

import (
	"context"
	"fmt"

	"github.com/quell-stream/quell/model/nn"
)

// The sentinel is small on purpose: it has to learn the usual shape of a
// series in a fraction of a second, and no more than that.
const (
	sentinelSteps = 240
	sentinelBatch = 16
	sentinelDrop  = .1 // share of values masked in training, that it does not just copy
)

// sentinelSpec returns the net of a sentinel: two halvings of the rate and a
// bottleneck of one to two values per signal for every four slots.
func sentinelSpec(channels int) nn.Spec {
	w := min(8+2*channels, 24)
	return nn.DAE(2*channels, channels, []int{w / 2, w}, 4, min(1+channels, 12))
}

// Sentinel fits a small autoencoder with a bottleneck to windows of one series,
// [T][2·channels]: for every slot the scaled signals, then a mask for each, 1
// where the signal is missing. T is the same for all and a multiple of 4. It
// returns [T][channels], a reconstruction of the signals. The same windows and
// seed give the same weights, whatever the machine's number of cores.
func Sentinel(windows [][]float32, channels int, seed uint64) (*nn.Net, error) {
	if len(windows) == 0 {
		return nil, fmt.Errorf("train: sentinel: no windows")
	}
	n := len(windows[0])
	if channels < 1 || n == 0 || n%(8*channels) != 0 {
		return nil, fmt.Errorf("train: sentinel: windows of %d values; want [T][%d] with T a multiple of 4", n, 2*channels)
	}
	for _, w := range windows {
		if len(w) != n {
			return nil, fmt.Errorf("train: sentinel: windows of %d and of %d values", n, len(w))
		}
		for _, v := range w {
			if v-v != 0 {
				return nil, fmt.Errorf("train: sentinel: a value is not finite")
			}
		}
	}
	net, err := nn.New(sentinelSpec(channels), seed)
	if err != nil {
		return nil, fmt.Errorf("train: sentinel: %w", err)
	}
	data := &sentinelData{windows: windows, channels: channels, seed: seed}
	// One worker: fits run beside serving.
	_, err = Fit(context.Background(), net, data, FitConfig{Steps: sentinelSteps, Batch: sentinelBatch, Workers: 1,
		Cycle: OneCycle{Peak: 1e-2}, Loss: SquaredError{Huber: 3}})
	return net, err
}

// sentinelData draws windows at random and masks some of their values.
type sentinelData struct {
	windows  [][]float32
	channels int
	seed     uint64
}

func (d *sentinelData) Example(e *Example, step, i int) {
	rng := e.draw(d.seed, step, i)
	w, c := d.windows[rng.IntN(len(d.windows))], d.channels
	slots := len(w) / (2 * c)
	e.resize(slots, 2*c, c)
	copy(e.X, w)
	for t := range slots {
		x := e.X[2*c*t:][:2*c]
		for k := range c {
			at := t*c + k
			e.Y[at], e.W[at] = x[k], 1-x[c+k]
			if x[c+k] == 0 && rng.Float64() < sentinelDrop {
				x[k], x[c+k] = 0, 1
			}
		}
	}
}
