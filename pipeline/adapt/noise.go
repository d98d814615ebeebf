package adapt

import (
	"fmt"
	"hash/fnv"
	"math"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// keyed mixes a seed with a series and a position in it.
func keyed(seed uint64, series string, at int64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(series)) // never fails
	return mix.Mix(seed ^ h.Sum64() + uint64(at)*mix.Golden)
}

// present returns channel c's values, scaled, without the missing ones.
func present(w *replay.Window, c int) []float64 {
	var x []float64
	for t := range w.Steps() {
		if !w.Missing(t, c) {
			x = append(x, float64(w.Values[t*len(w.Scales)+c]))
		}
	}
	return x
}

// sigmaOf measures the noise level of each channel of a window in the channel's
// unit, 0 where there is too little to tell.
func sigmaOf(w *replay.Window) []float64 {
	s := make([]float64, len(w.Scales))
	for c, scale := range w.Scales {
		s[c] = scale.Dev * noise.SigmaMAD(present(w, c))
	}
	return s
}

// sigmas pools the noise levels of windows, as variances, per series and
// channel.
func sigmas(ws []*replay.Window) map[string][]float64 {
	sum, n := map[string][]float64{}, map[string][]float64{}
	for _, w := range ws {
		if sum[w.Series] == nil {
			sum[w.Series], n[w.Series] = make([]float64, len(w.Scales)), make([]float64, len(w.Scales))
		}
		for c, s := range sigmaOf(w) {
			if s > 0 {
				sum[w.Series][c] += s * s
				n[w.Series][c]++
			}
		}
	}
	for series, s := range sum {
		for c := range s {
			s[c] = math.Sqrt(s[c] / max(n[series][c], 1))
		}
	}
	return sum
}

// name returns what a channel is called in a reason.
func (c *Config) name(channel int) string {
	if channel < len(c.Names) {
		return c.Names[channel]
	}
	return fmt.Sprintf("channel %d", channel+1)
}

// coloured returns in words why the noise of windows is not white, "" if it may
// be: see train.Coloured.
func coloured(ws []*replay.Window, name func(channel int) string) string {
	if len(ws) == 0 {
		return ""
	}
	for c := range ws[0].Scales {
		var xs [][]float64
		for _, w := range ws {
			x := present(w, c)
			for i := range x {
				x[i] *= w.Scales[c].Dev
			}
			xs = append(xs, x)
		}
		if not, octave, diff := train.Coloured(xs); not {
			return fmt.Sprintf("the noise of %s is not white: its level is %.2g in the second octave and %.2g between neighbours; fine-tuning without clean truth needs white noise",
				name(c), octave, diff)
		}
	}
	return ""
}

// trainWindow returns a window to train on, at the noise level that it was served
// with. A missing value is held.
func trainWindow(w *replay.Window) train.Window {
	channels := len(w.Scales)
	t := train.Window{Channels: channels, Cols: make([]model.Column, len(w.Values))}
	for c := range channels {
		held, level := float32(0), float32(w.Level(c))
		for k := range w.Steps() {
			i := k*channels + c
			missing := w.Missing(k, c)
			if !missing {
				held = w.Values[i]
			}
			t.Cols[i] = model.Column{X: held, Level: level, Missing: missing}
		}
	}
	return t
}
