package monitor

import "math"

// Feed turns the slots of a series into Observations: one Extractor per channel,
// and the sentinel's score once there is one. All of them begin at the same slot
// and are reset together, so that their hops end together. It allocates nothing
// per slot and is not safe for concurrent use.
type Feed struct {
	Sentinel *Sentinel // nil: nothing is observed
	Extract  []*Extractor
	features []Features
}

// NewFeed returns a Feed for so many channels that observes once per hop.
func NewFeed(channels, hop int) *Feed {
	f := &Feed{features: make([]Features, channels)}
	for range channels {
		f.Extract = append(f.Extract, NewExtractor(hop))
	}
	return f
}

// Push takes the next slot, the index of which is given. At the end of a hop it
// returns an Observation, whose Features are valid until the next Push, and true.
func (f *Feed) Push(index int64, values []float64, missing []bool) (o Observation, hop bool) {
	if f.Sentinel == nil {
		return Observation{}, false
	}
	for i, e := range f.Extract {
		if x, ok := e.Push(values[i], missing[i]); ok {
			f.features[i], hop = x, true
		}
	}
	score, ok := f.Sentinel.Push(values, missing)
	if !ok {
		score = math.NaN()
	}
	return Observation{Index: index, Score: score, Features: f.features}, hop
}

// Reset says that the next slot does not follow the latest.
func (f *Feed) Reset() {
	for _, e := range f.Extract {
		e.Reset()
	}
	if f.Sentinel != nil {
		f.Sentinel.Reset()
	}
}

// Scaling returns mean and deviation of each channel over raw values, slot-major
// with NaN where one is missing; the deviation is 1 where a channel did not move.
// Readings beyond ±1e30, and then those more than 8 deviations off, do not count:
// one that was no measurement would be all there is.
func Scaling(raw []float64, channels int) (mean, dev []float64) {
	mean, dev = make([]float64, channels), make([]float64, channels)
	for i := range channels {
		m, d := meanDeviation(raw[i:], channels, 0, hugeInput)
		mean[i], dev[i] = meanDeviation(raw[i:], channels, m, 8*d)
		if !(dev[i] > 1e-9*math.Abs(mean[i])) {
			dev[i] = 1
		}
	}
	return mean, dev
}

// meanDeviation returns mean and deviation of every step-th value that is at most
// far from about.
func meanDeviation(x []float64, step int, about, far float64) (mean, dev float64) {
	n, m2 := 0.0, 0.0
	for k := 0; k < len(x); k += step {
		if v := x[k]; math.Abs(v-about) <= far {
			n++
			d := v - mean
			mean += d / n
			m2 += d * (v - mean)
		}
	}
	return mean, math.Sqrt(m2 / max(n, 1))
}

// Windows cuts raw values, as Scaling takes them, into overlapping windows of
// [window][2·channels], scaled and with masks, as a Sentinel's network sees them:
// what it is fitted on.
func Windows(raw []float64, mean, dev []float64, window, hop int) [][]float32 {
	c := len(mean)
	slots := len(raw) / c
	var out [][]float32
	for from := 0; from+window <= slots; from += hop {
		w := make([]float32, window*2*c)
		for t := range window {
			for i := range c {
				if v := raw[(from+t)*c+i]; !(math.Abs(v) <= hugeInput) {
					w[t*2*c+c+i] = 1
				} else {
					w[t*2*c+i] = float32(min(max((v-mean[i])/dev[i], -inputLimit), inputLimit))
				}
			}
		}
		out = append(out, w)
	}
	return out
}
