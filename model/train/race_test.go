//go:build race

package train

// raceBuild says that the race detector is on.
const raceBuild = true
