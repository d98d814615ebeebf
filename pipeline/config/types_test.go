package config

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]ByteSize{
		"0": 0, "1": 1, "64MiB": 64 << 20, "1.5 GiB": 3 << 29, "500kB": 500_000, "1KB": 1000, "1e3": 1000, "2 TB": 2e12, "7B": 7, "1TiB": 1 << 40, " 5 MB ": 5e6,
	} {
		if got, err := ParseByteSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "1 mib", "-1", "-1MiB", "1.5", "0.1B", "1e30", "NaN", "Inf", "0x10", "1_000", "9999999TiB", "1 MiB B"} {
		if got, err := ParseByteSize(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
	for size, want := range map[ByteSize]string{0: "0B", 1: "1B", 1024: "1KiB", 1500: "1500B", 64 << 20: "64MiB", 3 << 29: "1536MiB", 1 << 50: "1024TiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d: got %s, want %s", size, got, want)
		}
		if back, err := ParseByteSize(want); err != nil || back != size {
			t.Errorf("%s reads back as %d, %v", want, back, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "0": 0, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "0.5d": 12 * time.Hour, "2w": 336 * time.Hour, "500ms": 500 * time.Millisecond,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "-5s", "d", "-1d", "NaNd", "1e99d", "infw", "5 s", "soon", "5S"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func TestRate(t *testing.T) {
	for text, perSample := range map[string]float64{
		"1/month": 1.0 / (30 * 86400 * 10), "2/week": 2.0 / (7 * 86400 * 10), "1/1e6": 1e-6, "3 / hour": 3.0 / 36000, "0.5/day": 0.5 / 864000,
	} {
		r, err := ParseRate(text)
		if err != nil || r.String() != text || math.Abs(r.PerSample(10)/perSample-1) > 1e-12 {
			t.Errorf("%q: got %+v (%g per sample at 10 Hz), %v, want %g", text, r, r.PerSample(10), err, perSample)
		}
	}
	for _, text := range []string{"", "1", "/", "1/", "0/day", "-1/day", "x/day", "Inf/day", "NaN/day", "1/fortnight", "1/1", "2/1", "1/0", "1/-5", "1/Inf", "1/NaN"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("%q is %+v, want an error", text, r)
		}
	}
}

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "a", "EMPTY": "", "NEST": "${A}"}[name]
		return v, ok
	}
	for text, want := range map[string]string{
		"plain $5 {x}": "plain $5 {x}", "${A}": "a", "x${A}y${A}": "xaya", "${B:-b}": "b", "${A:-b}": "a", "${EMPTY}": "", "${EMPTY:-d}": "d",
		"${B:-}": "", "$${A}": "${A}", "a$${A}${A}": "a${A}a", "${NEST}": "${A}", "$share/g/${A}": "$share/g/a", "${B:-:-}": ":-", "${A}}": "a}",
	} {
		got, unset, err := expand(text, env)
		if err != nil || got != want || len(unset) > 0 {
			t.Errorf("%q: got %q, %v, %v, want %q", text, got, unset, err, want)
		}
	}
	if _, unset, err := expand("${B} ${C_1} ${A}", env); err != nil || strings.Join(unset, " ") != "B C_1" {
		t.Errorf("unset %v, %v", unset, err)
	}
	for _, text := range []string{"${", "${A", "${}", "${1}", "${A-b}", "${A B}", "${a.b}", "x ${A} ${"} {
		if got, _, err := expand(text, env); err == nil {
			t.Errorf("%q is %q, want an error", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"connection", "topics", "qos", "type", "time", "time_unit", "interval", "per-series", "shared"}
	for got, want := range map[string]string{
		"conection": "connection", "Topics": "topics", "topic": "topics", "toipcs": "topics", "tpye": "type", "per_series": "per-series",
		"timeunit": "time_unit", "interval_ms": "interval", "frobnicate": "", "x": "", "": "", "qs": "qos", "sheared": "shared",
	} {
		if near := nearest(got, keys); near != want {
			t.Errorf("%q: got %q, want %q", got, near, want)
		}
	}
	if d := distance(strings.Repeat("a", 100_000), "b"); d < 100_000 {
		t.Errorf("distance of an endless word is %d", d)
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"°C", "C", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
