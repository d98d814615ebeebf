package adapt

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/floor"
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
// unit, 0 where there is too little to tell. A rough signal is a part of it.
func sigmaOf(w *replay.Window) []float64 {
	s := make([]float64, len(w.Scales))
	for c, scale := range w.Scales {
		s[c] = scale.Dev * noise.SigmaMAD(present(w, c))
	}
	return s
}

// sigmas pools the noise levels of windows, as variances, per series and channel. Where the
// spectrum shows that a rough signal was taken for noise, they are as much lower; where there are
// too few windows for a spectrum they are no more than these were served with, if what they
// were served with does not lag.
func sigmas(ws []*replay.Window, served bool) map[string][]float64 {
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
	lower(sum, ws, served)
	return sum
}

// lower brings the pooled levels of windows down to what their spectra allow.
func lower(sigma map[string][]float64, ws []*replay.Window, served bool) {
	spectra := map[string][]*floor.Windows{}
	var x []float64
	for _, w := range ws {
		if spectra[w.Series] == nil {
			for range w.Scales {
				spectra[w.Series] = append(spectra[w.Series], floor.NewWindows())
			}
		}
		for c, s := range sigma[w.Series] {
			x = appendRaw(x[:0], w, c)
			spectra[w.Series][c].Add(x, s*s)
		}
	}
	for series, all := range spectra {
		for c, of := range all {
			share, ok := of.Share()
			if !ok && served {
				share = servedShare(ws, series, c, sigma[series][c])
			}
			sigma[series][c] *= math.Sqrt(share)
		}
	}
}

// clearlyLess is the share of a level from which on down windows were served with clearly less.
const clearlyLess = .7

// servedShare returns which share of a pooled level, as a variance, the windows of a series were
// served with, 1 where that is not clearly less.
func servedShare(ws []*replay.Window, series string, channel int, sigma float64) float64 {
	sum, n := 0.0, 0.0
	for _, w := range ws {
		if s := w.Scales[channel].Sigma; w.Series == series && s > 0 {
			sum, n = sum+s*s, n+1
		}
	}
	if n == 0 || !(sigma > 0) {
		return 1
	}
	if share := sum / n / (sigma * sigma); share < clearlyLess {
		return share
	}
	return 1
}

// appendRaw appends channel c of a window in its unit, NaN where a value is missing.
func appendRaw(x []float64, w *replay.Window, c int) []float64 {
	for t := range w.Steps() {
		x = append(x, w.Raw(t, c))
	}
	return x
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
	ws = slices.Clone(ws)
	slices.SortFunc(ws, inOrder)
	for c := range ws[0].Scales {
		var xs [][]float64
		for i, w := range ws {
			if i == 0 || !follows(ws[i-1], w) {
				xs = append(xs, nil)
			}
			last := &xs[len(xs)-1]
			*last = appendRaw(*last, w, c)
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
