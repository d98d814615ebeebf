//go:build (!amd64 && !arm64) || purego

package kernel

import "testing"

// withoutDot has nothing to switch off.
func withoutDot(*testing.T, func()) {}
