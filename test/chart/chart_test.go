package chart

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

const chartDir = "../../deploy/helm/quell"

const (
	token     = "secrets: {token: \"0123456789abcdef0123456789abcdef\"}\n"
	operators = `
existingSecret: mine
serviceMonitor: {enabled: true}
keda: {enabled: true, bootstrapServers: "k:9092", consumerGroup: g, topic: t, lagThreshold: "50"}
`
)

type tree = map[string]any

// values are what a user gives, over those of the chart.
func values(t *testing.T, text string) tree {
	t.Helper()
	v, err := chartutil.ReadValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// render renders the chart as helm does, and returns what it makes by kind, each held
// against the types of Kubernetes.
func render(t *testing.T, text string) (map[string]tree, error) {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	in, err := chartutil.ToRenderValues(c, values(t, text), chartutil.ReleaseOptions{Name: "plant", Namespace: "shop", IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(c, in)
	if err != nil {
		return nil, err
	}
	out := map[string]tree{}
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		docs := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
		for {
			doc, err := docs.Read()
			if err != nil {
				break
			}
			if o := parse(t, name, doc); o != nil {
				out[fmt.Sprint(o["kind"])] = o
			}
		}
	}
	return out, nil
}

// kinds are the types of what the chart makes; others are those of operators.
var kinds = map[string]func() any{
	"ConfigMap":           func() any { return new(corev1.ConfigMap) },
	"Secret":              func() any { return new(corev1.Secret) },
	"Service":             func() any { return new(corev1.Service) },
	"StatefulSet":         func() any { return new(appsv1.StatefulSet) },
	"PodDisruptionBudget": func() any { return new(policyv1.PodDisruptionBudget) },
}

// foreign are the kinds of operators, by their API.
var foreign = map[string]string{"ServiceMonitor": "monitoring.coreos.com/v1", "ScaledObject": "keda.sh/v1alpha1"}

// parse reads one object. A key that its type does not have, one that stands twice or a
// value of another type is an error, as with an API server that validates strictly.
func parse(t *testing.T, name string, doc []byte) tree {
	t.Helper()
	o, err := parsed(doc)
	if err != nil {
		t.Fatalf("%s: %v in\n%s", name, err, doc)
	}
	return o
}

func parsed(doc []byte) (tree, error) {
	var o tree
	if err := strict.Unmarshal(doc, &o); err != nil || o == nil {
		return nil, err
	}
	kind := fmt.Sprint(o["kind"])
	if api, is := foreign[kind]; is {
		if o["apiVersion"] != api {
			return nil, fmt.Errorf("%s is of %v, want %s", kind, o["apiVersion"], api)
		}
		return o, nil
	}
	typed := kinds[kind]
	if typed == nil {
		return nil, fmt.Errorf("what is a %q?", kind)
	}
	if err := strict.UnmarshalStrict(doc, typed()); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return o, nil
}

// TestLint: helm finds nothing to say, not even an advice, whatever is switched on.
func TestLint(t *testing.T) {
	for name, text := range map[string]string{
		"usual": token, "operators": operators, "TLS": token + "config: {http: {tls: {cert_file: /run/secrets/quell/tls.crt, key_file: /run/secrets/quell/tls.key}}}\n",
	} {
		for _, m := range lint.All(chartDir, values(t, text), "shop", true).Messages {
			if m.Severity > support.InfoSev || !strings.Contains(m.Err.Error(), "icon is recommended") {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

// TestParseCanFail: a key that is misspelt or stands twice, a number in place of a text, an
// unknown kind and a foreign one of another version are found; what is well is not.
func TestParseCanFail(t *testing.T) {
	for _, bad := range []string{"{apiVersion: v1, kind: Service, spec: {portz: []}}", "{apiVersion: v1, kind: ConfigMap, data: {a: [1]}}", "{apiVersion: v1, kind: Secret, type: a, type: b}",
		"{apiVersion: v1, kind: Pot}", "{apiVersion: v1, kind: ScaledObject}", "{"} {
		if o, err := parsed([]byte(bad)); err == nil {
			t.Errorf("%s is taken as %v", bad, o)
		}
	}
	for _, good := range []string{"{apiVersion: v1, kind: Service, spec: {ports: []}}", "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject}", "# nothing"} {
		if _, err := parsed([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
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
	out, err := render(t, token)
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
	if grace := at(t, pod, "terminationGracePeriodSeconds").(float64); grace < 45 {
		t.Errorf("a stop has %g s, and a drain takes up to 45", grace)
	}

	if text := checked(t, out); !strings.Contains(text, "type: sim") {
		t.Errorf("nothing to see without streams of one's own:\n%s", text)
	}
}

// binary builds quell, once for all tests, below built.
var binary = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(built, "quell")
	build := exec.Command("go", "build", "-o", bin, "./cmd/quell")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

var built string // a folder that is removed in the end

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "quell"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// checked holds the configuration of a chart against quell check, and returns it.
func checked(t *testing.T, out map[string]tree) string {
	t.Helper()
	text := fmt.Sprint(at(t, out["ConfigMap"], "data", "quell.yaml"))
	config := filepath.Join(t.TempDir(), "quell.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(bin, "check", "-c", config)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("quell check: %v\n%s%s", err, out, text)
	}
	return text
}

// TestChartStreams: streams and sinks of one's own take the place of those that the chart
// makes up, and what is left out beside them is filled in.
func TestChartStreams(t *testing.T) {
	for _, c := range []struct {
		name, values    string
		holds, holdsNot []string
	}{
		{"both", "config: {streams: {pumps: {source: {type: file, path: /data/in.csv}, channels: [x], sinks: [out]}}, sinks: {out: {type: file, path: /var/lib/quell/out.jsonl}}}\n",
			[]string{"pumps:", "out:", "token_file: /run/secrets/quell/token", "version: 1"}, []string{"sensors:", "type: sim", "stdout"}},
		{"streams", "config: {streams: {pumps: {source: {type: file, path: /data/in.csv}, channels: [x], sinks: [clean]}}}\n", []string{"pumps:", "stdout"}, []string{"sensors:", "type: sim"}},
		{"sinks", "config: {sinks: {out: {type: file, path: /var/lib/quell/out.jsonl}}}\n", []string{"type: sim", "- out"}, []string{"stdout", "clean"}},
		{"http", "config: {http: {listen: \"0.0.0.0:8080\"}}\n", []string{"0.0.0.0:8080", "token_file: /run/secrets/quell/token", "type: sim"}, []string{"7070"}},
	} {
		out, err := render(t, token+c.values)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		text := checked(t, out)
		for _, want := range c.holds {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q in\n%s", c.name, want, text)
			}
		}
		for _, not := range c.holdsNot {
			if strings.Contains(text, not) {
				t.Errorf("%s: %q is left of the default in\n%s", c.name, not, text)
			}
		}
	}
}

// TestChartScales: with KEDA the lag decides on replicas, a drain of nodes takes one at
// a time, and Prometheus finds all under the name that the rules go by.
func TestChartScales(t *testing.T) {
	out, err := render(t, operators)
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

// TestChartTLS: where the configuration has the server speak TLS, whoever asks it does so
// too; and where callers are to show a certificate, Kubernetes, which has none, only looks
// whether somebody listens.
func TestChartTLS(t *testing.T) {
	const files = "cert_file: /run/secrets/quell/tls.crt, key_file: /run/secrets/quell/tls.key"
	secure := operators + "config: {http: {tls: {" + files + "}}}\n"
	secure = strings.Replace(secure, "serviceMonitor: {enabled: true}", "serviceMonitor: {enabled: true, tlsConfig: {serverName: quell.shop}}", 1)
	out, err := render(t, secure)
	if err != nil {
		t.Fatal(err)
	}
	c := at(t, out["StatefulSet"], "spec", "template", "spec", "containers", 0)
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		same(t, probe, at(t, c, probe, "httpGet", "scheme"), "HTTPS")
	}
	endpoint := at(t, out["ServiceMonitor"], "spec", "endpoints", 0)
	same(t, "scheme", at(t, endpoint, "scheme"), "https")
	same(t, "name", at(t, endpoint, "tlsConfig", "serverName"), "quell.shop")

	if out, err = render(t, strings.Replace(secure, files, files+", client_ca_file: /etc/quell/ca.pem", 1)); err != nil {
		t.Fatal(err)
	}
	c = at(t, out["StatefulSet"], "spec", "template", "spec", "containers", 0)
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		same(t, probe, at(t, c, probe, "tcpSocket", "port"), "http")
	}

	if out, err = render(t, operators); err != nil {
		t.Fatal(err)
	}
	if _, is := at(t, out["ServiceMonitor"], "spec", "endpoints", 0).(tree)["scheme"]; is {
		t.Error("without TLS a scheme is named")
	}
}
