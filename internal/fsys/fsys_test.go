package fsys_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quell-stream/quell/internal/fsys"
)

// TestWithExt: the files of an extension are found in a folder whose name looks like a
// pattern, too.
func TestWithExt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "line[3]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"b.quell", "a.quell", "a.quell.tmp", "quell"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := fsys.WithExt(dir, ".quell")
	if want := []string{filepath.Join(dir, "a.quell"), filepath.Join(dir, "b.quell")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := fsys.WithExt(filepath.Join(dir, "none"), ".quell"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
