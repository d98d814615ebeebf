package replay

import "fmt"

// Config shapes a Buffer. The zero value is not useful: Steps, Channels and
// Bytes must be set.
type Config struct {
	Steps    int // slots per window, T
	Channels int // C
	// Bytes bounds the memory of the windows. It must hold at least 8 of them.
	Bytes int
	// RecentShare is the share of the windows kept because they are the latest;
	// the rest is the random sample of older ones. Default 0.5.
	RecentShare float64
	// BalancedShare is the share of the older windows of which each regime keeps as
	// many as any other, however short it was; the rest is uniform over all time.
	// Default 0.5; negative for none.
	BalancedShare float64
	// HoldoutEvery is k: of a series' windows every k-th is held out of training.
	// Default 5; at least 2.
	HoldoutEvery int
	// Seed keys the random draws, together with each window's series and index.
	Seed uint64
}

const (
	defaultRecentShare   = 0.5
	defaultBalancedShare = 0.5
	defaultHoldoutEvery  = 5
	leastWindows         = 8
)

// Defaults returns c with zero fields replaced by their defaults.
func (c Config) Defaults() Config {
	if c.RecentShare == 0 {
		c.RecentShare = defaultRecentShare
	}
	if c.BalancedShare == 0 {
		c.BalancedShare = defaultBalancedShare
	}
	if c.HoldoutEvery == 0 {
		c.HoldoutEvery = defaultHoldoutEvery
	}
	return c
}

// Validate reports the first field that can't be used; call it on what Defaults
// returned.
func (c Config) Validate() error {
	switch {
	case c.Steps < 1 || c.Channels < 1 || c.Steps > 1<<24/c.Channels:
		return fmt.Errorf("replay: a window of %d slots and %d channels can't be kept, both must be at least 1 and their product at most %d", c.Steps, c.Channels, 1<<24)
	case !(c.RecentShare > 0 && c.RecentShare < 1):
		return fmt.Errorf("replay: recent share is %g, it must lie between 0 and 1", c.RecentShare)
	case !(c.BalancedShare <= 1):
		return fmt.Errorf("replay: balanced share is %g, it must be at most 1", c.BalancedShare)
	case c.HoldoutEvery < 2:
		return fmt.Errorf("replay: every %d-th window is to be held out, at least every 2nd must be left to train on", c.HoldoutEvery)
	case c.Bytes < LeastBytes(c.Steps, c.Channels):
		return fmt.Errorf("replay: %d bytes hold fewer than %d windows of %d slots and %d channels, give replay_bytes at least %d",
			c.Bytes, leastWindows, c.Steps, c.Channels, LeastBytes(c.Steps, c.Channels))
	}
	return nil
}

// LeastBytes is the least Config.Bytes for windows of so many slots and channels.
func LeastBytes(steps, channels int) int { return leastWindows * windowBytes(steps, channels) }

// room says how many windows each part of a store holds.
type room struct{ ring, reservoir, balanced int }

// capacities shares out the windows that fit: the hold-out gets its k-th, and
// each side splits into a ring and what is kept of older ones. Each has room for at
// least one.
func (c Config) capacities() (train, holdout room) {
	n := c.Bytes / windowBytes(c.Steps, c.Channels)
	h := min(max(2, n/c.HoldoutEvery), n-2)
	side := func(n int) room {
		recent := min(max(1, int(float64(n)*c.RecentShare+.5)), n-1)
		balanced := int(float64(n-recent) * max(c.BalancedShare, 0))
		return room{recent, n - recent - balanced, balanced}
	}
	return side(n - h), side(h)
}
