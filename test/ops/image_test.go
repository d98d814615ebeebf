//go:build ops

package ops

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestImageRoot runs the static binary as deploy/Dockerfile has it: in a root that
// holds nothing else, as a user that nobody knows.
func TestImageRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a root of its own needs root")
	}
	file := read(t, "deploy/Dockerfile")
	_, image, ok := strings.Cut(file, "\nFROM scratch\n")
	user := regexp.MustCompile(`(?m)^USER (\d+:\d+)$`).FindStringSubmatch(image)
	if !ok || user == nil || strings.HasPrefix(user[1], "0:") || strings.Contains(image, "\nRUN ") {
		t.Fatalf("the image is not made of nothing, for a user that is not root:\n%s", image)
	}
	at := t.TempDir()
	for _, dir := range []string{"usr/bin", "etc/quell", "var/lib/quell", "tmp"} {
		if err := os.MkdirAll(filepath.Join(at, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "chmod", "755", at)
	command(t, "cp", quell, filepath.Join(at, "usr/bin/quell"))
	free := strings.Replace(read(t, "deploy/packages/quell.yaml"), "127.0.0.1:7070", fmt.Sprintf("127.0.0.1:%d", freePort(t)), 1)
	if err := os.WriteFile(filepath.Join(at, "etc/quell/quell.yaml"), []byte(free), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "chown", "-R", user[1], filepath.Join(at, "var/lib/quell"))
	entry := regexp.MustCompile(`(?m)^ENTRYPOINT \["([^"]+)"\]$`).FindStringSubmatch(image)
	cmd := regexp.MustCompile(`(?m)^CMD \[(.*)\]$`).FindStringSubmatch(image)
	if entry == nil || cmd == nil {
		t.Fatalf("no ENTRYPOINT or CMD in\n%s", image)
	}
	args := []string{"--userspec=" + user[1], at, entry[1]}
	for _, a := range strings.Split(cmd[1], ", ") {
		args = append(args, strings.Trim(a, `"`))
	}
	out := command(t, "chroot", append(args, "--for", "2s", "--json")...)
	if !regexp.MustCompile(`"records":[1-9]`).MatchString(out) {
		t.Errorf("the run says %s", out)
	}
}
