package drift

import (
	"fmt"
	"math"
)

// firstError returns the first error of the checks of a configuration.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkOpen(name string, v float64) error {
	if !(v > 0 && v < 1) {
		return fmt.Errorf("%s must lie between 0 and 1, got %v", name, v)
	}
	return nil
}

func checkUnit(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s must lie from 0 to 1, got %v", name, v)
	}
	return nil
}

func checkPositive(name string, v float64) error {
	if !(v > 0) || !usable(v) {
		return fmt.Errorf("%s must be a positive number, got %v", name, v)
	}
	return nil
}

func checkNotNegative(name string, v float64) error {
	if !(v >= 0) || !usable(v) {
		return fmt.Errorf("%s must be a number from 0, got %v", name, v)
	}
	return nil
}

func checkFinite(name string, v float64) error {
	if !usable(v) {
		return fmt.Errorf("%s must be a finite number, got %v", name, v)
	}
	return nil
}

// checkOptional takes NaN for a value that was not given.
func checkOptional(name string, v float64) error {
	if math.IsNaN(v) {
		return nil
	}
	return checkFinite(name, v)
}

func checkInt(name string, v, low, high int) error {
	if v < low || v > high {
		return fmt.Errorf("%s must lie from %d to %d, got %d", name, low, high, v)
	}
	return nil
}

func checkCount(name string, v int) error {
	if v < 0 {
		return fmt.Errorf("%s must not be negative, got %d", name, v)
	}
	return nil
}

func checkMode(m Mode) error {
	if m != Up && m != Down && m != Both {
		return fmt.Errorf("mode must be up, down or both, got %q", string(m))
	}
	return nil
}

// maxWindow bounds every window that a configuration asks for.
const maxWindow = 10000

// checkRange checks the range that input is scaled from.
func checkRange(low, high float64) error {
	if !usable(low) || !usable(high) || !(low < high) {
		return fmt.Errorf("low must be below high, both finite, got %v and %v", low, high)
	}
	return nil
}

// mustValidate panics where the configuration of a detector is invalid.
func mustValidate(detector string, cfg interface{ Validate() error }) {
	if err := cfg.Validate(); err != nil {
		panic("drift: " + detector + ": " + err.Error())
	}
}

func checkNotAbove(name string, v float64, other string, limit float64) error {
	if v > limit {
		return fmt.Errorf("%s must not exceed %s, got %v and %v", name, other, v, limit)
	}
	return nil
}
