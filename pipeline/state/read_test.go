package state

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestRead: what is read is what a start would go on from, with a torn end and with a
// damaged generation too, and no file changes.
func TestRead(t *testing.T) {
	if snap, err := Read(filepath.Join(t.TempDir(), "none")); snap != nil || err != nil {
		t.Errorf("of no folder: %v, %v", snap, err)
	}
	dir := t.TempDir()
	full, delta := twoOf(t, dir)
	for _, damage := range []func(){
		func() {},
		func() { cutOff(t, delta, 5) },
		func() { cutOff(t, full, 5) },
	} {
		damage()
		before := files(t, dir)
		got, err := Read(dir)
		check(t, err)
		if d := cmp.Diff(before, files(t, dir)); d != "" {
			t.Fatal(d)
		}
		s, want := open(t, dir)
		check(t, s.Close())
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Snapshot{}, Switch{})); d != "" {
			t.Error(d)
		}
	}
}

func cutOff(t *testing.T, path string, n int64) {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	check(t, os.Truncate(path, info.Size()-n))
}

// files returns what the files of a folder hold.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	for _, n := range names {
		b, err := os.ReadFile(n)
		check(t, err)
		out[n] = string(b)
	}
	return out
}
