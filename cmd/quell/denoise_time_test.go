package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTimeHints: labels of 0 and 1 are no times, numbers that are of this century and go on are,
// and a time column that was asked for as a channel is not said to be absent.
func TestTimeHints(t *testing.T) {
	for _, c := range []struct {
		name, head string
		row        func(i int) string
		flags      []string
		want, not  string
	}{
		{"labels", "n,value,anomaly", func(i int) string { return fmt.Sprintf("%d,%d.5,%d", i, i*7919%13, i/90) }, nil, "", "holds times"},
		{"stamps", "arrival_ms,value", func(i int) string { return fmt.Sprintf("%d,%d.5", int64(1163438041250)+int64(i)*1000, i*7919%13) }, nil,
			`column arrival_ms is denoised as a channel, though it looks like times: --time "arrival_ms" uses it`, ""},
		{"numbers that fall", "load,value", func(i int) string { return fmt.Sprintf("%d,%d.5", int64(1163438041250)-int64(i), i*7919%13) }, nil, "", "looks like times"},
		{"a channel", "ts,value", func(i int) string { return fmt.Sprintf("%d,%d.5", i, i*7919%13) }, []string{"--channels", "ts", "-v"},
			"column ts is taken for a channel (--time names one): the row makes the time", "no column is named ts"},
	} {
		var rows strings.Builder
		rows.WriteString(c.head + "\n")
		for i := range 100 {
			rows.WriteString(c.row(i) + "\n")
		}
		dir := t.TempDir()
		in := filepath.Join(dir, "in.csv")
		if err := os.WriteFile(in, []byte(rows.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errs, code := quell(t, append([]string{"denoise", in, "-o", filepath.Join(dir, "o.csv")}, c.flags...)...)
		if code != 0 || !strings.Contains(errs, c.want) || c.not != "" && strings.Contains(errs, c.not) {
			t.Errorf("%s: rc %d, told %q; want %q and not %q in it", c.name, code, errs, c.want, c.not)
		}
	}
}
