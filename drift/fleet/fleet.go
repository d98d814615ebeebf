// Package fleet decides over the series of a stream what no series can decide
// for all: whether what drifted is the stream or a few of its sensors. A model
// that a hundred good series share is not to be trained for one that is not.
package fleet

import (
	"fmt"
	"math"
	"slices"
)

// Config says what it takes for a stream to have drifted.
type Config struct {
	// Share is the least share of the series that must have a drift open, above 0
	// and at most 1. Default 0.1: one of up to ten series, ten of a hundred.
	Share float64
	// Level is the share of false ones among the drifts that count, controlled by
	// the procedure of Benjamini and Hochberg. Default 0.1.
	Level float64
	// FalseAlarms is the rate of false alarms of a series' monitor, per sample.
	// Default 1e-6, the monitor's own.
	FalseAlarms float64
}

// Defaults returns c with zero fields replaced by their defaults.
func (c Config) Defaults() Config {
	if c.Share == 0 {
		c.Share = 0.1
	}
	if c.Level == 0 {
		c.Level = 0.1
	}
	if c.FalseAlarms == 0 {
		c.FalseAlarms = 1e-6
	}
	return c
}

// Validate says what is out of range, in one sentence.
func (c Config) Validate() error {
	c = c.Defaults()
	switch {
	case !(c.Share > 0 && c.Share <= 1):
		return fmt.Errorf("fleet: the share of series is %g, it must be above 0 and at most 1", c.Share)
	case !(c.Level > 0 && c.Level < 1):
		return fmt.Errorf("fleet: the level is %g, it must be between 0 and 1", c.Level)
	case !(c.FalseAlarms > 0 && c.FalseAlarms < 1):
		return fmt.Errorf("fleet: the rate of false alarms is %g per sample, it must be between 0 and 1", c.FalseAlarms)
	}
	return nil
}

// Verdict is what the drifts of a stream come to.
type Verdict struct {
	Series  int // of the stream
	Drifted int // with a drift open that could train
	Counted int // of these, the ones that are not put down to false alarms
	Needed  int
}

// Drift says whether the stream drifted, and not a few of its sensors.
func (v Verdict) Drift() bool { return v.Counted >= v.Needed }

// String puts the verdict into words.
func (v Verdict) String() string {
	s := fmt.Sprintf("%d of %d series drifted, %d beyond what false alarms would explain, %d needed: ", v.Drifted, v.Series, v.Counted, v.Needed)
	if v.Drift() {
		return s + "the stream"
	}
	return s + "single sensors"
}

// Judge decides for a stream of so many series, at least as many as have a drift.
// ages holds, for every series with an open drift that could train, how many
// samples of its own ago it was opened; it is sorted.
//
// A series in which nothing changed opened a drift during its latest a samples
// with a probability of at most a times its rate of false alarms. That is its
// p-value. Of n series, the k with the smallest count where the k-th is at most
// k·Level/n (Benjamini and Hochberg 1995, "Controlling the false discovery
// rate"), which holds the share of false ones among them to Level where the
// series are independent or go together.
//
// It is asked as of each moment at which one of the drifts was opened, of those
// that were open by then, and the most that counted at one of them count: else a
// drift would count less the longer it lasts. Level holds at each such moment, not
// over all of them. Those that count were opened close to each other, however long
// ago; single sensors whose drifts stay open don't add up.
//
// Judge takes time with the square of the number of ages at worst. It depends on
// its arguments alone and is safe for concurrent use.
func (c Config) Judge(series int, ages []int64) Verdict {
	c = c.Defaults()
	slices.Sort(ages)
	series = max(series, len(ages))
	v := Verdict{Series: series, Drifted: len(ages), Needed: max(1, int(math.Ceil(c.Share*float64(series)-1e-9)))}
	for k := len(ages); k > 0; k-- {
		if c.FalseAlarms*float64(closest(ages, k)+1) <= float64(k)*c.Level/float64(series) {
			v.Counted = k
			break
		}
	}
	return v
}

// closest returns the least number of samples within which k drifts were opened.
func closest(ages []int64, k int) int64 {
	least := int64(math.MaxInt64 - 1)
	for i := k - 1; i < len(ages); i++ {
		least = min(least, max(ages[i], 0)-max(ages[i-k+1], 0))
	}
	return least
}
