package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/eval"
)

// mostFalse is the share of recordings under white noise and of those with none that
// the rival of the flag may flag wrongly.
const mostFalse = .02

// known is the odds of coloured noise in the second half of a recording for a rival
// that knows the spectrum of its first half without noise. It knows ρ and not the
// level, which it takes for the most likely one under either kind of noise: the
// logarithm of the ratio of their likelihoods, a frequency of a window (Whittle,
// "The Analysis of Multiple Stationary Time Series", 1953).
func known(x, y []float64) float64 {
	half := len(x) / 2
	before, now := welch(x[:half]), welch(y[half:])
	white, red := make([]float64, len(now)), make([]float64, len(now))
	for k := range now {
		w := 2 * math.Pi * float64(k) / boundWindow
		white[k], red[k] = 1, (1-coloured*coloured)/(1+coloured*coloured-2*coloured*math.Cos(w))
	}
	return likelihood(now, before, red) - likelihood(now, before, white)
}

// coloured is ρ of the coloured noise of the sweep.
const coloured = .9

// likelihood is the mean logarithm of the likelihood of a spectrum, that of a signal
// with noise of a shape added at its most likely level, none included.
func likelihood(spectrum, signal, shape []float64) float64 {
	total := 0.
	for _, v := range spectrum {
		total += v
	}
	total /= float64(len(spectrum))
	best := math.Inf(-1)
	for dB := 0.; dB <= 80; dB += .5 {
		level := total * math.Pow(10, -dB/10)
		if dB == 80 {
			level = 0
		}
		sum := 0.
		for k, v := range spectrum {
			if k == 0 { // the mean of a window was taken away
				continue
			}
			s := signal[k] + level*shape[k] + 1e-12*total
			sum -= math.Log(s) + v/s
		}
		best = max(best, sum/float64(len(spectrum)-1))
	}
	return best
}

// welch returns the spectrum of a signal in power per frequency, missing samples
// standing for the one before.
func welch(x []float64) []float64 {
	filled := slices.Clone(x)
	last := 0.
	for i, v := range filled {
		if v-v != 0 {
			filled[i] = last
		}
		last = filled[i]
	}
	return crossOf([2][]float64{filled, filled}).own[0]
}

// flagsOfRival is the share of recordings under coloured noise that the rival finds where
// it flags mostFalse of the others. It knows the sensor without noise from before, which
// the flag that is measured never does, and it bounds nothing: that flag finds more.
func flagsOfRival(l *lab) (figure, error) {
	all, err := l.recordings()
	if err != nil {
		return figure{}, err
	}
	kinds := []eval.Kind{noiseless, eval.White, eval.AR1}
	odds := map[eval.Kind][]float64{}
	var names []string
	for _, kind := range kinds {
		at := levels
		if kind == noiseless {
			at = at[:1]
		}
		of := make([]float64, len(all)*len(at))
		err := each(len(of), func(i int) error {
			r := &all[i/len(at)]
			y, _ := r.noisy(kind, at[i%len(at)], 1)
			of[i] = known(r.Clean, y)
			return nil
		})
		if err != nil {
			return figure{}, err
		}
		odds[kind] = of
	}
	limit := max(quantile(odds[noiseless], 1-mostFalse), quantile(odds[eval.White], 1-mostFalse))
	found, hidden := 0, map[float64]int{}
	for i, v := range odds[eval.AR1] {
		if v > limit {
			found++
			continue
		}
		hidden[levels[i%len(levels)]]++
		if len(names) < worstShown {
			names = append(names, fmt.Sprintf("%s at %g dB", all[i/len(levels)].name(), levels[i%len(levels)]))
		}
	}
	text := ""
	for _, snr := range levels {
		text += fmt.Sprintf(" %d at %g dB,", hidden[snr], snr)
	}
	return figure{100 * float64(found) / float64(len(odds[eval.AR1])), fmt.Sprintf("of %d; hidden are%s with %g %% false flags",
		len(odds[eval.AR1]), text[:len(text)-1], 100*mostFalse), names}, nil
}

// quantile returns the value that a share of vs is below.
func quantile(vs []float64, share float64) float64 {
	s := slices.Sorted(slices.Values(vs))
	return s[min(len(s)-1, int(math.Ceil(share*float64(len(s)))))]
}
