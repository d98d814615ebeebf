// Package plain makes texts from outside fit to be shown: what a payload, a file or
// another host says must neither command a terminal nor look like something else there.
package plain

import (
	"strconv"
	"strings"
	"unicode"
)

// Text returns s, character for character, on one line: white space of any kind as a
// blank, and U+FFFD for what is not valid UTF-8 and what does not show as a character
// of its own: controls, which move the cursor or colour what follows, format characters,
// which turn the direction of text or hide in it, and what is not assigned.
func Text(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !strconv.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
