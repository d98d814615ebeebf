// Command fuzz runs the fuzz targets of the module one after the other and prints
// one table: target, executions, inputs that reached new code, crashes. An input
// that breaks a target stays in its testdata/fuzz. Usage: fuzz DURATION [REGEXP]
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// target is a fuzz function of a package.
type target struct{ pkg, dir, name string }

// result is what one run of a target came to.
type result struct {
	target
	execs, interesting int64
	crash              string // what it printed, "" where it holds
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: fuzz DURATION [REGEXP]")
	}
	length, err := time.ParseDuration(args[0])
	if err != nil || length <= 0 {
		return fmt.Errorf("%q is no duration such as 10s", args[0])
	}
	want, err := regexp.Compile(strings.Join(args[1:], "|"))
	if err != nil {
		return err
	}
	targets, err := find(want)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	fmt.Printf("%-42s %12s %12s %8s\n", "target", "executions", "interesting", "crashes")
	results, err := fuzz(targets, tmp, length)
	return errors.Join(err, os.RemoveAll(tmp), sum(results))
}

var function = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// find lists the targets whose package and name match.
func find(want *regexp.Regexp) ([]target, error) {
	const format = `{{.ImportPath}}{{"\t"}}{{.Dir}}{{range .TestGoFiles}}{{"\t"}}{{.}}{{end}}{{range .XTestGoFiles}}{{"\t"}}{{.}}{{end}}`
	out, err := command("go", "list", "-f", format, "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []target
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		for _, file := range f[2:] {
			src, err := os.ReadFile(filepath.Join(f[1], file))
			if err != nil {
				return nil, err
			}
			for _, m := range function.FindAllSubmatch(src, -1) {
				if t := (target{f[0], f[1], string(m[1])}); want.MatchString(t.String()) {
					all = append(all, t)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no target matches %q", want)
	}
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}

// String is the folder within the module and the name.
func (t target) String() string {
	_, rel, _ := strings.Cut(t.pkg, "/quell/")
	return rel + "." + t.name
}

// long is how long a run must last to begin with all that earlier ones found; a
// shorter one begins with the inputs that are kept, or it would get no further.
const long = 5 * time.Second

// fuzz builds each package once, runs its targets and prints a row for each.
func fuzz(targets []target, tmp string, length time.Duration) (all []result, err error) {
	cache, err := command("go", "env", "GOCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	for i, t := range targets {
		bin := filepath.Join(tmp, strings.ReplaceAll(t.pkg, "/", "_")+".test")
		if i == 0 || targets[i-1].pkg != t.pkg {
			if err := command("go", "test", "-c", "-fuzz=^Fuzz", "-o", bin, t.pkg).Run(); err != nil {
				return all, fmt.Errorf("%s does not build: %w", t.pkg, err)
			}
		}
		found := filepath.Join(strings.TrimSpace(string(cache)), "fuzz", t.pkg)
		if length < long {
			found = filepath.Join(tmp, "found", t.pkg)
		}
		r := one(t, bin, found, length.String())
		if r.execs == 0 && r.crash == "" { // the machine had no time for it
			r = one(t, bin, found, "100x")
		}
		all = append(all, r)
		row(r.String(), r.execs, r.interesting, r.crashes())
	}
	return all, nil
}

func command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	return c
}

var progress = regexp.MustCompile(`execs: (\d+) .* new interesting: (\d+)`)

// ended matches a run that Go reports as failed although all that happened is that its
// time was over, golang.org/issue/75804; a target that breaks says more.
var ended = regexp.MustCompile(`--- FAIL: \w+ \([\d.]+s\)\n\s+context deadline exceeded\nFAIL\n*$`)

// one runs one target. Interesting inputs are not minimised: that is most of a short
// run, and finds nothing.
func one(t target, bin, cache, length string) result {
	c := exec.Command(bin, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+length,
		"-test.fuzzminimizetime=0", "-test.fuzzcachedir="+cache)
	c.Dir = t.dir
	out, err := c.CombinedOutput()
	r := result{target: t}
	for _, m := range progress.FindAllSubmatch(out, -1) {
		r.execs, r.interesting = number(m[1]), number(m[2])
	}
	if err != nil && !ended.Match(out) {
		r.crash = strings.TrimSpace(string(bytes.Join([][]byte{out, []byte(err.Error())}, []byte("\n"))))
	}
	return r
}

func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0 // longer than any count
	}
	return n
}

func (r result) crashes() int {
	if r.crash != "" {
		return 1
	}
	return 0
}

func row(name string, execs, interesting int64, crashes int) {
	fmt.Printf("%-42s %12d %12d %8d\n", name, execs, interesting, crashes)
}

// sum prints the last row and what broke, and returns an error where a target broke, or
// did nothing.
func sum(all []result) error {
	var execs, interesting int64
	crashes, idle := 0, 0
	for _, r := range all {
		execs, interesting, crashes = execs+r.execs, interesting+r.interesting, crashes+r.crashes()
		if r.execs == 0 && r.crash == "" {
			idle++
		}
	}
	row(fmt.Sprintf("all %d", len(all)), execs, interesting, crashes)
	for _, r := range all {
		if r.crash != "" {
			fmt.Printf("\n%s:\n%s\n", r, r.crash)
		}
	}
	if crashes > 0 || idle > 0 {
		return fmt.Errorf("%d targets broke, %d ran no input", crashes, idle)
	}
	return nil
}
