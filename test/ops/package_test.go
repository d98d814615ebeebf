//go:build ops

package ops

import (
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// built are the packages for amd64, made once.
func built(t *testing.T) (deb, rpm string) {
	t.Helper()
	need(t, "dpkg-deb", "rpm")
	dir, err := makePackages()
	if err != nil {
		t.Fatal(err)
	}
	for kind, to := range map[string]*string{"*.deb": &deb, "*.rpm": &rpm} {
		found, err := filepath.Glob(filepath.Join(dir, kind))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", kind, found, err)
		}
		*to = found[0]
	}
	return deb, rpm
}

// makePackages makes the packages beside the binary under test.
var makePackages = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(filepath.Dir(quell), "packages")
	cmd := exec.Command("scripts/packages.sh", dir, "amd64")
	cmd.Dir, cmd.Env = root(), append(os.Environ(), "VERSION=1.2.3")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("scripts/packages.sh: %w\n%s", err, out)
	}
	return dir, nil
})

// TestPackages installs the Debian package into a root of its own, with what its
// scripts need and nothing else, runs it there as its user, removes and purges it; and
// compares it with the other one, which holds the same.
func TestPackages(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a root of its own needs root")
	}
	deb, rpm := built(t)
	at := bareRoot(t)
	dpkg(t, at, "-i", deb)
	files := owned(t, at)
	for name, want := range map[string]string{
		"usr/bin/quell": "-rwxr-xr-x root root", "usr/lib/systemd/system/quell.service": "-rw-r--r-- root root",
		"etc/quell": "drwxr-x--- root quell", "etc/quell/quell.yaml": "-rw-r----- root quell",
	} {
		if files[name] != want {
			t.Errorf("%s is %q, want %q", name, files[name], want)
		}
	}
	for _, name := range []string{"usr/share/man/man1/quell.1.gz", "usr/share/man/man1/quell-run.1.gz", "usr/share/bash-completion/completions/quell"} {
		if info, err := os.Stat(filepath.Join(at, name)); err != nil || info.Size() < 500 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if page := unzipped(t, filepath.Join(at, "usr/share/man/man1/quell.1.gz")); !strings.Contains(page, `"quell 1.2.3"`) {
		t.Errorf("the manual page names another version:\n%.200s", page)
	}
	// What the examples read lies beside them.
	examples := filepath.Join(at, "usr/share/doc/quell/examples")
	for _, name := range regexp.MustCompile(`path: (configs/\S+?)[,}]`).FindAllStringSubmatch(slurp(t, examples, "configs/file.yaml"), -1) {
		if _, err := os.Stat(filepath.Join(examples, name[1])); err != nil {
			t.Errorf("configs/file.yaml reads what is not packaged: %v", err)
		}
	}
	if passwd := slurp(t, at, "etc/passwd"); !regexp.MustCompile(`(?m)^quell:.*:/var/lib/quell:/usr/sbin/nologin$`).MatchString(passwd) {
		t.Errorf("no user quell without a shell in\n%s", passwd)
	}
	if info := command(t, "dpkg", "--root="+at, "-s", "quell"); !strings.Contains(info, "Status: install ok installed") || !strings.Contains(info, "/etc/quell/quell.yaml ") {
		t.Errorf("dpkg knows of no installed package with a configuration file:\n%s", info)
	}

	// StateDirectory= of the unit makes this folder.
	command(t, "chroot", at, "/bin/sh", "-c", "mkdir -m 700 /var/lib/quell && chown quell:quell /var/lib/quell")
	free := strings.Replace(slurp(t, at, "etc/quell/quell.yaml"), "127.0.0.1:7070", fmt.Sprintf("127.0.0.1:%d", freePort(t)), 1)
	if err := os.WriteFile(filepath.Join(at, "tmp/quell.yaml"), []byte(free), 0o644); err != nil {
		t.Fatal(err)
	}
	out := command(t, "chroot", "--userspec=quell:quell", at, "/usr/bin/quell", "check", "-c", "/etc/quell/quell.yaml")
	if !strings.Contains(out, "fine") {
		t.Errorf("quell check: %s", out)
	}
	out = command(t, "chroot", "--userspec=quell:quell", at, "/usr/bin/quell", "run", "-c", "/tmp/quell.yaml", "--for", "2s", "--json")
	if !regexp.MustCompile(`"records":[1-9]`).MatchString(out) {
		t.Errorf("quell run: %s", out)
	}

	// What the admin wrote stays, over an upgrade and a removal; a purge takes it.
	mine := filepath.Join(at, "etc/quell/quell.yaml")
	write(t, mine, "# mine\n")
	dpkg(t, at, "-i", deb)
	dpkg(t, at, "-r", "quell")
	if got := slurp(t, at, "etc/quell/quell.yaml"); got != "# mine\n" {
		t.Errorf("the configuration is %q after an upgrade and a removal", got)
	}
	if _, err := os.Stat(filepath.Join(at, "usr/bin/quell")); err == nil {
		t.Error("the binary is there after a removal")
	}
	if _, err := os.Stat(filepath.Join(at, "var/lib/quell/clean.jsonl")); err != nil {
		t.Error("a removal took the state: ", err)
	}
	dpkg(t, at, "-P", "quell")
	for _, gone := range []string{"etc/quell/quell.yaml", "var/lib/quell"} {
		if _, err := os.Stat(filepath.Join(at, gone)); err == nil {
			t.Errorf("%s is there after a purge", gone)
		}
	}
	sameFiles(t, deb, rpm)
}

// TestRPM installs the other package likewise, by rpm and a database of its own: its
// scripts are called with numbers where those of Debian are called with words.
func TestRPM(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a root of its own needs root")
	}
	need(t, "rpm")
	_, pack := built(t)
	at := bareRoot(t)
	rpm := func(args ...string) string { return command(t, "rpm", append([]string{"--root=" + at}, args...)...) }
	rpm("--initdb")
	for l := range strings.Lines(rpm("-qp", "--requires", pack)) {
		if l = strings.TrimSpace(l); l != "" && l != "/bin/sh" && !strings.HasPrefix(l, "rpmlib(") {
			t.Errorf("it wants %s, and is to want nothing but a shell", l)
		}
	}
	rpm("-i", "--nodeps", pack) // the root has a shell that no package brought
	for name, want := range map[string]string{
		"usr/bin/quell": "-rwxr-xr-x root root", "usr/lib/systemd/system/quell.service": "-rw-r--r-- root root",
		"etc/quell": "drwxr-x--- root quell", "etc/quell/quell.yaml": "-rw-r----- root quell",
	} {
		if got := owned(t, at)[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if out := rpm("-V", "--nodeps", "quell"); out != "" {
		t.Errorf("rpm finds what it installed changed:\n%s", out)
	}
	command(t, "chroot", at, "/bin/sh", "-c", "mkdir -m 700 /var/lib/quell && chown quell:quell /var/lib/quell")
	out := command(t, "chroot", "--userspec=quell:quell", at, "/usr/bin/quell", "check", "-c", "/etc/quell/quell.yaml")
	if !strings.Contains(out, "fine") {
		t.Errorf("quell check: %s", out)
	}

	// What the admin wrote stays, over an upgrade and a removal, and so does the state.
	write(t, filepath.Join(at, "etc/quell/quell.yaml"), "# mine\n")
	write(t, filepath.Join(at, "var/lib/quell/clean.jsonl"), "{}\n")
	rpm("-U", "--nodeps", "--force", pack)
	if got := slurp(t, at, "etc/quell/quell.yaml"); got != "# mine\n" {
		t.Errorf("the configuration is %q after an upgrade", got)
	}
	rpm("-e", "quell")
	if got := slurp(t, at, "etc/quell/quell.yaml.rpmsave"); got != "# mine\n" {
		t.Errorf("the configuration is %q after a removal", got)
	}
	if _, err := os.Stat(filepath.Join(at, "usr/bin/quell")); err == nil {
		t.Error("the binary is there after a removal")
	}
	if _, err := os.Stat(filepath.Join(at, "var/lib/quell/clean.jsonl")); err != nil {
		t.Error("a removal took the state: ", err)
	}
}

// sameFiles compares what two packages hold.
func sameFiles(t *testing.T, deb, rpm string) {
	t.Helper()
	a := t.TempDir()
	command(t, "dpkg-deb", "-x", deb, a)
	var y []string
	for l := range strings.Lines(command(t, "rpm", "-qp", "--qf", `[%{FILEMODES:perms} %{FILENAMES}\n]`, rpm)) {
		if perms, name, ok := strings.Cut(strings.TrimSpace(l), " /"); ok && !strings.HasPrefix(perms, "d") {
			y = append(y, name)
		}
	}
	slices.Sort(y)
	x := listing(t, a)
	slices.Sort(x)
	if !slices.Equal(x, y) || len(x) < 8 {
		t.Errorf("the deb holds\n%s\nthe rpm\n%s", strings.Join(x, "\n"), strings.Join(y, "\n"))
	}
	scripts := command(t, "rpm", "-qp", "--scripts", rpm)
	if !strings.Contains(scripts, "useradd --system") || !strings.Contains(command(t, "rpm", "-qp", "--configfiles", rpm), "/etc/quell/quell.yaml") {
		t.Errorf("the rpm makes no user, or its configuration is none:\n%s", scripts)
	}
}

// listing returns the files below a folder.
func listing(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func slurp(t *testing.T, at, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(at, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func dpkg(t *testing.T, at string, args ...string) {
	t.Helper()
	cmd := exec.Command("dpkg", append([]string{"--root=" + at}, args...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dpkg %v: %v\n%s", args, err, out)
	}
}

// owned returns mode, owner and group of what the package holds, by the names that
// the root knows.
func owned(t *testing.T, at string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"usr/bin/quell", "usr/lib/systemd/system/quell.service", "etc/quell", "etc/quell/quell.yaml"} {
		info, err := os.Stat(filepath.Join(at, name))
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		all[name] = info.Mode().String() + " " + known(t, at, "passwd", st.Uid) + " " + known(t, at, "group", st.Gid)
	}
	return all
}

// known returns the name of an id.
func known(t *testing.T, at, file string, id uint32) string {
	t.Helper()
	for l := range strings.Lines(slurp(t, at, "etc/"+file)) {
		if f := strings.Split(l, ":"); len(f) > 2 && f[2] == strconv.Itoa(int(id)) {
			return f[0]
		}
	}
	return "id " + strconv.Itoa(int(id))
}

// bareRoot makes a root with a shell, what the scripts of the package call, and the
// libraries of these.
func bareRoot(t *testing.T) string {
	t.Helper()
	at := t.TempDir()
	if err := os.Chmod(at, 0o755); err != nil {
		t.Fatal(err)
	}
	script := `set -e
cd "$0"
mkdir -p bin sbin usr/bin usr/sbin lib usr/lib lib64 etc var/lib/dpkg/info var/lib/dpkg/updates var/lib/dpkg/triggers var/log tmp dev proc root
: > var/lib/dpkg/status
: > var/lib/dpkg/available
printf 'root:x:0:0:root:/root:/bin/sh\n' > etc/passwd
printf 'root:x:0:\n' > etc/group
printf 'root:*::0:::::\n' > etc/shadow
printf 'passwd: files\ngroup: files\n' > etc/nsswitch.conf
for f in sh getent groupadd useradd rm mkdir chown chgrp; do
  p=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v $f)
  mkdir -p ".$(dirname "$p")"
  cp -L "$p" ".$p"
  ldd "$p" | grep -o '/[^ ]*' | while read -r l; do mkdir -p ".$(dirname "$l")"; cp -Ln "$l" ".$l"; done
done
[ -e bin/sh ] || cp -L /bin/sh bin/sh
`
	if out, err := exec.Command("bash", "-c", script, at).CombinedOutput(); err != nil {
		t.Fatalf("the root: %v\n%s", err, out)
	}
	return at
}

// unzipped returns the content of a file that is packed with gzip.
func unzipped(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
