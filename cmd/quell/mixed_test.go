package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTextsAmongNumbers: a column of numbers stays a channel where a field of it is a text,
// which is the error that it is further down; one of more texts than numbers is left out,
// and every command that does so says it.
func TestTextsAmongNumbers(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b func(i int) string) string {
		var text strings.Builder
		text.WriteString("ts,a,b\n")
		for i := range 1300 {
			fmt.Fprintf(&text, "%d,%d.%d,%s\n", 1690000000+i, i*7919%13, i%10, b(i))
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("one.csv", func(i int) string {
		if i == 3 {
			return "ERR"
		}
		return fmt.Sprint(20 + i*31%17)
	})
	most := write("most.csv", func(i int) string {
		if i < 3 {
			return "20"
		}
		return "off"
	})
	null := filepath.Join(dir, "o.csv")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"denoise", one, "-o", null}, 1, `one.csv:5: column b: "ERR" is not a number: empty such fields, or choose other columns with --channels`},
		{[]string{"eval", one}, 1, `one.csv:5: column b: "ERR" is not a number: empty such fields, or choose other columns with --channels`},
		{[]string{"init", filepath.Join(dir, "1.yaml"), "--file", one}, 0, `note: texts among numbers, whose rows will go to the dead letter: b ("ERR" in line 5)`},
		{[]string{"denoise", most, "-o", null}, 0, `most.csv: left out, as they hold texts beside numbers, and more of them: b ("off" in line 5)`},
		{[]string{"eval", most}, 0, `most.csv: left out, as they hold texts beside numbers, and more of them: b ("off" in line 5)`},
		{[]string{"drift", most}, 0, `most.csv: left out, as they hold texts beside numbers, and more of them: b ("off" in line 5)`},
		{[]string{"init", filepath.Join(dir, "2.yaml"), "--file", most}, 0, `note: left out, as they hold texts beside numbers, and more of them: b ("off" in line 5)`},
	} {
		_, errs, code := quell(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: rc %d, want %d; told %q, want %q in it", c.args, code, c.code, errs, c.want)
		}
	}
}
