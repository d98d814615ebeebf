package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// TestReference: the committed reference and schema are what the structs give.
func TestReference(t *testing.T) {
	golden(t, "../../docs/configuration.md", Reference())
	b, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/quell.schema.json", string(b))
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(SchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// TestSchemaAccepts: a standard validator finds nothing wrong with any file that Parse
// takes.
func TestSchemaAccepts(t *testing.T) {
	s := compiled(t)
	for _, pattern := range []string{"testdata/*.good.yaml", "../../configs/*.yaml"} {
		for _, path := range files(t, pattern) {
			if err := validate(t, s, read(t, path)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// TestSchemaRefuses: and it finds the mistakes that have to do with one key alone.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	text := string(read(t, "../../configs/edge-mqtt.yaml"))
	for _, r := range [][2]string{
		{"version: 1", "version: x"}, {"streams:", "steams:"}, {"qos: 1", "qos: one"}, {"time_unit: ms", "time_unit: mss"},
		{"min: -40", "min: cold"}, {"hold: 5s", "hold: 5"}, {"hold: 5s", "hold: 5 s"}, {"late: drop", "late: dorp"}, {"1/month", "1/moth"},
		{"8MiB", "8MoB"}, {"required: false", "required: flase"}, {"connection: plant\n", "type: file\n"}, {"type: webhook", "type: stdout"},
		{"[clean, ops]", "clean"}, {"  pumps:", "  pu mps:"}, {"url: mqtts", "brokers: mqtts"}, {"type: mqtt, url", "type: kafka, url"},
	} {
		if strings.Count(text, r[0]) < 1 {
			t.Fatalf("%q is not in the example", r[0])
		}
		if err := validate(t, s, []byte(strings.Replace(text, r[0], r[1], 1))); err == nil {
			t.Errorf("%q for %q is accepted", r[1], r[0])
		}
	}
}

// TestYAML: what is printed reads as the same configuration, secrets apart.
func TestYAML(t *testing.T) {
	for _, pattern := range []string{"testdata/*.good.yaml", "../../configs/*.yaml"} {
		for _, path := range files(t, pattern) {
			cfg, _, err := Parse(path, read(t, path), setFor)
			if err != nil {
				t.Fatal(report(nil, err))
			}
			text, err := cfg.YAML()
			if err != nil {
				t.Fatal(err)
			}
			again, warnings, err := Parse(filepath.Base(path), text, nil)
			if err != nil {
				t.Errorf("%s", report(warnings, err))
				t.Logf("%s", text)
				continue
			}
			second, err := again.YAML()
			if err != nil || string(second) != string(text) {
				t.Errorf("%s: printed again it is\n%s\nwant\n%s", path, second, text)
			}
			for _, secret := range []string{"hunter2", "0123", "s3cret"} {
				if strings.Contains(strings.ReplaceAll(string(text), "state_dir: hunter2", ""), secret) {
					t.Errorf("%s: the secret %q is printed:\n%s", path, secret, text)
				}
			}
		}
	}
}
