package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMark: a file is known again when it has grown, and where it was moved if enough of it
// was seen; one that was written anew, or another of few rows, is another one.
func TestMark(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	of := func(path string) []byte {
		m, err := markOf(path, markBytes)
		if err != nil {
			t.Fatal(err)
		}
		return m.append(nil)
	}
	head, long := "ts,x\n0,1\n", strings.Repeat("12,3\n", markBytes/5+1)
	short, whole := of(write("a.csv", head)), of(write("big.csv", long))
	for _, c := range []struct {
		name, file, text string // text: written to the file before
		kept             []byte
		want             bool
	}{
		{"itself", "a.csv", head, short, true},
		{"grown", "a.csv", head + "1,2\n", short, true},
		{"written anew", "a.csv", "ts,x\n5,1\n", short, false},
		{"shorter", "a.csv", "ts,x\n", short, false},
		{"another of the same rows", "b.csv", head, short, false},
		{"moved", "c.csv", long + "13,4\n", whole, true},
		{"another", "d.csv", "14,4\n" + long, whole, false},
		{"gone", "none.csv", "", short, false},
		{"no mark", "big.csv", long, []byte{markVersion}, false},
		{"of a later version", "big.csv", long, append([]byte{markVersion + 1}, whole[1:]...), false},
		{"cut", "big.csv", long, whole[:len(whole)-1], false},
	} {
		path := filepath.Join(dir, c.file)
		if c.text != "" {
			write(c.file, c.text)
		}
		if got := is(path, c.kept); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
