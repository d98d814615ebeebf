// Package file reads recordings: CSV and JSON lines, plain or compressed with
// gzip, from a file or from standard input.
//
// It has two layers. Reader goes through a recording row by row in constant
// memory, for commands that work on files; Source puts the ingest.Source
// contract over it, so that a recording can take a broker's place.
//
// CSV is UTF-8 with a header; its columns are separated by commas, or by semicolons
// where the header has as many of them, or by tabs where it has more. With
// semicolons numbers may have a decimal comma. An empty field is a missing value, as
// are a dash, a question mark and the words na, n/a, null and none; fields may be
// quoted. Lines above the header that begin with # are left out. A file of one
// number per line needs no header: its column is then called value. JSON lines are
// one object per line, flat or nested; columns are then dotted paths.
//
// The time column is the one given, else the first of ts, time, timestamp and
// datetime (case ignored), else there is none and the row's index and the rate
// make the time, starting at the Unix epoch. Time stamps are dates as RFC 3339
// writes them (a space in place of the T, a missing zone or missing seconds are
// fine), dates with the day in front and dots (30.03.2024 07:15) or numbers in a
// unit; a unit not given follows from the size of the first number.
//
// In CSV the time may stand in two columns: a date (2024-03-30, 30.03.2024, 30/03/2024)
// and a time of day (07:15, 07.15.00, 7:15 PM). They are given with a comma between, or
// found where the time column holds times of day and another one is called date. Of dates with slashes the
// first rows must tell the day from the month: one of them is above 12.
package file

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quell-stream/quell/ingest/codec/field"
)

// Formats of recordings.
const (
	CSV   = "csv"
	JSONL = "jsonl"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Limits that keep memory constant whatever the file holds.
const (
	maxRow     = 1 << 20 // bytes of one row
	sniffRows  = 1000    // rows that decide which columns are numeric
	sniffBytes = 4 << 20 // bytes of these rows
)

// Options say how a recording is read. The zero value reads every
// column that holds more numbers than texts.
type Options struct {
	// Format is csv or jsonl. Default: jsonl if the content begins with a brace.
	Format string
	// Time is the time column, or DATE,TIME where it stands in two. Default: see the
	// package comment.
	Time string
	// TimeUnit is s, ms, us, ns or rfc3339. Default: dates are recognised, and
	// numbers are in the unit that puts the first one nearest to the present:
	// seconds below 1e11, milliseconds below 1e14, microseconds below 1e17.
	TimeUnit string
	// Zone is the zone of dates that name none. Default: UTC.
	Zone *time.Location
	// RateHz makes the time of rows where there is no time column. Default: 1.
	RateHz float64
	// Series is the column that names each row's series. Default: none.
	Series string
	// Channels are the columns wanted as values (see Named). Default: the columns
	// whose non-empty fields are numbers throughout the first 1000 rows, except
	// anomaly, changepoint, label and anomaly_window.
	Channels []field.Channel
}

// Named returns channels of the given columns.
func Named(columns ...string) []field.Channel {
	out := make([]field.Channel, len(columns))
	for i, c := range columns {
		out[i].Name = c
	}
	return out
}

// Validate checks the options.
func (o *Options) Validate() error {
	var errs []error
	if o.Format != "" && o.Format != CSV && o.Format != JSONL {
		errs = append(errs, fmt.Errorf("file: format %q: must be csv or jsonl", o.Format))
	}
	if _, err := field.ParseUnit(o.TimeUnit); err != nil {
		errs = append(errs, fmt.Errorf("file: %w", err))
	}
	if o.RateHz < 0 || math.IsNaN(o.RateHz) || math.IsInf(o.RateHz, 0) {
		errs = append(errs, fmt.Errorf("file: rate %g: must be a positive number of hertz", o.RateHz))
	}
	seen := make(map[string]bool)
	for i := range o.Channels {
		c := &o.Channels[i]
		if err := c.Validate(); err != nil {
			errs = append(errs, err)
		}
		if seen[c.Name] {
			errs = append(errs, fmt.Errorf("channel %s occurs twice", c.Name))
		}
		seen[c.Name] = true
	}
	return errors.Join(errs...)
}

// labels are columns that say something about the data and are no data.
var labels = [...]string{"anomaly", "changepoint", "label", "anomaly_window"}

// timeColumns are the names that a time column goes by, best first.
var timeColumns = [...]string{"ts", "time", "timestamp", "datetime"}

// NamedTime says whether a column goes by one of the names that a time column is found by.
func NamedTime(column string) bool {
	return slices.ContainsFunc(timeColumns[:], func(want string) bool { return strings.EqualFold(column, want) })
}
