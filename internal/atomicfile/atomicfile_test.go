package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/atomicfile"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "head")
	for _, content := range []string{"one", "", "three, longer than the others"} {
		if err := atomicfile.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != content {
			t.Errorf("content is %q, want %q", got, content)
		}
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && fi.Mode().Perm() != 0o640 {
		t.Errorf("mode is %o, want 640", fi.Mode().Perm())
	}
	if d := cmp.Diff([]string{"head"}, names(t, dir)); d != "" {
		t.Errorf("directory after three writes (-want +got):\n%s", d)
	}
}

func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	if err := atomicfile.WriteFile(filepath.Join(dir, "no", "head"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("write into a missing directory: %v, want ErrNotExist", err)
	}
	// A directory in the way makes the rename fail: it stays, and the temporary
	// file goes.
	way := filepath.Join(dir, "way")
	if err := os.MkdirAll(filepath.Join(way, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := atomicfile.WriteFile(way, []byte("x"), 0o600)
	if err == nil || !strings.Contains(err.Error(), way) {
		t.Errorf("write over a directory: %v, want an error naming it", err)
	}
	if d := cmp.Diff([]string{"way"}, names(t, dir)); d != "" {
		t.Errorf("directory after a failed write (-want +got):\n%s", d)
	}
}

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "head")
	for i, want := range []string{"head.corrupt-1", "head.corrupt-2"} {
		if err := atomicfile.WriteFile(path, []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := atomicfile.SetAside(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != filepath.Join(dir, want) {
			t.Errorf("set aside as %s, want %s", got, want)
		}
		b, err := os.ReadFile(got)
		if err != nil || len(b) != 1 || b[0] != byte(i) {
			t.Errorf("%s holds %v (%v), want [%d]", got, b, err, i)
		}
	}
	if _, err := atomicfile.SetAside(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("set aside a missing file: %v, want ErrNotExist", err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "atomicfile")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := atomicfile.WriteFile(filepath.Join(dir, "head"), []byte("42"), 0o600); err != nil {
		panic(err)
	}
}
