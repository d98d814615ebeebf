package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

const root = "../.."

func load(t *testing.T) config.Project {
	t.Helper()
	p, err := config.Load(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLoadCanFail: a key that GoReleaser does not know is an error.
func TestLoadCanFail(t *testing.T) {
	text := strings.Replace(read(t, ".goreleaser.yaml"), "goarm:", "goarms:", 1)
	if _, err := config.LoadReader(strings.NewReader(text)); err == nil {
		t.Error("goarms is taken")
	}
}

// TestRelease: the binaries are those of the packages: the same platforms and the same
// flags, of which the version is one that the program has.
func TestRelease(t *testing.T) {
	p := load(t)
	if p.Version != 2 || len(p.Builds) != 1 || !p.Release.Draft {
		t.Fatalf("version %d, %d builds, draft %t", p.Version, len(p.Builds), p.Release.Draft)
	}
	b, script := p.Builds[0], read(t, "scripts/packages.sh")
	var all []string
	for _, arch := range b.Goarch {
		if arch != "arm" {
			all = append(all, arch)
			continue
		}
		for _, v := range b.Goarm {
			all = append(all, "armv"+v)
		}
	}
	if want := regexp.MustCompile(`\|\| set -- (.+)`).FindStringSubmatch(script); want == nil || strings.Join(all, " ") != want[1] {
		t.Errorf("it is made for %q, packages are for %q", all, want)
	}
	flags := strings.Join(b.Flags, " ") + ` -ldflags "` + strings.ReplaceAll(b.Ldflags[0], "{{ .Version }}", "$VERSION") + `"`
	if !strings.Contains(script, "go build "+flags+" ") || !slices.Equal(b.Env, []string{"CGO_ENABLED=0"}) {
		t.Errorf("it is built with %s, packages with others", flags)
	}
	if !regexp.MustCompile(`(?m)^\s*var version|^\s*version\s+(string|=)`).MatchString(read(t, "cmd/quell/version.go")) {
		t.Error("there is no main.version to be set")
	}
}

// TestFiles: what is named is there, or is made by what is run before.
func TestFiles(t *testing.T) {
	p := load(t)
	var made []string
	for _, h := range p.Before.Hooks {
		for word := range strings.FieldsSeq(h) {
			if strings.HasPrefix(word, "scripts/") {
				made = append(made, "bin/packages/")
				if info, err := os.Stat(filepath.Join(root, word)); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%s is not there to be run", word)
				}
			}
		}
		if target, is := strings.CutPrefix(h, "make "); is {
			if err := exec.Command("make", "-n", "-C", root, target).Run(); err != nil {
				t.Errorf("make %s: %v", target, err)
			}
			made = append(made, "bin/quell.cdx.json")
		}
	}
	var named []string
	for _, f := range p.Archives[0].Files {
		named = append(named, f.Source)
	}
	for _, f := range append(p.Release.ExtraFiles, p.Checksum.ExtraFiles...) {
		named = append(named, f.Glob)
	}
	if len(named) < 8 {
		t.Errorf("only %v are named", named)
	}
	for _, n := range named {
		if slices.ContainsFunc(made, func(m string) bool { return strings.HasPrefix(n, m) }) {
			continue
		}
		if found, err := filepath.Glob(filepath.Join(root, n)); err != nil || len(found) == 0 {
			t.Errorf("%s is not there, and nothing makes it", n)
		}
	}
}
