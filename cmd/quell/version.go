package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// version is set at release by the linker; a plain build says devel.
var version = "devel"

func versionCmd(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the kernel tier and the models in the binary",
		Long: `Print the version, the kernel tier in use and those that this machine could use, and the
models in the binary.`,
		Example: "  quell version --json",
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			v := map[string]any{"version": release(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				"kernel": nn.KernelTier(), "kernels": nn.KernelTiers(), "models": baseNames()}
			if asJSON {
				return json.NewEncoder(s.out).Encode(v)
			}
			_, err := fmt.Fprintf(s.out, "quell %s (%s, %s)\nkernel %s\nmodels %v\n", v["version"], v["go"], v["platform"], nn.KernelTier(), v["models"])
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func release() string {
	if version != "devel" {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return b.Main.Version
	}
	return version
}

// baseNames lists the base models that come with the binary.
func baseNames() []string {
	names := []string{}
	for _, l := range model.BaseVariants() {
		if m, err := model.Base(l); err == nil {
			names = append(names, fmt.Sprintf("%s (look-ahead %d)", m.Name(), l))
		}
	}
	return names
}
