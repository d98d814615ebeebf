package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that reads "500ms", "5s", "2h", "30d" and "1w".
type Duration = time.Duration

// parseDuration reads what time.ParseDuration does, and whole or broken numbers
// of days (d, 24 h) and weeks (w).
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil {
		if d < 0 {
			return 0, errors.New("must not be negative")
		}
		return d, nil
	}
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{{"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}} {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(num, 64)
		if err != nil || !(f >= 0) || f*float64(u.unit) > math.MaxInt64/2 {
			break
		}
		return time.Duration(f * float64(u.unit)), nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, fmt.Errorf("is a duration and needs a unit: write %ss or %sms", s, s)
	}
	return 0, errors.New("must be a duration such as 500ms, 5s, 2h or 30d")
}

// ByteSize is a number of bytes.
type ByteSize int64

var byteUnits = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseByteSize reads "64MiB", "1.5 GB" or a plain number of bytes.
func ParseByteSize(s string) (ByteSize, error) {
	num, unit := strings.TrimSpace(s), 1.0
	for _, u := range byteUnits {
		if head, ok := strings.CutSuffix(num, u.name); ok {
			num, unit = strings.TrimSpace(head), u.size
			break
		}
	}
	f, err := strconv.ParseFloat(num, 64)
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(num, "xXpP_"):
		return 0, errors.New("must be a size such as 64MiB, 1GiB or 500kB")
	case f < 0:
		return 0, errors.New("must not be negative")
	case f*unit >= 1<<62:
		return 0, errors.New("is larger than any disk")
	case f*unit != math.Trunc(f*unit):
		return 0, errors.New("must be a whole number of bytes")
	}
	return ByteSize(f * unit), nil
}

// String returns the size in the largest binary unit that divides it.
func (b ByteSize) String() string {
	for _, u := range []struct {
		name string
		size ByteSize
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if b >= u.size && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// MarshalYAML writes the form that String gives.
func (b ByteSize) MarshalYAML() (any, error) { return b.String(), nil }

// Rate is how often something may happen: Count times per span of time (1/month)
// or per number of samples (1/1e6).
type Rate struct {
	Text    string        // as written
	Count   float64       // > 0
	Per     time.Duration // 0 where the rate is per sample
	Samples float64       // 0 where the rate is per time
}

var ratePeriods = []struct {
	name string
	d    time.Duration
}{
	{"second", time.Second}, {"minute", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour},
	{"week", 7 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"year", 365 * 24 * time.Hour},
}

// rarest is the least Count: below it a rate per sample may vanish in rounding.
const rarest = 1e-9

// ParseRate reads COUNT/PERIOD, where PERIOD is second, minute, hour, day, week,
// month (30 days), year (365 days) or a number of samples.
func ParseRate(s string) (Rate, error) {
	count, period, ok := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(strings.TrimSpace(count), 64)
	period = strings.TrimSpace(period)
	if !ok || err != nil {
		return Rate{}, errors.New("must be a rate such as 1/month, 2/week or 1/1e6 (one in a million samples)")
	}
	if !(n > 0) || math.IsInf(n, 0) {
		return Rate{}, errors.New("must be above 0: no detector is without false alarms")
	}
	if n < rarest {
		return Rate{}, errors.New("is too rare to tell from never: write one like 1/year")
	}
	names := make([]string, len(ratePeriods))
	for i, p := range ratePeriods {
		if p.name == period {
			return Rate{Text: s, Count: n, Per: p.d}, nil
		}
		names[i] = p.name
	}
	if f, err := strconv.ParseFloat(period, 64); err == nil {
		if !(f > n) || math.IsInf(f, 0) {
			return Rate{}, errors.New("must be less than one alarm per sample")
		}
		if n/f < rarest*rarest {
			return Rate{}, errors.New("is too rare to tell from never: write one like 1/1e9")
		}
		return Rate{Text: s, Count: n, Samples: f}, nil
	}
	return Rate{}, fmt.Errorf("has the unknown period %q%s", period, suggest(period, names, true))
}

// PerSample returns the expected number of alarms per sample of a grid with the
// given rate.
func (r Rate) PerSample(rateHz float64) float64 {
	if r.Samples > 0 {
		return r.Count / r.Samples
	}
	return r.Count / (r.Per.Seconds() * rateHz)
}

// String returns the rate as it was written.
func (r Rate) String() string { return r.Text }

// MarshalYAML writes the rate as it was written.
func (r Rate) MarshalYAML() (any, error) { return r.Text, nil }
