// Package quell_test holds the checks that concern the whole tree.
package quell_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/quell-stream/quell/"

// allowed says which packages of this module a folder may import, by prefix.
// The longest matching folder decides; a folder that is not listed may not
// exist. Its own subtree is always allowed except for vocabularies, which are
// imported by their drivers and never import them. docs/architecture.md has
// the same table in words.
var allowed = map[string][]string{
	"ingest":                   {},
	"ingest/ackset":            {},
	"ingest/codec":             {"ingest", "ingest/codec"},
	"ingest/ingesttest":        {"ingest"},
	"ingest/file":              {"ingest", "ingest/codec", "internal"},
	"ingest/sim":               {"ingest", "internal"},
	"ingest/host":              {"ingest", "ingest/codec"},
	"ingest/mqtt":              {"ingest", "ingest/ackset", "conn", "internal"},
	"ingest/kafka":             {"ingest", "ingest/ackset", "ingest/kafka", "conn"},
	"conn":                     {"conn"},
	"window":                   {"ingest", "internal"},
	"model":                    {"model/nn", "model/onnx", "model/safetensors", "internal"},
	"model/internal/kernel":    {},
	"model/nn":                 {"model/internal/kernel"},
	"model/onnx":               {"model/nn"},
	"model/safetensors":        {},
	"model/noise":              {"internal"},
	"model/noise/colourstudy":  {"model/noise", "model/synth"},
	"model/nonlocal":           {"model/internal/kernel", "internal"},
	"model/guard":              {"model/classic", "model/noise", "model/nonlocal", "internal"},
	"model/synth":              {"model/noise"},
	"model/train":              {"model", "model/nn", "model/noise", "model/synth", "model/eval", "window", "internal"},
	"model/eval":               {"model/eval", "model/classic", "model/noise"},
	"model/classic":            {"model/internal/kernel", "internal"},
	"model/replay":             {"internal"},
	"drift":                    {"internal"},
	"drift/drifttest":          {"drift"},
	"drift/golden":             {"drift"},
	"drift/drifteval":          {"drift", "drift/golden", "drift/monitor", "model/nn", "model/train", "internal"},
	"drift/monitor":            {"drift", "model/nn", "internal"},
	"drift/fleet":              {},
	"sink":                     {},
	"sink/sinktest":            {"sink"},
	"sink/spool":               {"sink", "internal"},
	"sink/dlq":                 {"sink", "internal"},
	"sink/file":                {"sink", "internal"},
	"sink/stdout":              {"sink"},
	"sink/webhook":             {"sink"},
	"sink/alertmanager":        {"sink", "internal"},
	"sink/mqtt":                {"sink", "conn"},
	"sink/kafka":               {"sink", "conn"},
	"pipeline":                 {"ingest", "window", "model", "model/nn", "model/guard", "drift/monitor", "sink", "sink/spool", "sink/dlq", "internal", "pipeline/state", "pipeline/view"},
	"pipeline/view":            {"sink"},
	"client":                   {"pipeline/view", "internal"},
	"pipeline/state":           {"internal"},
	"pipeline/state/topic":     {"pipeline/state", "pipeline/state/topic", "internal"},
	"pipeline/adapt":           {"pipeline/state", "pipeline/view", "drift/fleet", "model", "model/train", "model/replay", "model/noise", "window", "pipeline", "internal", "sink"},
	"pipeline/capture":         {"ingest", "internal"},
	"pipeline/adapt/adapteval": {"ingest", "model", "model/nn", "model/train", "model/replay", "model/noise", "drift/monitor", "window", "pipeline", "pipeline/adapt", "sink", "internal"},
	"pipeline/config":          {""},
	"pipeline/offline":         {"ingest", "ingest/file", "window", "model", "model/nn", "model/train", "model/classic", "model/guard", "drift/monitor", "sink", "internal", "pipeline"},
	"pipeline/assemble":        {""},
	"web":                      {"pipeline", "pipeline/view"},
	"web/app":                  {},
	"internal":                 {"internal"},
	"bench":                    {"bench", "model", "model/nn", "model/onnx", "model/train", "drift", "drift/monitor", "ingest", "ingest/codec", "sink"},
	"cmd":                      {""},
	"docs":                     {""},
	"deploy":                   {},
	"test":                     {},
	"test/browser":             {"test/browser"},
	"test/chart":               {},
	"test/release":             {},
	"test/integration":         {"test/harness"},
	"test/faults":              {"test/harness"},
	"test/ops":                 {"test/harness"},
	"test/docs":                {"test/harness"},
	".ci":                      {},
	".ci/quality":              {"model", "model/eval", "model/classic", "model/noise", "internal"},
}

// drivers are client libraries that only the named folders may import.
var drivers = map[string][]string{
	"github.com/eclipse/paho.mqtt.golang": {"conn/mqttconn", "ingest/mqtt", "sink/mqtt", "cmd", "test"},
	"github.com/gorilla/websocket":        {"conn/mqttconn"},
	"github.com/segmentio/kafka-go":       {"conn/kafkaconn", "ingest/kafka", "sink/kafka", "test"},
	"github.com/Shopify/toxiproxy":        {"test"},
	"go.yaml.in/yaml":                     {"pipeline/config", "cmd", "test/ops"},
	"github.com/spf13/cobra":              {"cmd"},
}

func TestImports(t *testing.T) {
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == ".cache" || d.Name() == ".venv") {
			return fs.SkipDir
		}
		// The suite that checks the program from outside is all tests, and imports
		// nothing of it. Elsewhere tests may import what they like.
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") && !within(filepath.ToSlash(file), "test") {
			return nil
		}
		f, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		folder, may := rule(dir)
		if folder == "" {
			t.Errorf("%s: folder %s is not in the table of imports", file, dir)
			return nil
		}
		for _, spec := range f.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			for lib, folders := range drivers {
				if within(p, lib) && !any(folders, dir) {
					t.Errorf("%s imports %s, which only %v may", file, p, folders)
				}
			}
			if rel, ours := strings.CutPrefix(p, module); ours && !mayImport(dir, rel, may) {
				t.Errorf("%s imports %s, but %s may import only %v of this module", file, rel, folder, may)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rule returns the entry of the table that decides about dir.
func rule(dir string) (folder string, may []string) {
	for d := dir; d != "."; d = path.Dir(d) {
		if may, ok := allowed[d]; ok {
			return d, may
		}
	}
	return "", nil
}

// mayImport says whether dir may import rel. An entry allows the folder itself
// and, where it is no entry's parent, what lies below it.
func mayImport(dir, rel string, may []string) bool {
	for _, m := range may {
		if m == "" || m == rel {
			return true
		}
		if folder, _ := rule(rel); folder == m {
			return true
		}
	}
	return false
}

func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func any(folders []string, dir string) bool {
	for _, f := range folders {
		if within(dir, f) {
			return true
		}
	}
	return false
}
