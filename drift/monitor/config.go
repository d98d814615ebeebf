package monitor

import (
	"fmt"
	"time"
)

// Config says how a Monitor decides.
type Config struct {
	// FalseAlarms is the rate of false alarms asked for, default 1 in 1e6
	// samples. Half of it goes to the reconstruction error, half to the power of
	// the channels.
	FalseAlarms Rate
	// Calibration is how many scores are learnt from before anything is decided,
	// 100 to 16,384. Default 2,000. Below 1,000 (short history) small shifts are
	// not looked for, and the rate of false alarms holds less exactly. A score
	// takes 4 bytes until all are learnt from.
	Calibration int
	// Hop is the number of samples from one Observation to the next. Default 32;
	// short history wants 8.
	Hop int
	// Channels is the number of channels of the series. Default 1.
	Channels int
	// Names are used in sentences, one per channel; without them "channel 2".
	Names []string
	// NewNormal is for how many samples a drift that is no fault stays open, as
	// it was named last, until it is taken for the new normal: it is resolved and
	// everything is learnt again. Default 16,384; negative: for ever.
	NewNormal int
	// Every is the time from a sample to the next, which Watch needs to know a day by.
	// Default 0: the time of the day is not heeded.
	Every time.Duration
	// Seed keys the random breaking of ties.
	Seed uint64
}

// ShortHistory returns the configuration for a series that has to be watched
// from 100 scores on, at one score every 8 samples. The rate of false alarms
// holds less exactly: asked for one in 1e6 samples, quell eval drift --run
// end-to-end counted 0.05 to 1.1 on seven kinds of stationary series and 7 where
// values far apart depend on each other, an autoregression of .99. Changes by
// half a deviation are mostly missed, as are those by one that look like more of
// the same, as in an autoregression of .9; a long history finds them.
func ShortHistory(channels int, rate Rate) Config {
	return Config{FalseAlarms: rate, Calibration: 100, Hop: 8, Channels: channels}
}

func (c Config) defaults() Config {
	if c.FalseAlarms == 0 {
		c.FalseAlarms = DefaultRate
	}
	if c.Calibration == 0 {
		c.Calibration = 2000
	}
	if c.Hop == 0 {
		c.Hop = 32
	}
	if c.NewNormal == 0 {
		c.NewNormal = 1 << 14
	}
	if c.Channels == 0 {
		c.Channels = 1
	}
	return c
}

// Validate says what is out of range, in one sentence.
func (c Config) Validate() error {
	c = c.defaults()
	switch {
	case !(c.FalseAlarms > 0) || c.FalseAlarms > 0.01:
		return fmt.Errorf("false_alarms must be above 0 and at most one in 100 samples, got %v per sample", float64(c.FalseAlarms))
	case c.Calibration < 100 || c.Calibration > 16384:
		return fmt.Errorf("calibration must be 100 to 16384 scores, got %d", c.Calibration)
	case c.Hop < 1 || c.Hop > 1<<16:
		return fmt.Errorf("hop must be 1 to 65536 samples, got %d", c.Hop)
	case c.Channels < 1 || c.Channels > 1<<16:
		return fmt.Errorf("channels must be 1 to 65536, got %d", c.Channels)
	case c.Every < 0:
		return fmt.Errorf("every must not be negative, got %v", c.Every)
	case c.Names != nil && len(c.Names) != c.Channels:
		return fmt.Errorf("there are %d names for %d channels", len(c.Names), c.Channels)
	}
	return nil
}

func (c *Config) name(channel int) string {
	if channel < len(c.Names) {
		return c.Names[channel]
	}
	return fmt.Sprintf("channel %d", channel)
}
