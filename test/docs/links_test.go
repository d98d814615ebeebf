//go:build docs

package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	named   = regexp.MustCompile("`((?:docs|configs|deploy|scripts|test|bench|cmd|pipeline|model|drift|internal|web|sink|ingest|conn|window|\\.ci)/[\\w./-]+)`")
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*?)\s*$`)
	ours    = "https://github.com/quell-stream/quell/blob/main/"
)

// TestLinks: what a document links to, or names as a file of the repository, is there;
// so is the section.
func TestLinks(t *testing.T) {
	checked := 0
	for _, doc := range lab.docs {
		text := prose(read(t, doc))
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to, ok := strings.CutPrefix(m[1], ours)
			if !ok {
				if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
					continue // not ours to keep
				}
				if strings.HasPrefix(to, "#") {
					to = path.Base(doc) + to
				}
				to = path.Join(path.Dir(doc), to)
			}
			checked++
			file, anchor, _ := strings.Cut(to, "#")
			if _, err := os.Stat(filepath.Join(root(), file)); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			} else if anchor != "" && !anchors(read(t, file))[anchor] {
				t.Errorf("%s links to %s: %s has no such section", doc, m[1], file)
			}
		}
		if doc == "CHANGELOG.md" {
			continue // it names what there was, too
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			checked++
			if !there(m[1]) {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d links and names: are they found?", checked)
	}
}

// there says whether a file, a folder or the package of a Go name exists.
func there(name string) bool {
	symbol := regexp.MustCompile(`\.[A-Z]\w*$`)
	for _, p := range []string{name, name + ".go", symbol.ReplaceAllString(name, "")} {
		if _, err := os.Stat(filepath.Join(root(), p)); err == nil {
			return true
		}
	}
	return false
}

// prose is a document without its fenced blocks.
func prose(text string) string {
	var b strings.Builder
	fenced := false
	for l := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			b.WriteString(l)
		}
	}
	return b.String()
}

// anchors returns the sections of a document by the names that links have for them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(prose(text), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(m[1]) {
			switch {
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteByte('-')
			}
		}
		all[b.String()] = true
	}
	return all
}
