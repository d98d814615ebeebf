// Package release tests the description of a release by what GoReleaser itself reads it
// with, and that it makes what the packages hold. It is a module of its own, since
// GoReleaser has many dependencies, and imports nothing of Quell.
package release
