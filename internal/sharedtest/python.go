package sharedtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Python returns a Python that has the given modules: the one that QUELL_PYTHON
// names, that of scripts/tools.sh in .cache/python, or python3. Without one the
// test is skipped, but not in CI.
func Python(t testing.TB, modules ...string) string {
	t.Helper()
	tried := []string{os.Getenv("QUELL_PYTHON"), filepath.Join(root(t), ".cache", "python", "bin", "python"), "python3"}
	for _, python := range tried {
		if python == "" {
			continue
		}
		if exec.Command(python, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return python
		}
	}
	const hint = "no Python has the modules %s: run scripts/tools.sh, or name one by QUELL_PYTHON"
	if os.Getenv("CI") == "true" {
		t.Fatalf(hint, strings.Join(modules, " and "))
	}
	t.Skipf(hint, strings.Join(modules, " and "))
	return ""
}
