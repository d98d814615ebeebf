package dlq

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReasons: every reason that the sources and codecs give is known.
func TestReasons(t *testing.T) {
	given := regexp.MustCompile(`Malformed\("([a-z_]+)"`)
	n := 0
	err := filepath.WalkDir("../../ingest", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range given.FindAllStringSubmatch(string(text), -1) {
			if n++; !slices.Contains(Reasons(), m[1]) {
				t.Errorf("%s: the reason %q is not in Reasons", path, m[1])
			}
		}
		return err
	})
	if err != nil || n == 0 {
		t.Errorf("%d reasons found, %v", n, err)
	}
}
