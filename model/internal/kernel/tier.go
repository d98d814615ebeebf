package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Tier is a set of kernels for one kind of CPU. Within a tier a result never
// depends on how work is cut; between tiers it differs by rounding.
type Tier string

// The tiers.
const (
	Generic Tier = "generic" // plain Go, the definition
	AVX2    Tier = "avx2"    // amd64 with AVX2 and FMA
	AVX512  Tier = "avx512"  // amd64 with AVX-512 F, BW, DQ and VL
	NEON    Tier = "neon"    // arm64
)

// EnvVar is the environment variable that forces a tier.
const EnvVar = "QUELL_KERNEL"

var (
	tiers  = append(cpuTiers(), Generic) // the best first
	active = tiers[0]
	envErr = fromEnv()
)

// Tiers returns the tiers that this build has for this CPU, the fastest first.
func Tiers() []Tier { return slices.Clone(tiers) }

// Active returns the tier in use: the one that EnvVar names, else the fastest.
func Active() Tier { return active }

// Use switches to a tier. No kernel may run meanwhile, and weights that were
// packed before stay valid. The error says which tiers there are.
func Use(t Tier) error {
	if !slices.Contains(tiers, t) {
		return fmt.Errorf("there is no kernel tier %q here: choose one of %s", t, names())
	}
	active = t
	setTier(t)
	return nil
}

// EnvErr returns an error if EnvVar names a tier that is not there.
func EnvErr() error { return envErr }

func fromEnv() error {
	name := os.Getenv(EnvVar)
	if name == "" {
		return Use(tiers[0])
	}
	if err := Use(Tier(name)); err != nil {
		_ = Use(tiers[0]) // one of ours
		return fmt.Errorf("%s: %w", EnvVar, err)
	}
	return nil
}

func names() string {
	var s []string
	for _, t := range tiers {
		s = append(s, string(t))
	}
	return strings.Join(s, ", ")
}
