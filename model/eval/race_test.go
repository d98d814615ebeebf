//go:build race

package eval

// raceBuild says that the race detector slows arithmetic down tenfold.
const raceBuild = true
