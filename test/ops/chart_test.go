//go:build ops

package ops

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v4"
)

const chartDir = "deploy/helm/quell"

type tree = map[string]any

// render renders the chart as helm does, as far as its templates go: helm itself takes
// minutes to build. Values override those of the chart, key by key.
func render(t *testing.T, values string) (map[string]tree, error) {
	t.Helper()
	parse := func(text string) tree {
		var v tree
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return v
	}
	chart := parse(read(t, chartDir+"/Chart.yaml"))
	in := tree{
		"Values":  merge(parse(read(t, chartDir+"/values.yaml")), parse(values)),
		"Chart":   tree{"Name": chart["name"], "AppVersion": chart["appVersion"]},
		"Release": tree{"Name": "plant"},
	}
	all := template.New("chart").Option("missingkey=error")
	all.Funcs(functions(all))
	files, err := filepath.Glob(filepath.Join(root(), chartDir, "templates", "*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("the templates are %v, %v", files, err)
	}
	if _, err := all.ParseFiles(files...); err != nil {
		t.Fatal(err)
	}
	out := map[string]tree{}
	for _, f := range files {
		if !strings.HasSuffix(f, ".yaml") {
			continue
		}
		var b bytes.Buffer
		if err := all.ExecuteTemplate(&b, filepath.Base(f), in); err != nil {
			return nil, err
		}
		for _, doc := range strings.Split(b.String(), "\n---\n") {
			if o := parse(doc); o != nil {
				out[fmt.Sprint(o["kind"])] = o
			}
		}
	}
	return out, nil
}

// functions are those of helm that the chart calls.
func functions(all *template.Template) template.FuncMap {
	indent := func(n int, s string) string {
		pad := strings.Repeat(" ", n)
		return pad + strings.ReplaceAll(s, "\n", "\n"+pad)
	}
	return template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var b strings.Builder
			err := all.ExecuteTemplate(&b, name, data)
			return b.String(), err
		},
		"toYaml": func(v any) (string, error) {
			b, err := yaml.Marshal(v)
			return strings.TrimSuffix(string(b), "\n"), err
		},
		"nindent": func(n int, s string) string { return "\n" + indent(n, s) },
		"indent":  indent,
		"quote":   func(v any) string { return fmt.Sprintf("%q", fmt.Sprint(v)) },
		"default": func(d, v any) any {
			if v == nil || v == "" {
				return d
			}
			return v
		},
		"trunc":      func(n int, s string) string { return s[:min(n, len(s))] },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"int":        func(v any) int { return v.(int) },
		"sha256sum":  func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) },
		"required": func(why string, v any) (any, error) {
			if v == nil || v == "" {
				return nil, errors.New(why)
			}
			return v, nil
		},
	}
}

func merge(base, over tree) tree {
	for k, v := range over {
		b, isTree := base[k].(tree)
		o, overTree := v.(tree)
		if isTree && overTree {
			v = merge(b, o)
		}
		base[k] = v
	}
	return base
}

// at follows a path of keys and indices.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(tree)
			if !ok || m[p] == nil {
				t.Fatalf("%v: there is no %q in %v", path, p, v)
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || len(l) <= p {
				t.Fatalf("%v: there is no element %d in %v", path, p, v)
			}
			v = l[p]
		}
	}
	return v
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

// TestChart: what the chart makes fits together, keeps its promises, and holds a
// configuration that passes quell check.
func TestChart(t *testing.T) {
	if _, err := render(t, ""); err == nil || !strings.Contains(err.Error(), "secrets.token is empty") {
		t.Errorf("without a token: %v", err)
	}
	out, err := render(t, `secrets: {token: "0123456789abcdef0123456789abcdef"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ConfigMap", "Secret", "Service", "StatefulSet"} {
		if out[kind] == nil {
			t.Errorf("there is no %s", kind)
		}
	}
	for _, kind := range []string{"PodDisruptionBudget", "ServiceMonitor", "ScaledObject"} {
		if out[kind] != nil {
			t.Errorf("there is a %s that nobody asked for", kind)
		}
	}
	set := out["StatefulSet"]
	pod := at(t, set, "spec", "template", "spec")
	c := at(t, pod, "containers", 0)
	same(t, "liveness", at(t, c, "livenessProbe", "httpGet", "path"), "/healthz")
	same(t, "readiness", at(t, c, "readinessProbe", "httpGet", "path"), "/readyz")
	same(t, "root", at(t, pod, "securityContext", "runAsNonRoot"), true)
	same(t, "file system", at(t, c, "securityContext", "readOnlyRootFilesystem"), true)
	same(t, "capabilities", at(t, c, "securityContext", "capabilities", "drop"), []any{"ALL"})
	same(t, "selector", at(t, out["Service"], "spec", "selector"), at(t, set, "spec", "selector", "matchLabels"))
	labels := at(t, set, "spec", "template", "metadata", "labels").(tree)
	for k, v := range at(t, set, "spec", "selector", "matchLabels").(tree) {
		same(t, "label "+k, labels[k], v)
	}
	mounts := map[string]bool{}
	for _, m := range at(t, c, "volumeMounts").([]any) {
		mounts[fmt.Sprint(at(t, m, "name"))] = true
	}
	for _, v := range append(at(t, pod, "volumes").([]any), at(t, set, "spec", "volumeClaimTemplates", 0, "metadata")) {
		delete(mounts, fmt.Sprint(at(t, v, "name")))
	}
	same(t, "mounts without a volume", len(mounts), 0)
	if grace := at(t, pod, "terminationGracePeriodSeconds").(int); grace < 45 {
		t.Errorf("a stop has %d s, and a drain takes up to 45", grace)
	}

	config := filepath.Join(t.TempDir(), "quell.yaml")
	write(t, config, fmt.Sprint(at(t, out["ConfigMap"], "data", "quell.yaml")))
	if out, err := exec.Command(quell, "check", "-c", config).CombinedOutput(); err != nil {
		t.Errorf("quell check: %v\n%s", err, out)
	}
}

// TestChartScales: with KEDA the lag decides on replicas, a drain of nodes takes one at
// a time, and Prometheus finds all under the name that the rules go by.
func TestChartScales(t *testing.T) {
	const more = `
existingSecret: mine
serviceMonitor: {enabled: true}
keda: {enabled: true, bootstrapServers: "k:9092", consumerGroup: g, topic: t, lagThreshold: "50"}
`
	out, err := render(t, more)
	if err != nil {
		t.Fatal(err)
	}
	if out["Secret"] != nil {
		t.Error("a secret is made beside the one that is named")
	}
	if _, fixed := out["StatefulSet"]["spec"].(tree)["replicas"]; fixed {
		t.Error("the number of replicas is fixed, and KEDA's too")
	}
	same(t, "secret", at(t, out["StatefulSet"], "spec", "template", "spec", "volumes", 1, "secret", "secretName"), "mine")
	same(t, "target", at(t, out["ScaledObject"], "spec", "scaleTargetRef", "name"), at(t, out["StatefulSet"], "metadata", "name"))
	same(t, "lag", at(t, out["ScaledObject"], "spec", "triggers", 0, "metadata", "lagThreshold"), "50")
	same(t, "budget", at(t, out["PodDisruptionBudget"], "spec", "maxUnavailable"), 1)
	same(t, "job", at(t, out["ServiceMonitor"], "spec", "endpoints", 0, "relabelings", 0, "replacement"), "quell")
	if _, err := render(t, "existingSecret: x\nkeda: {enabled: true}"); err == nil || !strings.Contains(err.Error(), "bootstrapServers is empty") {
		t.Errorf("KEDA without brokers: %v", err)
	}
}
