package window

import (
	"math"
	"slices"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// learn collects samples until a rate can be told from them.
func (s *Series) learn(in ingest.Sample, h Handler) {
	s.learning = append(s.learning, in)
	s.fates[Pending]++
	if s.distinct() >= s.cfg.LearnFrom || len(s.learning) >= s.cfg.LearnFrom*max(4, s.cfg.Channels) {
		s.settle(h)
	}
}

func (s *Series) distinct() int {
	n := 0
	for i := range s.learning {
		if i == 0 || s.learning[i].Time != s.learning[i-1].Time {
			n++
		}
	}
	return n
}

// settle freezes the rate and lays what was collected on its grid.
func (s *Series) settle(h Handler) {
	s.pace.channel = busiest(s.learning, s.cfg.Channels)
	s.step = learnStep(s.learning, s.pace.channel)
	s.layLearnt(h)
}

// layLearnt lays what was collected on the grid, once there is one: it may be the
// configuration that has one, where a restored series was still learning.
func (s *Series) layLearnt(h Handler) {
	if len(s.learning) == 0 {
		return
	}
	held := s.learning
	s.learning = nil
	s.fates[Pending] -= int64(len(held))
	first := held[0].Time
	for i := range held {
		first = min(first, held[i].Time)
	}
	s.begin(first)
	for i := range held {
		s.place(held[i], h)
	}
}

// busiest returns the channel with the most samples, the first of several.
func busiest(in []ingest.Sample, channels int) int {
	n := make([]int, channels)
	for i := range in {
		n[in[i].Channel]++
	}
	most := 0
	for ch := range n {
		if n[ch] > n[most] {
			most = ch
		}
	}
	return most
}

// learnStep returns the spacing of the samples of a channel in ns: the mean of the spacings
// within half and one and a half times the median, so that gaps and coarse
// stamps (2, 3, 3 ms for 360 Hz) do not bend it; then the nearest round value
// within half a percent.
func learnStep(in []ingest.Sample, channel int) float64 {
	t := make([]int64, 0, len(in))
	for i := range in {
		if in[i].Channel == channel {
			t = append(t, in[i].Time)
		}
	}
	slices.Sort(t)
	return stepBetween(slices.Compact(t))
}

// stepBetween does so for rising times.
func stepBetween(t []int64) float64 {
	if len(t) < 2 {
		return float64(time.Second)
	}
	d := make([]int64, len(t)-1)
	for i := range d {
		d[i] = t[i+1] - t[i]
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	med := sorted[len(sorted)/2]
	var sum, n int64
	for _, v := range d {
		if 2*v >= med && 2*v <= 3*med {
			sum += v
			n++
		}
	}
	step := float64(sum) / float64(n)
	hz := 1e9 / step
	for _, round := range []float64{1, 0.1, 0.01} { // rates: whole, tenths, hundredths of a hertz
		if r := math.Round(hz/round) * round; r > 0 && math.Abs(r-hz) <= 0.005*hz {
			return stepOf(r)
		}
	}
	for _, unit := range []float64{60e9, 1e9, 1e6} { // spacings: minutes, seconds, milliseconds
		if r := math.Round(step/unit) * unit; r > 0 && math.Abs(r-step) <= 0.005*step {
			return r
		}
	}
	return max(1, step)
}
