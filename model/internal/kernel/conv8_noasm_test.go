//go:build !amd64 || purego

package kernel

import "testing"

// withoutVNNI has nothing to switch off.
func withoutVNNI(*testing.T, func()) {}
