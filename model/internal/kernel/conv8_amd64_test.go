//go:build !purego

package kernel

import "testing"

// withoutDot runs f as on a CPU that lacks VPDPBUSD.
func withoutDot(t *testing.T, f func()) {
	t.Helper()
	if !vnni {
		return // that is what has run
	}
	vnni = false
	defer func() { vnni = true }()
	f()
}
