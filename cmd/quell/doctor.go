package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/pipeline/assemble"
)

func doctorCmd(s streams) *cobra.Command {
	var (
		path   string
		wait   time.Duration
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "doctor -c FILE",
		Short: "Look at what a configuration needs: brokers, rights, disk, clock",
		Long: `Look at what a configuration needs from its surroundings, from this machine and as this
user: of each connection the name, the port, TLS, whether we are taken, and the topics;
of webhooks the same without posting anything; files that are read and written;
state_dir, its disk and the room there; the clock. For each failure it says what to do.
Exits 1 if there is one.

Nothing is published and no message is read. It may run beside an instance.`,
		Example: `  quell doctor -c quell.yaml
  quell doctor -c quell.yaml --json --timeout 2s`,
		Args: configOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case path == "":
				return usageError("-c FILE is needed: the configuration to look at")
			case wait <= 0:
				return usageError("--timeout must be above 0, got %s", wait)
			}
			cfg, err := loadConfig(s, path)
			if err != nil {
				return err
			}
			failed := 0
			all := []assemble.Finding{}
			assemble.Doctor(cmd.Context(), cfg, wait, func(f assemble.Finding) {
				if f.Status == assemble.FindingFail {
					failed++
				}
				if all = append(all, f); !asJSON {
					printFinding(s, f)
				}
			})
			if asJSON {
				if err := json.NewEncoder(s.out).Encode(map[string]any{"ok": failed == 0, "findings": all}); err != nil {
					return err
				}
			}
			if failed > 0 {
				return fmt.Errorf("%s: %s", path, count(failed, "failure"))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&path, "config", "c", "", "configuration `file`")
	f.DurationVar(&wait, "timeout", 5*time.Second, "how long each step may take, as a `time`")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printFinding(s streams, f assemble.Finding) {
	mark := map[string]string{assemble.FindingOK: "32", assemble.FindingWarn: "33", assemble.FindingFail: "31", assemble.FindingSkip: "2"}[f.Status]
	fmt.Fprintf(s.out, "%s  %s %s: %s\n", colour(s.out, mark, fmt.Sprintf("%-4s", f.Status)), f.Subject, f.Check, f.Detail)
	if f.Fix != "" {
		fmt.Fprintf(s.out, "      fix: %s\n", f.Fix)
	}
}
