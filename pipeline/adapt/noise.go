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

// coloured returns in words why the noise of windows is not white, "" if it may
// be: see train.Coloured.
func coloured(ws []*replay.Window) string {
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
			return fmt.Sprintf("the noise of channel %d is not white: its level is %.2g in the second octave and %.2g between neighbours; fine-tuning without clean truth needs white noise",
				c+1, octave, diff)
		}
	}
	return ""
}

// fillColumns lays out a window as the net's input. A missing value is held.
// extra returns what is added to value i.
func fillColumns(dst []model.Column, w *replay.Window, level func(c int) float64, extra func(i int) float64) {
	channels := len(w.Scales)
	for c := range channels {
		held, l := float32(0), float32(level(c))
		for t := range w.Steps() {
			i := t*channels + c
			missing := w.Missing(t, c)
			if !missing {
				held = w.Values[i] + float32(extra(i))
			}
			dst[i] = model.Column{X: held, Level: l, Missing: missing}
		}
	}
}

// trainWindow returns a window to train on. sigma, if not nil, is the noise
// level per channel in its unit; else it is that of the scale.
func trainWindow(w *replay.Window, sigma []float64) train.Window {
	t := train.Window{Channels: len(w.Scales), Cols: make([]model.Column, len(w.Values))}
	fillColumns(t.Cols, w, func(c int) float64 {
		if sigma == nil || !(sigma[c] > 0 && w.Scales[c].Dev > 0) {
			return w.Level(c)
		}
		return min(max(math.Log10(sigma[c]/w.Scales[c].Dev), -3), .5)
	}, func(int) float64 { return 0 })
	return t
}
