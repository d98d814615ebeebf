//go:build docs

package docs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lab is what all documents share.
var lab struct {
	quell string   // path of the binary
	docs  []string // paths of the documents, from the root
	files []string // paths of all files of the repository
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quell-docs-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	lab.quell = filepath.Join(dir, "quell")
	build := exec.Command("go", "build", "-trimpath", "-o", lab.quell, "./cmd/quell")
	build.Dir, build.Env = root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root()
	out, err := list.Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "git ls-files:", err)
		return 1
	}
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(root(), name)); err != nil {
			continue // deleted and not committed yet
		}
		lab.files = append(lab.files, name)
		if strings.HasSuffix(name, ".md") && !strings.Contains(name, "testdata/") {
			lab.docs = append(lab.docs, name)
		}
	}
	slices.Sort(lab.docs)
	return m.Run()
}

func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// clone copies the repository as it is, the binary into its root, and what a reader
// has of their own.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cp := exec.Command("tar", "-cf", "-", "--null", "-T", "-")
	cp.Dir, cp.Stdin = root(), strings.NewReader(strings.Join(lab.files, "\x00"))
	into := exec.Command("tar", "-xf", "-", "-C", dir)
	var err error
	if into.Stdin, err = cp.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := into.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cp.Run(); err != nil {
		t.Fatal(err)
	}
	if err := into.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(lab.quell, filepath.Join(dir, "quell")); err != nil {
		t.Fatal(err)
	}
	bring(t, dir)
	return dir
}

// bring writes what readers are asked to bring: recordings, and a configuration.
func bring(t *testing.T, dir string) {
	t.Helper()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var ecg, history, pairs, bearing strings.Builder
	ecg.WriteString("ts,mlii\n")
	history.WriteString("ts,pressure\n")
	pairs.WriteString("ts,noisy,clean\n")
	bearing.WriteString("ts,rms\n")
	for i := range 4000 {
		x := math.Sin(float64(i)/9) + 0.5*math.Sin(float64(i)/31)
		noisy := x + 0.3*rng.NormFloat64()
		fmt.Fprintf(&ecg, "%d,%.4f\n", i, x)
		fmt.Fprintf(&history, "%d,%.4f\n", i, noisy)
		fmt.Fprintf(&pairs, "%d,%.4f,%.4f\n", i, noisy, x)
		fmt.Fprintf(&bearing, "%d,%.4f\n", i, 1+rng.NormFloat64()/10+float64(i/2000))
	}
	put("ecg.csv", ecg.String())
	put("history.csv", history.String())
	put("pairs.csv", pairs.String())
	put("bearing.csv", bearing.String())
	put("quell.yaml", `version: 1
state_dir: quell-state
http: {listen: off}
streams:
  pumps:
    source: {type: file, path: configs/readings.csv, time: ts, series: device}
    channels: {temp: {unit: °C}}
    window: {rate_hz: 1}
    adapt: {mode: off}
    sinks: [clean]
sinks: {clean: {type: file, path: clean.jsonl}}
`)
}
