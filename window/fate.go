package window

// Fate is what became of an input sample. Every sample ends in exactly one.
type Fate uint8

// The fates. Late to Malformed go to the dead letter.
const (
	Pending     Fate = iota // in the reorder buffer or waiting for its look-ahead
	Raw                     // the raw value of a record
	Duplicate               // the same reading once more
	NotMine                 // another replica owns the series, or the channel was left out of the configuration while it waited
	Late                    // its slot has closed
	Conflicting             // same channel and stamp as another, different value
	Quarantined             // a stamp too far in the future or the past
	Surplus                 // another reading of the same slot is used
	Malformed               // could not be decoded
	NumFates
)

// String returns the name used in metrics.
func (f Fate) String() string {
	return [...]string{"pending", "raw", "duplicate", "not_mine", "late", "conflicting", "quarantined", "surplus", "malformed"}[f]
}

// Dead says whether samples of this fate go to the dead letter.
func (f Fate) Dead() bool { return f >= Late && f < NumFates }

// Fates counts samples by fate. Malformed counts messages, since what can't be
// decoded has no samples.
type Fates [NumFates]int64

// Add adds the counts of o.
func (f *Fates) Add(o *Fates) {
	for i, n := range o {
		f[i] += n
	}
}

// In returns how many samples came in: the sum over all fates.
func (f *Fates) In() int64 {
	var n int64
	for _, v := range f {
		n += v
	}
	return n
}
