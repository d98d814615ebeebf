package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrainOnNothing: what a recording lacks is said, and what helps: one that does not move
// is not too short, and one without noise gets its level told.
func TestTrainOnNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		x    func(i int) int
		want string
	}{
		{"constant", func(int) int { return 5 }, "channel a is left out: its readings do not move"},
		{"ramp", func(i int) int { return i }, "no noise is seen in the readings, or none of 2 windows has 32 slots or more: --sigma tells its deviation"},
	} {
		var rows strings.Builder
		rows.WriteString("ts,a\n")
		for i := range 3000 {
			fmt.Fprintf(&rows, "%d,%d\n", 1690000000+i, c.x(i))
		}
		dir := t.TempDir()
		in := filepath.Join(dir, "in.csv")
		if err := os.WriteFile(in, []byte(rows.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errs, code := quell(t, "train", in, "-o", filepath.Join(dir, "m.quell"))
		if code == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: rc %d, told %q, want %q in it", c.name, code, errs, c.want)
		}
	}
}
