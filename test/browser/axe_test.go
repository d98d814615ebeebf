package browser

import (
	"os"
	"strings"
	"testing"
)

// axeFile is axe-core, which scripts/tools.sh fetches.
const axeFile = "../../.cache/axe.min.js"

// axe returns the script of axe-core. Where it is not there the test is skipped, and
// fails in CI.
func axe(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(axeFile)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("axe-core is not there: run scripts/tools.sh: %v", err)
		}
		t.Skipf("axe-core is not there: run scripts/tools.sh: %v", err)
	}
	return string(b)
}

// accessible fails the test for each violation that axe-core finds in what is shown.
func (p *tab) accessible(script, what string) {
	p.t.Helper()
	if !eval[bool](p, `typeof axe === "object"`) {
		eval[string](p, script+"; ''")
	}
	found := eval[struct {
		Violations []string
		Passes     int
	}](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => ({passes: r.passes.length,
		violations: r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.html.slice(0, 160) + " " + n.failureSummary.replace(/\s+/g, " ").slice(0, 200)))}))`)
	if found.Passes == 0 {
		p.t.Errorf("%s: axe-core looked at nothing", what)
	}
	if n := len(found.Violations); n > 0 {
		p.t.Errorf("%s: %d violations:\n%s", what, n, strings.Join(found.Violations[:min(n, 8)], "\n"))
	}
}
