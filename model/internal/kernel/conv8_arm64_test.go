//go:build !purego

package kernel

import "testing"

// withoutDot runs f as on a CPU that lacks SDOT.
func withoutDot(t *testing.T, f func()) {
	t.Helper()
	if !dotProduct {
		return // that is what has run
	}
	dotProduct = false
	defer func() { dotProduct = true }()
	f()
}
