package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

func TestSecretNeverShows(t *testing.T) {
	s := NewSecret("hunter2")
	b, err := yaml.Marshal(map[string]any{"a": s, "b": struct{ P Secret }{s}, "c": &s})
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %v", s, s, s, s, s, s, s, &s, struct{ P Secret }{s}) + string(b) + string(text) + s.String()
	if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
		t.Error(all)
	}
	if !strings.Contains(all, "[redacted]") || NewSecret("").String() != "" || s.Reveal() != "hunter2" {
		t.Error(all)
	}
}

// TestMasked: however a secret is written, and whether or not the file can be
// parsed, the excerpt of a mistake beside it hides it and nothing else.
func TestMasked(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"version: 1\nx: {password: hunter2, y: 1}", "x: {password: ***, y: 1}"},
		{"version: 1\nx: {password: \"hun\\\"ter2\", y: 1}", "x: {password: ***, y: 1}"},
		{"version: 1\nx: {'password': 'hun''ter2', y: 1}", "x: {'password': ***, y: 1}"},
		{"version: 1\nx: {passwd: hunter2, secret: [hunter2, b]}", "x: {passwd: ***, secret: ***"},
		{"version: 1\nx: {password: \"${PW}\", y: 1}", "x: {password: \"${PW}\", y: 1}"},
		{"version: 1\nx: {password: \"${PW:-hunter2}\", y: 1}", "x: {password: ***, y: 1}"},
		{"version: 1\nx: {password_file: /run/x, y: 1}", "x: {password_file: /run/x, y: 1}"},
		{"version: 1\nx: {url: mqtt://u:hunter2@h, y: 1}", "x: {url: mqtt://***@h, y: 1}"},
		{"version: 1\nx: {url: \"https://h/T0/hunter2\", y: 1}", "x: {url: \"https://h/***\", y: 1}"},
		{"version: 1\nx: {urls: [\"https://h/hunter2\", 'http://é:1?k=hunter2'], y: 1}", "x: {urls: [\"https://h/***\", 'http://é:1?***'], y: 1}"},
		{"version: 1\nx: {urls: [https://h/hunter2], y: [1}", "x: {urls: [https://h/***], y: [1}"},
		{"version: 1\nx: {dashboard: \"https://h/a?b={c}\", y: 1}", "x: {dashboard: \"https://h/a?b={c}\", y: 1}"},
		{"version: 1\nx: {password: &p hunter2, y: *p}", "x: {password: ***"},
		{"version: 1\nx: {password: hunter2, y: 1", "x: {password: ***, y: 1"},
		{"version: 1\nx: {token: \"hunter2\", y: [1}", "x: {token: ***, y: [1}"},
		{"version: 1\nx: {token: \"hunter2, y: [1}", "x: {token: ***"},
		{"version: 1\nx: {token_file: /t, y: [1}", "x: {token_file: /t, y: [1}"},
		{"version: 1\npassword: hun, ter2: [1}", "password: ***"},
	} {
		_, _, err := Parse("x", []byte(c.text), nil)
		var l ErrorList
		if !errors.As(err, &l) {
			t.Errorf("%s: accepted", c.text)
			continue
		}
		if got := l.Format(); !strings.Contains(got, "   2 | "+c.want+"\n") || strings.Contains(got, "ter2") {
			t.Errorf("%s:\n%s", c.text, got)
		}
	}
	// Blocks hide all their lines.
	_, _, err := Parse("x", []byte("version: 1\nsinks:\n  o:\n    type: webhook\n    secret: |\n      hunter2\n      hunter2\n    url: https://h\nstreams: {s: {sinks: [o], source: {type: sim, conection: \"\n hunter2\"}}}\n"), nil)
	if err == nil {
		t.Fatal("accepted")
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		value, file, want string
		fails             bool
	}{
		{"v", "", "v", false}, {"v", "/nowhere", "v", false}, {"", "", "", false}, {"", file("a", "x y \r\n"), "x y ", false},
		{"", file("b", "two\n\n"), "two\n", false}, {"", file("c", "\n"), "", true}, {"", filepath.Join(dir, "none"), "", true},
	} {
		got, err := ReadSecret(NewSecret(c.value), c.file)
		if got.Reveal() != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: got %q, %v", c, got.Reveal(), err)
		}
	}
}

// TestCredential: what systemd hands over is found by its name, and by no other path.
func TestCredential(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mqtt"), []byte("hunter2\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	got, err := ReadSecret(Secret{}, "credential:mqtt")
	if err != nil || got.Reveal() != "hunter2" {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	for _, name := range []string{"credential:", "credential:..", "credential:../mqtt", "credential:/etc/passwd", "credential:none"} {
		if _, err := ReadSecret(Secret{}, name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := ReadSecret(Secret{}, "credential:mqtt"); err == nil || !strings.Contains(err.Error(), "LoadCredential=mqtt:PATH") {
		t.Errorf("without systemd: %v", err)
	}
}

// TestExposed: a secret that others can read or write is told of, and so is a
// configuration that spells one out.
func TestExposed(t *testing.T) {
	dir := t.TempDir()
	secret, cfg := filepath.Join(dir, "secret"), filepath.Join(dir, "quell.yaml")
	for _, f := range []string{secret, cfg} {
		text := "version: 1\nsinks: {o: {type: webhook, url: \"https://h\", secret: hunter2}}\nstreams: {s: {source: {type: sim}, sinks: [o]}}\n"
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "", 0o440: "", 0o644: "everyone on this machine may read", 0o604: "everyone", 0o660: "may write", 0o602: "may write"} {
		for _, f := range []string{secret, cfg} {
			if err := os.Chmod(f, mode); err != nil {
				t.Fatal(err)
			}
		}
		if got := Exposed(secret); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("mode %#o: %q, want %q", mode, got, want)
		}
		_, warnings, err := Load(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var text string
		for i := range warnings {
			text += warnings[i].Format()
		}
		if (text == "") != (want == "") || !strings.Contains(text, want) || strings.Contains(text, "hunter2") {
			t.Errorf("mode %#o: %q, want %q", mode, text, want)
		}
	}
	if got := Exposed(filepath.Join(dir, "none")) + Exposed(dir); got != "" {
		t.Errorf("what is no file: %s", got)
	}
}

// TestSecretTooLarge: a wrong path must not be read to its end.
func TestSecretTooLarge(t *testing.T) {
	if _, err := ReadSecret(Secret{}, "/dev/zero"); err == nil || !strings.Contains(err.Error(), "no secret") {
		t.Errorf("an endless file: %v", err)
	}
}

// TestCheck: what a run would say of the files of secrets that are here is said by a
// check, with its place; those that are not here are none of its business.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		mode  os.FileMode
		fails bool
		want  string
	}{
		"well":      {"hunter2", 0o600, false, ""},
		"open":      {"hunter2", 0o666, false, "sinks.o.secret_file: DIR/secret holds a secret and others than its owner may write it (mode 0666): chmod 600"},
		"empty":     {"\n", 0o600, true, "sinks.o.secret_file: DIR/secret is empty"},
		"both":      {"", 0o644, true, "everyone on this machine may read it"},
		"not there": {"", 0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			secret, cfg := filepath.Join(dir, "secret"), filepath.Join(dir, "quell.yaml")
			if c.mode != 0 {
				if err := errors.Join(os.WriteFile(secret, []byte(c.text), 0o600), os.Chmod(secret, c.mode)); err != nil {
					t.Fatal(err)
				}
			}
			text := "version: 1\nsinks: {o: {type: webhook, url: \"https://h\", secret_file: " + secret + "}}\nstreams: {s: {source: {type: sim}, sinks: [o]}}\n"
			if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, warnings, err := Check(cfg)
			if (err != nil) != c.fails || (got == nil) != c.fails {
				t.Errorf("got %v, %v", got, err)
			}
			said := report(warnings, err)
			if want := strings.ReplaceAll(c.want, "DIR", dir); !strings.Contains(said, want) || (want == "") != (said == "") {
				t.Errorf("got %q, want %q", said, want)
			}
		})
	}
	if _, _, err := Check(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestBareVariable: a variable without its braces is no variable, which is told
// without its text.
func TestBareVariable(t *testing.T) {
	for value, want := range map[string]bool{"$MQTT_PASSWORD": true, "$PW2": true, "${PW}": false, "$${PW": false, "$hunter2": false, "hunter$PW": false, "$": false} {
		text := "version: 1\nsinks: {o: {type: webhook, url: \"https://h\", secret: \"" + value + "\"}}\nstreams: {s: {source: {type: sim}, sinks: [o]}}\n"
		_, warnings, err := Parse("x", []byte(text), environment)
		if err != nil {
			t.Fatal(err)
		}
		said := report(warnings, nil)
		if got := strings.Contains(said, "sinks.o.secret: is taken as it stands"); got != want || want && strings.Contains(said, "MQTT_PASSWORD") {
			t.Errorf("%s: %q", value, said)
		}
	}
}
