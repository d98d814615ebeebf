//go:build ops

package ops

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const (
	jsonnet = "github.com/google/go-jsonnet/cmd/jsonnet@v0.22.0"
	module  = "github.com/quell-stream/quell"
)

// mixed evaluates an expression about the mixin, as it is vendored: deploy, and nothing
// else of the repository.
func mixed(t *testing.T, expression string) any {
	t.Helper()
	vendor := t.TempDir()
	if err := os.CopyFS(filepath.Join(vendor, module, "deploy"), os.DirFS(filepath.Join(root(), "deploy"))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", jsonnet, "-J", vendor, "-e", "local quell = import '"+module+"/deploy/mixin/mixin.libsonnet'; "+expression)
	cmd.Dir = root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("jsonnet: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var v any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// plain reads YAML, or JSON, as JSON has it.
func plain(t *testing.T, text string) (v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMixin: the mixin gives what stands in deploy, and with another selector the same
// rules for other targets, which Prometheus takes.
func TestMixin(t *testing.T) {
	need(t, "promtool")
	all := mixed(t, `{rules: quell.prometheusRules, alerts: quell.prometheusAlerts, dashboards: quell.grafanaDashboards}`).(map[string]any)
	for what, file := range map[string]string{"rules": rulesFile, "alerts": alertsFile} {
		if !reflect.DeepEqual(all[what], plain(t, read(t, file))) {
			t.Errorf("%s are not those of %s", what, file)
		}
	}
	if !reflect.DeepEqual(all["dashboards"], map[string]any{"quell.json": plain(t, read(t, "deploy/grafana/quell.json"))}) {
		t.Error("the dashboard is not deploy/grafana/quell.json")
	}

	other := mixed(t, `local q = quell { _config+:: { selector: 'job="a/b",site="north"', runbook: 'https://wiki/quell#', dashboardUid: 'q2' } };
		{alerts: q.prometheusAlerts, rules: q.prometheusRules, dashboard: q.grafanaDashboards['quell.json']}`).(map[string]any)
	text, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{`job=\"quell\"`, "blob/main/docs/runbook.md#"} {
		if strings.Contains(string(text), left) {
			t.Errorf("%s is left", left)
		}
	}
	for _, want := range []string{`up{job=\"a/b\",site=\"north\"} == 0`, "https://wiki/quell#quellgone", `"uid":"q2"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %s", want)
		}
	}
	dir := t.TempDir()
	for _, what := range []string{"alerts", "rules"} {
		b, err := json.Marshal(other[what])
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, what+".yaml") // JSON is YAML
		write(t, file, string(b))
		command(t, "promtool", "check", "rules", file)
	}
}
