// Package field holds what the payload codecs and the file readers share: how a
// number, a time stamp and a series name are read from text, and when a number
// counts as missing.
package field

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/ingest"
)

// Channel is one variable of a stream and where it is found.
type Channel struct {
	Name string
	// Path is the field that holds the value: dotted in JSON (vib.rms), a column
	// in CSV. Default: Name.
	Path string
	Unit string // for people only
	// Min and Max bound what the sensor can measure, inclusive; nil: no bound.
	Min, Max *float64
	// Missing lists the codes that the sensor sends instead of a value, -127 say.
	Missing []float64
}

// Field returns the field that holds the value.
func (c *Channel) Field() string {
	if c.Path == "" {
		return c.Name
	}
	return c.Path
}

// Validate checks one channel.
func (c *Channel) Validate() error {
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("channel: a name is needed"))
	}
	for _, b := range []struct {
		key string
		v   *float64
	}{{"min", c.Min}, {"max", c.Max}} {
		if b.v != nil && (math.IsNaN(*b.v) || math.IsInf(*b.v, 0)) {
			errs = append(errs, fmt.Errorf("channel %s: %s must be a finite number", c.Name, b.key))
		}
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		errs = append(errs, fmt.Errorf("channel %s: min %g is above max %g", c.Name, *c.Min, *c.Max))
	}
	if slices.ContainsFunc(c.Missing, math.IsNaN) {
		errs = append(errs, fmt.Errorf("channel %s: missing: NaN is always missing and need not be listed", c.Name))
	}
	return errors.Join(errs...)
}

// Judge returns v and Present, or 0 and the reason why v is no reading of this
// channel. The result is always finite.
func (c *Channel) Judge(v float64) (float64, ingest.Missing) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return 0, ingest.NonFinite
	case len(c.Missing) > 0 && slices.Contains(c.Missing, v):
		return 0, ingest.Sentinel
	case c.Min != nil && v < *c.Min, c.Max != nil && v > *c.Max:
		return 0, ingest.OutOfRange
	}
	return v, ingest.Present
}

// Read reads a reading from text: empty text is Null, a number is judged, and
// anything else is not ok.
func (c *Channel) Read(b []byte) (v float64, why ingest.Missing, ok bool) {
	if v, ok = Number(b); ok {
		v, why = c.Judge(v)
		return v, why, true
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return 0, ingest.Null, true
	}
	return 0, 0, false
}
