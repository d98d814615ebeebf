package release

import (
	"os"
	"os/exec"
	"path"
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
	if r := p.Release.GitHub; "github.com/"+r.Owner+"/"+r.Name != regexp.MustCompile(`(?m)^module (.+)$`).FindStringSubmatch(read(t, "go.mod"))[1] {
		t.Errorf("it is released to %s/%s", r.Owner, r.Name)
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
				made = append(made, packages(t, read(t, word))...)
				if info, err := os.Stat(filepath.Join(root, word)); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%s is not there to be run", word)
				}
			}
		}
		if target, is := strings.CutPrefix(h, "make "); is {
			says, err := exec.Command("make", "-n", "-C", root, target).Output()
			if err != nil {
				t.Errorf("make %s: %v", target, err)
			}
			for _, m := range regexp.MustCompile(`-output (\S+)`).FindAllSubmatch(says, -1) {
				made = append(made, string(m[1]))
			}
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
	fits := func(pattern, name string) bool { ok, err := path.Match(pattern, name); return ok && err == nil }
	for _, m := range made {
		if !slices.ContainsFunc(named, func(n string) bool { return fits(n, m) }) {
			t.Errorf("%s is made, and not named", m)
		}
	}
	for _, n := range named {
		if slices.ContainsFunc(made, func(m string) bool { return fits(n, m) }) {
			continue
		}
		if found, err := filepath.Glob(filepath.Join(root, n)); err != nil || len(found) == 0 {
			t.Errorf("%s is not there, and nothing makes it", n)
		}
	}
}

// packages returns a file of each sort that scripts/packages.sh writes to bin/packages.
func packages(t *testing.T, script string) (all []string) {
	t.Helper()
	words := func(pattern string) []string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(script)
		if m == nil {
			t.Fatalf("scripts/packages.sh has nothing like %s", pattern)
		}
		return strings.Fields(m[1])
	}
	for _, kind := range words(`for kind in ([a-z ]+); do`) {
		all = append(all, "bin/packages/quell."+kind)
	}
	for _, shell := range words(`for shell in ([a-z ]+); do .* >"\$out/share/quell\.\$shell"`) {
		all = append(all, "bin/packages/share/quell."+shell)
	}
	return append(all, "bin/packages/"+strings.Replace(words(`gzip -9nf "\$out"/(share/man/\*\.1)\n`)[0], "*", "quell", 1)+".gz")
}

// TestVersion: `make snapshot` is by the GoReleaser whose description of a release this is.
func TestVersion(t *testing.T) {
	want := regexp.MustCompile(`(?m)^require (github.com/goreleaser/goreleaser/v2) (v\S+)$`).FindStringSubmatch(read(t, "test/release/go.mod"))
	if want == nil || !strings.Contains(read(t, "Makefile"), "\nGORELEASER := "+want[1]+"@"+want[2]+"\n") {
		t.Errorf("make snapshot runs another GoReleaser than %q", want)
	}
}
