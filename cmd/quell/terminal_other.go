//go:build !unix

package main

import "io"

// terminalSize returns the columns and lines of the terminal that w is, 0 where it is
// none.
func terminalSize(w io.Writer) (width, height int) {
	if onTerminal(w) {
		return 80, 24
	}
	return 0, 0
}
