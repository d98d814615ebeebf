package file

import (
	"bytes"
	"math"
	"time"

	"github.com/quell-stream/quell/ingest/codec/field"
)

// clock makes event times from the text of a time column, or from row indices.
type clock struct {
	unit   field.Unit
	zone   *time.Location
	rate   float64
	whole  int64      // the rate where it is a whole number, else 0
	day    [40]byte   // of a date with the day in front
	number field.Unit // the unit of numbers, once one was seen; Auto before
}

func newClock(o *Options) (clock, error) {
	u, err := field.ParseUnit(o.TimeUnit)
	c := clock{unit: u, zone: o.Zone, rate: o.RateHz}
	if c.rate == 0 {
		c.rate = 1
	}
	if r := math.Trunc(c.rate); r == c.rate && r < 1e9 {
		c.whole = int64(r)
	}
	return c, err
}

// read returns the time that a field tells.
func (c *clock) read(b []byte) (int64, bool) {
	if c.unit != field.Auto {
		return field.Stamp(b, c.unit, c.zone)
	}
	if ns, ok := field.Date(b, c.zone); ok {
		return ns, true
	}
	if ns, ok := c.dotted(b); ok {
		return ns, true
	}
	if c.number == field.Auto {
		v, ok := field.Number(b)
		if !ok || !(v >= 0) {
			return 0, false
		}
		switch {
		case v < 1e11:
			c.number = field.Seconds
		case v < 1e14:
			c.number = field.Millis
		case v < 1e17:
			c.number = field.Micros
		default:
			c.number = field.Nanos
		}
	}
	return field.Stamp(b, c.number, c.zone)
}

// dotted reads a date with the day in front and dots, such as 30.03.2024 07:15:00. With slashes day and month can't be told apart.
func (c *clock) dotted(b []byte) (int64, bool) {
	b = bytes.TrimSpace(b)
	if len(b) < 10 || len(b) > 30 || b[2] != '.' || b[5] != '.' {
		return 0, false
	}
	d := append(c.day[:0], b[6:10]...)
	d = append(append(append(d, '-'), b[3:5]...), '-')
	d = append(append(d, b[:2]...), b[10:]...)
	if len(b) == 10 {
		d = append(d, " 00:00:00"...)
	}
	return field.Date(d, c.zone)
}

// atIndex returns the time of row i. With a rate of whole hertz it is rounded
// from the exact value, however long the recording.
func (c *clock) atIndex(i int64) int64 {
	const ns = int64(time.Second)
	if c.whole > 0 {
		rest := i % c.whole
		return i/c.whole*ns + (rest*ns+c.whole/2)/c.whole
	}
	return int64(math.Round(float64(i) / c.rate * float64(ns)))
}
