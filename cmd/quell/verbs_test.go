package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// verbs returns every command that does something itself.
func verbs(c *cobra.Command) (out []*cobra.Command) {
	subs := subcommands(c)
	if len(subs) == 0 || c.HasParent() && c.Runnable() && c.Name() != "help" && c.Name() != "model" && c.Name() != "dlq" && c.Name() != "bench" {
		out = append(out, c)
	}
	for _, sub := range subs {
		if sub.Name() != "help" {
			out = append(out, verbs(sub)...)
		}
	}
	return out
}

// TestEveryVerbHasAScript: each command is run by a script.
func TestEveryVerbHasAScript(t *testing.T) {
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d scripts, %v", len(paths), err)
	}
	var all strings.Builder
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	for _, c := range verbs(root(streams{strings.NewReader(""), io.Discard, io.Discard})) {
		run := regexp.MustCompile(`(?m)^(!? *exec|exitcode \d+) ` + regexp.QuoteMeta(c.CommandPath()) + `( |$)`)
		if !run.MatchString(all.String()) {
			t.Errorf("no script runs %s", c.CommandPath())
		}
	}
}

// plainly are commands whose output is what was asked for, with no other way to say it.
var plainly = map[string]string{
	"quell completion": "a script for a shell", "quell man": "a page of the manual", "quell schema": "JSON already", "quell drift": "JSON lines already",
}

// TestEveryVerbSpeaksJSON: what a command tells can be had as JSON.
func TestEveryVerbSpeaksJSON(t *testing.T) {
	for _, c := range verbs(root(streams{strings.NewReader(""), io.Discard, io.Discard})) {
		if name := c.CommandPath(); (c.Flag("json") == nil) != (plainly[name] != "") {
			t.Errorf("%s: it has --json: %t; it tells %q", name, c.Flag("json") != nil, plainly[name])
		}
	}
}

// TestHelp: each command says in a paragraph what it does, and its examples name
// commands and flags that there are.
func TestHelp(t *testing.T) {
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for _, sub := range subcommands(c) {
			if sub.Name() == "help" {
				continue
			}
			if sub.Long == "" || sub.Example == "" {
				t.Errorf("%s: the help lacks a description or an example", sub.CommandPath())
			}
			for _, line := range strings.Split(sub.Example, "\n") {
				checkExample(t, sub, line)
			}
			each(sub)
		}
	}
	each(root(streams{strings.NewReader(""), io.Discard, io.Discard}))
}

var called = regexp.MustCompile(`(?:^|[|(&] *|\$ )quell ([^|)>&#]*)`)

func checkExample(t *testing.T, of *cobra.Command, line string) {
	t.Helper()
	found := called.FindAllStringSubmatch(strings.TrimSpace(line), -1)
	if len(found) == 0 {
		t.Errorf("%s: the example %q calls nothing", of.CommandPath(), line)
	}
	for _, m := range found {
		words := strings.Fields(strings.NewReplacer(`"`, "", `'`, "").Replace(m[1]))
		c, rest, err := root(streams{strings.NewReader(""), io.Discard, io.Discard}).Find(words)
		if err != nil {
			t.Errorf("%s: the example %q: %v", of.CommandPath(), line, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: the example %q: %v", of.CommandPath(), line, err)
		}
	}
}

// TestCompletion: what a shell is told completes commands and flags.
func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"__complete", "den"}, "denoise"},
		{[]string{"__complete", "run", "--fo"}, "--for"},
		{[]string{"__complete", "completion", ""}, "fish"},
		{[]string{"__complete", "model", "ins"}, "inspect"},
	} {
		var out strings.Builder
		if code := run(t.Context(), c.words, streams{strings.NewReader(""), &out, io.Discard}); code != 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit code %d, %q, want %q in it", c.words, code, out.String(), c.want)
		}
	}
}
