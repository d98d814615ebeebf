//go:build docs

package docs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// block is a fenced block of a document.
type block struct {
	doc        string
	line       int // of the fence
	lang, text string

	skip, file string
	as         [][2]string
	ctrlC      time.Duration
	begin      string // of the commands that are interrupted
	background time.Duration
	exit       int
	first      []string
	with       []string
}

func (b *block) String() string { return fmt.Sprintf("%s:%d", b.doc, b.line) }

// blocks returns those of a document, in order.
func blocks(doc, text string) (all []*block, err error) {
	var (
		cur       *block
		fence     string
		directive []string
		within    bool // a comment for this test
	)
	for i, l := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(l)
		switch {
		case cur != nil && trimmed == fence:
			all = append(all, cur)
			cur = nil
		case cur != nil:
			cur.text += l + "\n"
		case within && trimmed == "-->":
			within = false
		case within:
			directive = append(directive, trimmed)
		case trimmed == "<!-- docs-test" && directive != nil:
			return nil, fmt.Errorf("%s:%d: a second comment for the test of the same block", doc, i+1)
		case trimmed == "<!-- docs-test":
			within = true
		case strings.HasPrefix(trimmed, "```"):
			mark := strings.TrimLeft(trimmed, "`")
			fence = trimmed[:len(trimmed)-len(mark)]
			cur = &block{doc: doc, line: i + 1, lang: mark}
			if err := cur.heed(directive); err != nil {
				return nil, fmt.Errorf("%s: %w", cur, err)
			}
			directive = nil
		case trimmed != "" && directive != nil:
			return nil, fmt.Errorf("%s:%d: a comment for the test has no block behind it", doc, i+1)
		}
	}
	if cur != nil {
		return nil, fmt.Errorf("%s: the block has no end", cur)
	}
	return all, nil
}

// heed reads what the comment before a block says.
func (b *block) heed(lines []string) (err error) {
	for _, l := range lines {
		key, value, ok := strings.Cut(l, ": ")
		if !ok || value == "" {
			return fmt.Errorf("%q is no KEY: VALUE", l)
		}
		switch key {
		case "skip":
			b.skip = value
		case "file":
			b.file = value
		case "first":
			b.first = append(b.first, value)
		case "with":
			b.with = append(b.with, value)
		case "as":
			from, to, ok := strings.Cut(value, " => ")
			if !ok {
				return fmt.Errorf("as: %q has no =>", value)
			}
			b.as = append(b.as, [2]string{from, to})
		case "ctrl-c":
			after, begin, _ := strings.Cut(value, " ")
			b.begin = begin
			b.ctrlC, err = time.ParseDuration(after)
		case "background":
			b.background, err = time.ParseDuration(value)
		case "exit":
			b.exit, err = strconv.Atoi(value)
		default:
			return fmt.Errorf("there is no %q", key)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// commands returns the commands of a block, as they are run. Lines that end in \ go
// on, and so does what follows a here-document.
func (b *block) commands() ([]string, error) {
	text := b.text
	for _, a := range b.as {
		if !strings.Contains(text, a[0]) {
			return nil, fmt.Errorf("%s: as: %q is not in the block", b, a[0])
		}
		text = strings.ReplaceAll(text, a[0], a[1])
	}
	var all []string
	var open, end string
	for _, l := range strings.Split(text, "\n") {
		switch {
		case end != "":
			open += "\n" + l
			if l == end {
				all, open, end = append(all, open), "", ""
			}
			continue
		case open != "":
			l = open + "\n" + l
		}
		if strings.HasSuffix(l, "\\") {
			open = l
			continue
		}
		open = ""
		if m := hereDocument.FindStringSubmatch(l); m != nil {
			open, end = l, m[1]
			continue
		}
		if s := strings.TrimSpace(l); s != "" && !strings.HasPrefix(s, "#") {
			all = append(all, l)
		}
	}
	if open != "" {
		return nil, fmt.Errorf("%s: the last command has no end", b)
	}
	return all, nil
}

var hereDocument = regexp.MustCompile(`<<'?(\w+)'?`)
