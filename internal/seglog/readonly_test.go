package seglog

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// files returns the content of a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[n.Name()] = string(b)
	}
	return out
}

// TestOpenReadOnly: what is whole is read, what is not is told each time, and not a
// byte is changed.
func TestOpenReadOnly(t *testing.T) {
	const n = 100
	rewrite := func(t *testing.T, path string, f func([]byte) []byte) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, f(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		harm          func(t *testing.T, segs []string)
		damaged, torn bool
		all           bool // records
	}{
		"whole": {func(*testing.T, []string) {}, false, false, true},
		"torn": {func(t *testing.T, segs []string) {
			rewrite(t, segs[len(segs)-1], func(b []byte) []byte { return b[:len(b)-3] })
		}, false, true, false},
		"a byte turned": {func(t *testing.T, segs []string) {
			rewrite(t, segs[1], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, true, false, false},
		"a segment missing": {func(t *testing.T, segs []string) {
			if err := os.Remove(segs[1]); err != nil {
				t.Fatal(err)
			}
		}, true, false, false},
		"repaired before": {func(t *testing.T, segs []string) {
			rewrite(t, segs[1], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
			openDir(t, filepath.Dir(segs[1]), Options{})
		}, true, false, false},
		"a repair cut short": {func(t *testing.T, segs []string) {
			if err := os.Rename(segs[1], segs[1]+salvageSuffix); err != nil {
				t.Fatal(err)
			}
		}, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openDir(t, dir, Options{SegmentBytes: 500})
			for i := range int64(n) {
				if _, err := l.Append(1, content(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			segs, err := filepath.Glob(filepath.Join(dir, "*.seg"))
			if err != nil || len(segs) < 3 {
				t.Fatalf("%d segments, %v", len(segs), err)
			}
			c.harm(t, segs)
			before := files(t, dir)
			for range 2 {
				l, err := OpenReadOnly(dir, Options{})
				if err != nil {
					t.Fatal(err)
				}
				rep := l.Report()
				if (len(rep.Damaged) > 0) != c.damaged || (rep.TornFile != "") != c.torn {
					t.Errorf("report %+v", rep)
				}
				if !c.damaged {
					if got := len(readAll(t, l, 0)); (got == n) != c.all || int64(got) != l.Next() {
						t.Errorf("%d records, next %d", got, l.Next())
					}
				}
				if _, err := l.Append(1, nil); !errors.Is(err, ErrClosed) {
					t.Errorf("append: %v", err)
				}
				if err := errors.Join(l.TrimBefore(n), l.Close()); err != nil {
					t.Error(err)
				}
			}
			if !maps.Equal(before, files(t, dir)) {
				t.Error("the folder was changed")
			}
		})
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := OpenReadOnly(dir, Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no log: %v", err)
		}
	}
}
