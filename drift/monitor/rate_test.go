package monitor

import (
	"math"
	"strings"
	"testing"
)

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		text    string
		hz      float64
		between float64
	}{
		{"1/1e6", 0, 1e6},
		{" 2 / 1000 ", 0, 500},
		{"1/hour", 2, 7200},
		{"1/minute", 10, 600},
		{"2/week", 1, 302400},
		{"1/Month", 1, 2629800},
		{"1/months", 1, 2629800},
		{"0.5/day", 1, 172800},
		{"1/year", 0.1, 3155760},
	} {
		r, err := ParseRate(c.text, c.hz)
		if err != nil {
			t.Errorf("ParseRate(%q, %v): %v", c.text, c.hz, err)
			continue
		}
		if got := r.Between(); math.Abs(got-c.between) > 1e-9*c.between {
			t.Errorf("ParseRate(%q, %v): %v samples between alarms, want %v", c.text, c.hz, got, c.between)
		}
	}
	for _, c := range []struct {
		text string
		hz   float64
		want string
	}{
		{"monthly", 1, "must look like 1/month"},
		{"x/month", 1, "positive number"},
		{"-1/month", 1, "positive number"},
		{"inf/month", 1, "positive number"},
		{"1/fortnight", 1, "per minute, hour, day"},
		{"1/month", 0, "rate_hz"},
		{"1/10", 0, "at most one in 100"},
		{"1/-5", 0, "must be per"},
		{"1/nan", 0, "must be per"},
	} {
		if r, err := ParseRate(c.text, c.hz); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseRate(%q, %v) = %v, %v; want an error with %q", c.text, c.hz, r, err, c.want)
		}
	}
	if got := Rate(0).Between(); got != 1e6 {
		t.Errorf("the zero rate: %v samples, want 1e6", got)
	}
	if got := Rate(1e-6).String(); got != "1/1e+06" {
		t.Errorf("String() = %q", got)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero config: %v", err)
	}
	if err := ShortHistory(3, 1e-6).Validate(); err != nil {
		t.Errorf("short history: %v", err)
	}
	for _, c := range []Config{
		{FalseAlarms: 0.5}, {FalseAlarms: -1}, {FalseAlarms: Rate(math.NaN())}, {Calibration: 99}, {Calibration: 20000},
		{Hop: -1}, {Channels: -1}, {Channels: 2, Names: []string{"one"}},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
