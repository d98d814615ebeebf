// Package window turns the samples of one series, as they come, into slots of
// a regular grid in event time, and learns the scale of each channel.
//
// A Series orders samples within a bounded buffer, drops duplicates, holds
// values of slower channels, marks what is missing, and says what became of
// every sample. A Scaler follows mean, deviation and noise level causally and
// changes only at fixed indices of the grid, so that the numbers do not depend
// on how the input was cut into calls.
//
// Nothing in this package looks at the clock.
package window

import (
	"fmt"
	"math"
	"time"
)

// Config says how the samples of a series are laid on its grid. The zero value
// is not useful: Channels must be set; Defaults fills in the rest.
type Config struct {
	Channels int // number of channels, ≥ 1

	// RateHz is the rate of the grid. 0: learnt from the first LearnFrom
	// samples' spacing, then frozen, until two spans of as many samples are at
	// another one by half or more: the context ends there, and it is learnt anew.
	RateHz float64
	// LearnFrom is the number of samples from which a rate is learnt. Default 32.
	LearnFrom int
	// Hold is for how long a channel's value stands in for missing ones in
	// slots where another channel has one. Default 0: not at all.
	Hold time.Duration
	// MaxGap is the longest run of empty slots that the model fills; a longer
	// one resets the context. Default: 8 slots.
	MaxGap time.Duration
	// Lateness is how far behind the newest sample of the series one may be.
	// An incomplete slot waits that long (in event time) for the rest of its
	// samples. Default 2 s.
	Lateness time.Duration
	// AllowedLateness is how far behind the newest sample of the series one may be
	// whose slot has closed, for the slot to take it after all: see Series.OnLate.
	// Default 0: none.
	AllowedLateness time.Duration
	// MaxPending bounds the slots that wait; when one more is needed the oldest
	// closes as it is. Default 1024.
	MaxPending int
	// MaxFuture is how far a stamp may lie ahead of its stored stamp before it
	// is quarantined. Default 1 h. It is not checked where there is no stored stamp.
	MaxFuture time.Duration
	// MaxBackward is how far back a clock may be set; stamps before that are
	// quarantined. Default 24 h. Without stored stamps a single wrong one in the
	// future would have all that follows quarantined: there BackwardAfter holds for
	// these too.
	MaxBackward time.Duration
	// BackwardAfter is the number of late samples in a row, rising in time,
	// after which the clock is taken to have been set back: a new epoch opens.
	// Default 64.
	BackwardAfter int
}

// MaxRevisable is the largest number of slots that AllowedLateness may hold.
const MaxRevisable = 1 << 16

// Revisable returns the number of slots that AllowedLateness holds on a grid of a
// rate, at most MaxRevisable; 0 where late samples are dropped.
func (c Config) Revisable(rateHz float64) int {
	if c.AllowedLateness <= 0 {
		return 0
	}
	return int(min(math.Ceil(c.AllowedLateness.Seconds()*rateHz)+1, MaxRevisable))
}

// Defaults returns c with zero fields replaced by their defaults.
func (c Config) Defaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	defInt := func(d *int, v int) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Lateness, 2*time.Second)
	def(&c.MaxFuture, time.Hour)
	def(&c.MaxBackward, 24*time.Hour)
	defInt(&c.LearnFrom, 32)
	defInt(&c.MaxPending, 1024)
	defInt(&c.BackwardAfter, 64)
	return c
}

// Validate reports the first field that can't be used.
func (c Config) Validate() error {
	switch {
	case c.Channels < 1:
		return fmt.Errorf("window: channels is %d, at least one is needed", c.Channels)
	case c.RateHz < 0 || c.RateHz > 1e6:
		return fmt.Errorf("window: rate_hz is %g, it must lie in 0..1e6", c.RateHz)
	case c.Hold < 0 || c.MaxGap < 0 || c.Lateness < 0 || c.MaxFuture < 0 || c.MaxBackward < 0:
		return fmt.Errorf("window: durations must not be negative")
	case c.AllowedLateness < 0 || c.RateHz > 0 && c.AllowedLateness.Seconds()*c.RateHz > MaxRevisable:
		return fmt.Errorf("window: allowed_lateness is %v, it must not be negative nor hold more than %d slots", c.AllowedLateness, MaxRevisable)
	case c.LearnFrom < 4:
		return fmt.Errorf("window: a rate can't be learnt from %d samples, at least 4 are needed", c.LearnFrom)
	case c.MaxPending < 2:
		return fmt.Errorf("window: max_pending is %d, at least 2 is needed", c.MaxPending)
	case c.BackwardAfter < 2:
		return fmt.Errorf("window: backward_after is %d, at least 2 is needed", c.BackwardAfter)
	}
	return nil
}
