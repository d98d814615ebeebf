// Package app holds the dashboard as it is served: one page, one script, one style
// sheet, a font and an icon, built from src by the module gen and committed, so
// that a plain go build has it and no Node is needed.
package app

import (
	"embed"
	"io/fs"
)

//go:generate go -C gen run .

//go:embed dist
var dist embed.FS

// Assets returns the files of the dashboard, index.html at the root.
func Assets() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("app: " + err.Error()) // the path is a constant that the compiler has checked
	}
	return sub
}
