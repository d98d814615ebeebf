package eval

import (
	"cmp"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/classic"
)

// tieFloor is the difference in dB below which methods are tied however well
// the seeds agree: it is what another training seed or recording moves.
const tieFloor = .2

// Raw is the method of a verdict that no method helps.
const Raw = "raw"

// Verdict says what to use on a channel at one noise level. Its results are
// medians over the seeds.
type Verdict struct {
	Channel string
	SNR     float64 // asked for, in dB; NaN where the recording was noisy as it came
	In      float64 // of the test part, in dB
	Limit   int     // samples that a live method may be late

	// Use is the method for live use, at most Limit samples late: the one of the
	// most gain. Methods whose difference to it is no larger than it varies from
	// seed to seed, or than .2 dB, are tied with it; of those it is the simplest,
	// then the earliest. Method is Raw where leaving the readings as they are is
	// tied with the best.
	Use Result
	// Rival is the best of the other sort (filter or model) within Limit, and of
	// all of them where Use is Raw; nil where there is none. Tied says that it is
	// tied with Use.
	Rival *Result
	Tied  bool
	// Whole is the best method that looks further ahead than Limit, nil where
	// there is none. Better says that it beats Use by more than a tie.
	Whole  *Result
	Better bool
}

// simplicity orders the filters from the simplest on.
var simplicity = []string{classic.EMAName, classic.MovingAverageName, classic.MedianName, classic.HampelName,
	classic.SavitzkyGolayName, classic.KalmanName, classic.WienerName, classic.WaveletName}

// Verdicts returns a verdict for each level, in their order.
func (s *Study) Verdicts() []Verdict {
	var out []Verdict
	for l, snr := range s.Levels {
		c := candidates(s.Runs[l])
		if s.Equal != nil {
			c = append(c, candidates(s.Equal[l])...)
		}
		v := judge(c, s.Limit)
		v.Channel, v.SNR = s.Channel, snr
		out = append(out, v)
	}
	return out
}

// candidate is a method with its gain of every seed.
type candidate struct {
	Result
	gains []float64
}

// candidates returns the methods to choose from: not those that choose themselves.
func candidates(runs [][]Result) (out []candidate) {
	for i, r := range Median(runs...) {
		if r.Served != nil {
			continue
		}
		c := candidate{Result: r}
		for _, run := range runs {
			c.gains = append(c.gains, run[i].Gain)
		}
		out = append(out, c)
	}
	return out
}

// tied says whether the difference between two methods is no larger than it
// varies over the seeds, which both see alike, or than the floor.
func tied(a, b *candidate) bool {
	least, most := math.Inf(1), math.Inf(-1)
	for i, g := range a.gains {
		if d := g - b.gains[i]; finite(d) {
			least, most = min(least, d), max(most, d)
		}
	}
	return math.Abs(a.Gain-b.Gain) <= max(tieFloor, most-least)
}

// before orders methods that are tied: readings as they are, filters, models;
// then the simplest; then the earliest.
func before(a, b *candidate) int {
	class := func(c *candidate) int {
		switch {
		case c.Method == Raw:
			return 0
		case !c.Model:
			return 1
		}
		return 2
	}
	rank := func(c *candidate) int {
		if i := slices.Index(simplicity, c.Method); i >= 0 {
			return i
		}
		return len(simplicity)
	}
	late := func(c *candidate) int {
		if c.Ahead == classic.Full {
			return math.MaxInt
		}
		return c.Ahead
	}
	return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(rank(a), rank(b)), cmp.Compare(late(a), late(b)))
}

// judge chooses among methods that were scored on the same seeds.
func judge(all []candidate, limit int) Verdict {
	all = slices.DeleteFunc(all, func(c candidate) bool { return math.IsNaN(c.Gain) })
	v := Verdict{Limit: limit, In: math.NaN()}
	raw := candidate{Result: Result{Method: Raw, Coverage: math.NaN()}}
	if len(all) > 0 {
		raw.gains, v.In = make([]float64, len(all[0].gains)), all[0].SNRIn
	}
	live, whole := []candidate{raw}, []candidate(nil)
	for _, c := range all {
		if c.Ahead != classic.Full && c.Ahead <= limit {
			live = append(live, c)
		} else {
			whole = append(whole, c)
		}
	}
	use := choose(live)
	v.Use = use.Result
	others := slices.DeleteFunc(slices.Clone(live), func(c candidate) bool {
		return c.Method == Raw || use.Method != Raw && c.Model == use.Model
	})
	if len(others) > 0 {
		rival := most(others)
		v.Rival, v.Tied = &rival.Result, tied(rival, use)
	}
	if len(whole) > 0 {
		w := choose(whole)
		v.Whole, v.Better = &w.Result, w.Gain > use.Gain && !tied(w, use)
	}
	return v
}

// most returns the method of the largest gain, of equal ones the first.
func most(c []candidate) *candidate {
	best := &c[0]
	for i := range c {
		if c[i].Gain > best.Gain {
			best = &c[i]
		}
	}
	return best
}

// choose returns the one to use of some methods.
func choose(c []candidate) *candidate {
	best := most(c)
	chosen := best
	for i := range c {
		if tied(&c[i], best) && before(&c[i], chosen) < 0 {
			chosen = &c[i]
		}
	}
	return chosen
}
