package adapt

import (
	"path/filepath"
	"strings"
	"testing"
)

// A series' name is what somebody else chose: its file lies in the folder all the same.
func TestPathStaysInside(t *testing.T) {
	a := &Adapter{cfg: Config{Dir: filepath.Join("state", "adapt")}}
	seen := map[string]string{}
	for _, name := range []string{"", "..", ".", "../../etc/passwd", "/etc/passwd", `..\..\x`, "a/b", "a%2Fb", "stream", strings.Repeat("../", 80), strings.Repeat("x", 256), "é"} {
		path := a.path(name)
		if dir, file := filepath.Split(path); filepath.Clean(dir) != a.cfg.Dir || strings.ContainsAny(file, `/\`) || len(file) > 240 {
			t.Errorf("series %q is kept in %s", name, path)
		}
		if other, ok := seen[path]; ok {
			t.Errorf("series %q and %q share %s", name, other, path)
		}
		seen[path] = name
	}
}
