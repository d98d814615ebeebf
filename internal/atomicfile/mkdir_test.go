package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMkdirAll: the parents of all directories that are made are synced, from the top down,
// and none where nothing is made.
func TestMkdirAll(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	var synced []string
	note := func(dir string) error { synced = append(synced, dir); return nil }
	for range 2 {
		if err := mkdirAll(deep, 0o700, note); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{root, filepath.Join(root, "a"), filepath.Join(root, "a", "b")}, synced); d != "" {
		t.Errorf("synced (-want +got):\n%s", d)
	}
	if fi, err := os.Stat(deep); err != nil || !fi.IsDir() {
		t.Errorf("%v, %v", fi, err)
	}
	refused := errors.New("refused")
	if err := mkdirAll(filepath.Join(deep, "d"), 0o700, func(string) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the disk refuses, and MkdirAll says %v", err)
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(filepath.Join(root, "file", "x"), 0o700); err == nil {
		t.Error("a directory in a file was made")
	}
}
