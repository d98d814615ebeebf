//go:build !race

package train

// raceBuild says that the race detector is off.
const raceBuild = false
