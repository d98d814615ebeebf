package monitor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Rate is a rate of false alarms, in alarms per sample of the series' grid.
// The zero Rate stands for the default, one in a million samples.
type Rate float64

// LargestRate is the largest rate that can be asked for.
const LargestRate Rate = 0.01

// DefaultRate is what a zero Rate stands for.
const DefaultRate Rate = 1e-6

// perUnit holds the seconds of the units that ParseRate knows; a month is a
// twelfth of 365.25 days.
func perUnit(unit string) (seconds float64, ok bool) {
	const day = 86400
	switch strings.TrimSuffix(unit, "s") {
	case "minute":
		return 60, true
	case "hour":
		return 3600, true
	case "day":
		return day, true
	case "week":
		return 7 * day, true
	case "month":
		return 365.25 / 12 * day, true
	case "year":
		return 365.25 * day, true
	}
	return 0, false
}

// ParseRate reads "1/month", "2/week", "0.5/day" (minute, hour, day, week,
// month, year), which needs the rate of the grid, or "1/1e6", alarms per
// number of samples, which does not. The rate must lie above 0 and not above
// one alarm in 100 samples.
func ParseRate(s string, rateHz float64) (Rate, error) {
	count, per, ok := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "/")
	if !ok {
		return 0, fmt.Errorf("false_alarms must look like 1/month, 2/week or 1/1e6 (alarms per samples), got %q", s)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(count), 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("false_alarms must begin with a positive number of alarms, as in 1/month, got %q", s)
	}
	per = strings.TrimSpace(per)
	var samples float64
	if sec, known := perUnit(per); known {
		if !(rateHz > 0) || math.IsInf(rateHz, 0) {
			return 0, fmt.Errorf("false_alarms %q needs the rate of the samples (rate_hz); give alarms per samples instead, as in 1/1e6", s)
		}
		samples = sec * rateHz
	} else if samples, err = strconv.ParseFloat(per, 64); err != nil || !(samples > 0) || math.IsInf(samples, 0) {
		return 0, fmt.Errorf("false_alarms must be per minute, hour, day, week, month, year or a number of samples, got %q", s)
	}
	r := Rate(n / samples)
	if !(r > 0) || r > LargestRate {
		return 0, fmt.Errorf("false_alarms %q is %.3g alarms per sample at %g Hz; ask for at most one in 100 samples", s, float64(r), rateHz)
	}
	return r, nil
}

// Between returns the mean number of samples between two false alarms.
func (r Rate) Between() float64 {
	if !(r > 0) {
		r = DefaultRate
	}
	return 1 / float64(r)
}

// String writes the rate as alarms per samples: "1/1e+06".
func (r Rate) String() string { return "1/" + strconv.FormatFloat(r.Between(), 'g', 4, 64) }
