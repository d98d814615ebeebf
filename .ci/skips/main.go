// Command skips reads the output of "go test -json" and fails on any test that
// was skipped but is not in the list given as its argument. Of a test that failed it
// prints what that said.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
}

func run() error {
	list, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	allowed := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			allowed[strings.Fields(line)[0]] = true
		}
	}
	passed, failed, skipped, bad := 0, 0, 0, 0
	said := map[string]*strings.Builder{} // by tests that have not ended
	sc := bufio.NewScanner(os.Stdin)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil || e.Test == "" {
			continue // build output, and lines about whole packages
		}
		name := e.Package + "." + e.Test
		switch e.Action {
		case "output":
			if said[name] == nil {
				said[name] = new(strings.Builder)
			}
			said[name].WriteString(e.Output)
			continue
		case "pass":
			passed++
		case "fail":
			failed++
			fmt.Println("failed:", name)
			if s := said[name]; s != nil {
				fmt.Print(s)
			}
		case "skip":
			skipped++
			if !allowed[name] {
				bad++
				fmt.Println("skipped but not listed:", name)
			}
		default:
			continue // it goes on
		}
		delete(said, name)
	}
	if err := sc.Err(); err != nil {
		return err
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || bad > 0 || passed == 0 {
		return fmt.Errorf("%d failed, %d skipped without leave", failed, bad)
	}
	return nil
}
