package field_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

func TestNumber(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		in   string
		want float64
		ok   bool
	}{
		{"21.4", 21.4, true}, {"-0.5", -0.5, true}, {" 7\t", 7, true}, {"+3", 3, true}, {".5", .5, true}, {"5.", 5, true},
		{"1e3", 1000, true}, {"1E-3", .001, true}, {"9007199254740993", 9007199254740992, true}, {"0.30000000000000004", 0.30000000000000004, true},
		{"12345678901234567890123", 12345678901234567890123, true}, {"1e999", math.Inf(1), true}, {"-1e999", math.Inf(-1), true}, {"1e-999", 0, true},
		{"NaN", nan, true}, {"-nan", nan, true}, {"inf", math.Inf(1), true}, {"-Infinity", math.Inf(-1), true},
		{"", 0, false}, {" ", 0, false}, {".", 0, false}, {"-", 0, false}, {"1,5", 0, false}, {"0x10", 0, false}, {"1_000", 0, false},
		{"1.2.3", 0, false}, {"cold", 0, false}, {"1e", 0, false}, {"infinit", 0, false}, {"--1", 0, false},
	} {
		got, ok := field.Number([]byte(c.in))
		if ok != c.ok || got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Number(%q) = %v, %v, want %v, %v", c.in, got, ok, c.want, c.ok)
		}
	}
}

// TestNumberEqualsStrconv compares the short cut with the library, bit for bit.
func TestNumberEqualsStrconv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "s")
		want, err := strconv.ParseFloat(s, 64)
		if err != nil && !math.IsInf(want, 0) {
			t.Skip()
		}
		got, ok := field.Number([]byte(s))
		if !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("Number(%q) = %v, %v, want %v", s, got, ok, want)
		}
	})
}

func TestStamp(t *testing.T) {
	for _, c := range []struct {
		in   string
		unit field.Unit
		want int64
		ok   bool
	}{
		{"1700000000", field.Seconds, 1700000000e9, true},
		{"1700000000.123456789", field.Seconds, 1700000000123456789, true},
		{"1700000000123", field.Millis, 1700000000123e6, true},
		{"1700000000123.5", field.Millis, 1700000000123500000, true},
		{"1700000000123456", field.Micros, 1700000000123456e3, true},
		{"1700000000123456789", field.Nanos, 1700000000123456789, true},
		{"1.7e12", field.Millis, 1700000000000e6, true},
		{"0", field.Seconds, 0, true},
		{"1700000000123", field.Auto, 1700000000123e6, true},
		{"2023-11-14T22:13:20Z", field.Auto, 1700000000e9, true},
		{"2023-11-14T22:13:20.5+01:00", field.RFC3339, 1699996400500000000, true},
		{"1700000000", field.RFC3339, 0, false},
		{"-1", field.Seconds, 0, false},
		{"-0.5", field.Seconds, 0, false},
		{"9300000000", field.Seconds, 0, false},
		{"9223372036854775808", field.Nanos, 0, false},
		{"9223372036854775807", field.Nanos, math.MaxInt64, true},
		{"1e30", field.Nanos, 0, false},
		{"1e999", field.Seconds, 0, false},
		{"-1e3", field.Seconds, 0, false},
		{"", field.Seconds, 0, false}, {".", field.Seconds, 0, false}, {"nan", field.Seconds, 0, false}, {"1 2", field.Seconds, 0, false},
	} {
		got, ok := field.Stamp([]byte(c.in), c.unit, nil)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("Stamp(%q, %d) = %d, %v, want %d, %v", c.in, c.unit, got, ok, c.want, c.ok)
		}
	}
}

func TestDate(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, c := range []struct {
		in   string
		loc  *time.Location
		want string // RFC 3339; "": refused
	}{
		{"2020-03-09 16:16:30", nil, "2020-03-09T16:16:30Z"},
		{"2020-03-09T16:16:30", berlin, "2020-03-09T15:16:30Z"},
		{"2020-03-09T16:16:30Z", berlin, "2020-03-09T16:16:30Z"},
		{"2020-03-09 16:16", nil, "2020-03-09T16:16:00Z"},
		{"2020-03-09", nil, "2020-03-09T00:00:00Z"},
		{"2020-02-29 23:59:59.999999999", nil, "2020-02-29T23:59:59.999999999Z"},
		{"2020-02-29 23:59:59,5", nil, "2020-02-29T23:59:59.5Z"},
		{"2020-03-09T16:16:30+0530", nil, "2020-03-09T10:46:30Z"},
		{"2020-03-09T16:16:30-08", nil, "2020-03-10T00:16:30Z"},
		{"1970-01-01T00:00:00Z", nil, "1970-01-01T00:00:00Z"},
		{"1969-12-31T23:59:59Z", nil, ""},
		{"1969-12-31T23:59:59-01:00", nil, "1970-01-01T00:59:59Z"},
		{"2262-04-11T23:47:16.854775807Z", nil, "2262-04-11T23:47:16.854775807Z"},
		{"2262-04-11T23:47:16.854775808Z", nil, ""},
		{"9999-01-01T00:00:00Z", nil, ""}, {"0001-01-01T00:00:00Z", nil, ""},
		{"2021-02-29", nil, ""}, {"2020-13-01", nil, ""}, {"2020-00-01", nil, ""}, {"2020-01-32", nil, ""},
		{"2020-01-01T24:00:00", nil, ""}, {"2020-01-01T00:60:00", nil, ""}, {"2020-01-01T00:00:60", nil, ""},
		{"2020-01-01T00:00:00.", nil, ""}, {"2020-01-01T", nil, ""}, {"20-01-01", nil, ""}, {"2020-01-01T00:00:00X", nil, ""},
		{"2020-01-01T00:00:00+1", nil, ""}, {"2020-01-01T00:00:00+25:00", nil, ""}, {"", nil, ""},
	} {
		got, ok := field.Date([]byte(c.in), c.loc)
		s := ""
		if ok {
			s = time.Unix(0, got).UTC().Format(time.RFC3339Nano)
		}
		if s != c.want {
			t.Errorf("Date(%q) = %q, want %q", c.in, s, c.want)
		}
	}
}

func TestDateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Int64Range(0, math.MaxInt64).Draw(t, "ns")
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
		s := time.Unix(0, want).In(zone).Format(time.RFC3339Nano)
		if got, ok := field.Date([]byte(s), nil); !ok || got != want {
			t.Fatalf("Date(%q) = %d, %v, want %d", s, got, ok, want)
		}
	})
}

func TestJudgeAndValidate(t *testing.T) {
	lo, hi, inf := -40.0, 150.0, math.Inf(1)
	c := field.Channel{Name: "t", Min: &lo, Max: &hi, Missing: []float64{85}}
	for _, x := range []struct {
		in, v float64
		why   ingest.Missing
	}{
		{-40, -40, ingest.Present}, {150, 150, ingest.Present}, {150.1, 0, ingest.OutOfRange}, {-41, 0, ingest.OutOfRange},
		{85, 0, ingest.Sentinel}, {math.NaN(), 0, ingest.NonFinite}, {inf, 0, ingest.NonFinite},
	} {
		if v, why := c.Judge(x.in); v != x.v || why != x.why {
			t.Errorf("Judge(%v) = %v, %v, want %v, %v", x.in, v, why, x.v, x.why)
		}
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	bad := field.Channel{Min: &hi, Max: &lo, Missing: []float64{math.NaN()}}
	err := bad.Validate()
	for _, want := range []string{"a name is needed", "min 150 is above max -40", "NaN is always missing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	bad = field.Channel{Name: "x", Max: &inf}
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "max must be a finite number") {
		t.Errorf("got %v", err)
	}
}

func TestNames(t *testing.T) {
	var n field.Names
	for _, ok := range []string{"a", "pump 1/Ünïcode", strings.Repeat("x", 256)} {
		if got, err := n.Get([]byte(ok)); err != nil || got != ok {
			t.Errorf("Get(%q) = %q, %v", ok, got, err)
		}
	}
	for _, bad := range []string{"", "a\nb", "a\x7f", "\u0085", "\xff", strings.Repeat("x", 257)} {
		var m *ingest.MalformedError
		if _, err := n.Get([]byte(bad)); !errors.As(err, &m) || m.Reason != "series" {
			t.Errorf("Get(%q): got %v, want a malformed series", bad, err)
		}
	}
	key := []byte("pump 1/Ünïcode")
	if a := testing.AllocsPerRun(100, func() {
		if _, err := n.Get(key); err != nil {
			t.Fatal(err)
		}
	}); a != 0 {
		t.Errorf("a known name costs %v allocations", a)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"temp_c", "pressure", "vibration"}
	for in, want := range map[string]string{"temp": "", "temp_f": "temp_c", "Presure": "pressure", "xyz": "", "": ""} {
		if got := field.Nearest(in, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzText throws any bytes at the text readers.
func FuzzText(f *testing.F) {
	for _, s := range []string{"21.4", "2020-03-09T16:16:30.5+01:00", "1e999", "-", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		field.Number(b)
		for u := field.Auto; u <= field.RFC3339; u++ {
			if ns, ok := field.Stamp(b, u, nil); ok && ns < 0 {
				t.Errorf("Stamp(%q, %d) = %d, before 1970", b, u, ns)
			}
		}
		if err := field.CheckSeries(b); err == nil && len(b) > field.MaxSeriesLen {
			t.Errorf("a series name of %d bytes is taken", len(b))
		}
	})
}
