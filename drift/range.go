package drift

import (
	"fmt"
	"math"
)

// Bounded is a Detector that takes values of a range only: errors or shares of
// them. It ignores values outside, or cuts them off.
type Bounded interface{ Bounds() (low, high float64) }

// CheckInput says, in one sentence, that a detector would ignore or cut off a
// value, and how to have it taken.
func CheckInput(d Detector, x float64) error {
	b, ok := d.(Bounded)
	if !ok {
		return nil
	}
	low, high := b.Bounds()
	if x >= low && x <= high {
		return nil
	}
	hint := "set limit, above which a value counts as an error"
	switch d.(type) {
	case *HDDMA, *HDDMW:
		hint = "set low and high, the range to scale from"
	}
	return fmt.Errorf("%v lies outside %v to %v: %s", x, low, high, hint)
}

// errorBit turns a value into an error, 1, or none, 0. Without a limit (NaN) a
// value is what it is, which only 0 to 1 can be; ok is false otherwise.
func errorBit(x, limit float64) (bit float64, ok bool) {
	switch {
	case math.IsNaN(limit):
		return x, x >= 0 && x <= 1
	case !usable(x):
		return 0, false
	case x > limit:
		return 1, true
	}
	return 0, true
}

func errorBounds(limit float64) (low, high float64) {
	if math.IsNaN(limit) {
		return 0, 1
	}
	return math.Inf(-1), math.Inf(1)
}

// toUnit scales a value of a range to 0 to 1 and cuts it off at them.
func toUnit(x, low, high float64) float64 {
	return (min(max(x, low), high) - low) / (high - low)
}

// scaledBounds returns the range 0 to 1 where no other was set. With another,
// strays are expected and cut off.
func scaledBounds(low, high float64) (float64, float64) {
	if low == 0 && high == 1 {
		return low, high
	}
	return math.Inf(-1), math.Inf(1)
}
