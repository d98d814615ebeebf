package config

import (
	"fmt"
	"strings"
)

const referenceHead = `# Configuration

<!-- Written by go generate ./pipeline/config from the comments and tags of pipeline/config/config.go. -->

One YAML file describes all that Quell does. It is read strictly: a key that is not known, a value of the wrong type and a name
that leads nowhere are mistakes, and ` + "`quell check -c FILE`" + ` tells all of them at once, each with its place and what was
probably meant. ` + "`quell init`" + ` writes a file to begin with, ` + "`quell schema`" + ` the JSON Schema by which editors complete
and check (` + "`docs/quell.schema.json`" + `), ` + "`quell check --print`" + ` the file with every default filled in. ` + "`configs/`" + ` has
files for common situations.

- A **duration** is a number with its unit: 500ms, 5s, 2h, 30d, 1w. A **size** is in bytes: 64MiB, 1GiB, 500kB. A **rate** is how
  often something may happen: 1/month, 2/week, 1/1e6 (once in a million samples).
- "${NAME}" in a value stands for an environment variable, "${NAME:-default}" has a default for one that is not set or empty,
  "${file:PATH}" stands for what a file holds, without the line break at its end, and "$${" for "${" itself. What is inserted is
  text and never changes the structure of the file. Put it in quotes.
- A **secret** is masked wherever it could be printed. Its twin with _file reads it from a file, or with "credential:NAME" from
  what systemd hands the service.
- Relative paths are relative to where quell is started.
- Where a key is "of" some types, others refuse it: mqtt and kafka sources are those whose connection is of that type.
- SIGHUP and ` + "`POST /api/v1/reload`" + ` apply a changed file; ` + "`docs/operations.md`" + ` says what needs a restart.
`

// Reference returns docs/configuration.md: every key with its type, its default, what
// it does and an example.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range sections() {
		title := "Top level"
		if s.path != "" {
			title = "`" + s.path + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		if k, ok := keyAt(s); ok {
			fmt.Fprintf(&b, "%s\n\n", k)
		}
		b.WriteString("| key | type | default | what it does | example |\n|---|---|---|---|---|\n")
		for _, k := range s.keys {
			text := meanings[s.typ.Name()+"."+k.name]
			if k.only != nil {
				text = "(of " + oneOf(k.only) + ") " + text
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.name, cell(typeText(k)), cell(defaultText(k)), cell(text), code(k.example))
		}
	}
	return b.String()
}

// keyAt returns what is said of the section itself.
func keyAt(s section) (string, bool) {
	for _, outer := range sections() {
		for _, k := range outer.keys {
			if p := strings.TrimPrefix(outer.path+"."+k.name, "."); p == s.path || p+".NAME" == s.path {
				return meanings[outer.typ.Name()+"."+k.name], true
			}
		}
	}
	return "", false
}

func defaultText(k key) string {
	switch {
	case len(k.required) == 1 && k.required[0] == "all":
		return "required"
	case k.required != nil:
		return "required of " + oneOf(k.required)
	case k.def != "":
		return "`" + k.def + "`"
	}
	return ""
}

// cell keeps a text from ending its column.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}
