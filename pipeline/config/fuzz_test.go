package config

import "testing"

// FuzzSizes: durations, sizes and rates are within what the rest can count with.
func FuzzSizes(f *testing.F) {
	for _, s := range []string{"64MiB", "1.5 GB", "1e300TiB", "30d", "1w", "0.1d", "1/month", "1/1e6", "NaN/day", "1e-320/1e300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := parseDuration(s); err == nil && d < 0 {
			t.Errorf("%q is a duration of %s", s, d)
		}
		if b, err := ParseByteSize(s); err == nil {
			if again, err := ParseByteSize(b.String()); b < 0 || err != nil || again != b {
				t.Errorf("%q is %d bytes, written %s and read as %d, %v", s, b, b, again, err)
			}
		}
		if r, err := ParseRate(s); err == nil {
			for _, hz := range []float64{1e-6, 1, 1e6} {
				if p := r.PerSample(hz); !(p > 0) {
					t.Errorf("%q at %g Hz is a rate of %g", s, hz, p)
				}
			}
		}
	})
}
