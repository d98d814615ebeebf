package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRawIsTold: a channel that is given out as it came is told of as such, and not with what
// the guard would say of a network that does not serve it.
func TestRawIsTold(t *testing.T) {
	const still = "note: a is not denoised: its readings do not move"
	for _, c := range []struct {
		name string
		x    func(i int) string
		want string
	}{
		{"constant", func(int) string { return "5" }, still},
		{"large", func(i int) string { return fmt.Sprintf("%.3f", 1e12+math.Sin(float64(i)/25)+float64(i*7919%13)/10) }, still},
		{"empty", func(int) string { return "" }, "note: a has no readings"},
		{"signal", func(i int) string { return fmt.Sprintf("%.3f", 5*math.Sin(float64(i)/25)+float64(i*7919%13)/10) }, ""},
	} {
		var rows strings.Builder
		rows.WriteString("ts,a\n")
		for i := range 1000 {
			fmt.Fprintf(&rows, "%d,%s\n", 1690000000+i, c.x(i))
		}
		in := filepath.Join(t.TempDir(), "in.csv")
		if err := os.WriteFile(in, []byte(rows.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, flags := range [][]string{nil, {"-v"}} {
			_, errs, code := quell(t, append([]string{"denoise", in, "--channels", "a", "-o", filepath.Join(t.TempDir(), "o.csv")}, flags...)...)
			if code != 0 || c.want != "" && !strings.Contains(errs, c.want) || c.want == "" && strings.Contains(errs, "not denoised:") {
				t.Errorf("%s %v: rc %d, told %q, want %q", c.name, flags, code, errs, c.want)
			}
			if c.want != "" && strings.Contains(errs, "network serves") {
				t.Errorf("%s: says that the network serves: %q", c.name, errs)
			}
		}
	}
}
