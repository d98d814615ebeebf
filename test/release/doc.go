// Package release tests the description of a release by what GoReleaser itself reads it
// with, and that it makes what the packages hold. It is a module of its own, since
// GoReleaser has many dependencies, and imports nothing of Quell. GoReleaser asks for Go
// 1.26.3 where everything else takes 1.26: `go` fetches that by itself, unless told not to.
package release
