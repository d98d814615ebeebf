//go:build ops

package ops

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	rulesFile  = "deploy/prometheus/quell.rules.yaml"
	alertsFile = "deploy/prometheus/quell.alerts.yaml"
	testsFile  = "deploy/prometheus/quell.tests.yaml"
)

var alertName = regexp.MustCompile(`(?m)^\s+- alert: (\w+)$`)

// names returns what the first group of a pattern holds, each once, sorted.
func names(re *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestRules: the rules are what promtool takes, and fire when they should and only then.
func TestRules(t *testing.T) {
	need(t, "promtool")
	command(t, "promtool", "check", "rules", rulesFile, alertsFile)
	command(t, "promtool", "check", "config", "--lint=none", "deploy/prometheus/prometheus.yaml")
	command(t, "promtool", "test", "rules", testsFile)
}

// TestRulesCanFail: the unit tests notice a threshold that is moved.
func TestRulesCanFail(t *testing.T) {
	need(t, "promtool")
	dir := t.TempDir()
	for _, name := range []string{rulesFile, alertsFile, testsFile} {
		text := read(t, name)
		if name == alertsFile {
			moved := strings.Replace(text, "quell:spool_fill:ratio > 0.5", "quell:spool_fill:ratio > 0.8", 1)
			if moved == text {
				t.Fatal("the rule to be moved is not there")
			}
			text = moved
		}
		write(t, filepath.Join(dir, filepath.Base(name)), text)
	}
	cmd := exec.Command("promtool", "test", "rules", filepath.Base(testsFile))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "QuellSpoolFilling") {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestEachAlert: each alert is seen to fire in the unit tests, links to its section of
// the runbook, and the runbook has no section of an alert that is gone.
func TestEachAlert(t *testing.T) {
	alerts := names(alertName, read(t, alertsFile))
	if len(alerts) < 15 {
		t.Fatalf("%d alerts: is the file read as it is written?", len(alerts))
	}
	fired := names(regexp.MustCompile(`\{alertname="(\w+)"\}', value: 1`), read(t, testsFile))
	if !slices.Equal(alerts, fired) {
		t.Errorf("alerts are\n%v\nthose that fire in %s\n%v", alerts, testsFile, fired)
	}
	sections := names(regexp.MustCompile(`(?m)^## (Quell\w+)$`), read(t, "docs/runbook.md"))
	if !slices.Equal(alerts, sections) {
		t.Errorf("alerts are\n%v\nsections of the runbook\n%v", alerts, sections)
	}
	var want []string
	for _, a := range alerts {
		want = append(want, strings.ToLower(a))
	}
	links := names(regexp.MustCompile(`runbook_url: https://\S+/docs/runbook\.md#(\w+)\n`), read(t, alertsFile))
	if !slices.Equal(links, want) {
		t.Errorf("links are\n%v\nwant\n%v", links, want)
	}
}
