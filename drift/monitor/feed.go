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
func Scaling(raw []float64, channels int) (mean, dev []float64) {
	mean, dev = make([]float64, channels), make([]float64, channels)
	for i := range channels {
		n, m2 := 0.0, 0.0
		for k := i; k < len(raw); k += channels {
			if v := raw[k]; !math.IsNaN(v) {
				n++
				d := v - mean[i]
				mean[i] += d / n
				m2 += d * (v - mean[i])
			}
		}
		dev[i] = 1
		if d := math.Sqrt(m2 / max(n, 1)); d > 1e-9*math.Abs(mean[i]) {
			dev[i] = d
		}
	}
	return mean, dev
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
				if v := raw[(from+t)*c+i]; math.IsNaN(v) {
					w[t*2*c+c+i] = 1
				} else {
					w[t*2*c+i] = float32((v - mean[i]) / dev[i])
				}
			}
		}
		out = append(out, w)
	}
	return out
}
