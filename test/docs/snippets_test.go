//go:build docs

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	topKey = regexp.MustCompile(`(?m)^(\w+):`)
	second = regexp.MustCompile(`(?m)^  (\w+):`)
)

// TestSnippets: every YAML block is a configuration that passes `quell check`, or the
// description of a net that `quell train` takes.
func TestSnippets(t *testing.T) {
	checked := 0
	for _, doc := range lab.docs {
		all, err := blocks(doc, read(t, doc))
		if err != nil {
			t.Error(err)
		}
		for _, b := range all {
			switch {
			case b.lang != "yaml":
			case b.skip != "":
				t.Logf("%s is not checked: %s", b, b.skip)
			case strings.Contains(b.text, "\nexpect:"):
				checked++
				fixture(t, b)
			case strings.HasPrefix(b.text, "kind:"):
				checked++
				arch(t, b)
			default:
				checked++
				checkConfig(t, b)
			}
		}
	}
	if checked < 5 {
		t.Errorf("%d blocks were checked: are they found?", checked)
	}
}

// fixture runs a fixture on a configuration with what it names.
func fixture(t *testing.T, b *block) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"quell.yaml": `version: 1
connections: {plant: {type: mqtt, url: "mqtt://nobody.invalid:1883"}}
streams:
  pumps:
    source: {connection: plant, topics: ["sensors/{series}/telemetry"]}
    channels: {temp: {path: temp_c, missing: [-127]}, pressure: {path: p}}
    sinks: [clean]
sinks: {clean: {type: mqtt, connection: plant, topic: "quell/{stream}/{series}"}}
`, "snippet.fixture.yaml": b.text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(lab.quell, "test", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", b, err, out, b.text)
	}
}

// checkConfig completes what is a part of a configuration, and checks it. Secrets and
// certificates that it names need not be there.
func checkConfig(t *testing.T, b *block) {
	t.Helper()
	has := map[string]bool{}
	for _, m := range topKey.FindAllStringSubmatch(b.text, -1) {
		has[m[1]] = true
	}
	text := b.text
	add := func(key, value string) {
		if !has[key] {
			text += key + ": " + value + "\n"
		}
	}
	add("version", "1")
	add("connections", `{plant: {type: mqtt, url: "mqtt://localhost"}, cluster: {type: kafka, brokers: ["k:9092"]}}`)
	add("sinks", "{clean: {type: stdout}}")
	add("streams", "{s: {source: {type: sim}, sinks: ["+strings.Join(sinks(text), ", ")+"]}}")
	path := filepath.Join(t.TempDir(), "quell.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(lab.quell, "check", "-c", path)
	cmd.Env = append(os.Environ(), "MQTT_PASSWORD=x")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", b, err, text, out)
	}
}

// sinks returns the names of the sinks that are defined.
func sinks(text string) []string {
	_, part, ok := strings.Cut("\n"+text, "\nsinks:")
	if !ok {
		return nil
	}
	if next := topKey.FindStringIndex(part); next != nil {
		part = part[:next[0]]
	}
	var out []string
	for _, m := range second.FindAllStringSubmatch(part, -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		if m := regexp.MustCompile(`\{(\w+): \{`).FindStringSubmatch(part); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

// arch trains the net that a block describes for one step.
func arch(t *testing.T, b *block) {
	t.Helper()
	dir := t.TempDir()
	bring(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "arch.yaml"), []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(lab.quell, "train", "pairs.csv", "--clean", "noisy=clean", "--arch", "arch.yaml", "--steps", "1", "-o", "m.quell")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", b, err, out)
	}
}
