package main

import (
	"io"
	"os"
)

// colour wraps text in a colour of terminals, by its number, where a person reads w and
// has not asked for none (NO_COLOR, a dumb terminal).
func colour(w io.Writer, code, text string) string {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !onTerminal(w) {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
