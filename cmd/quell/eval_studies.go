package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/drift/drifteval"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/pipeline/adapt/adapteval"
)

// evalStudiesCmds are the verbs below quell eval that measure Quell itself.
func evalStudiesCmds(s streams) []*cobra.Command {
	return []*cobra.Command{
		studiesCmd(s, "drift", "Measure drift detection: false alarms, delays, kinds", drifteval.Studies()),
		studiesCmd(s, "adapt", "Measure adaptation: what is recovered, what is forgotten", adapteval.Studies()),
	}
}

func studiesCmd(s streams, name, short string, studies []scoreboard.Study) *cobra.Command {
	var o scoreboard.Options
	var run, open string
	var asJSON bool
	var long strings.Builder
	fmt.Fprintf(&long, "%s. Each row stands beside what the best known reach, and the\ncommand fails where a row misses its must. (quell eval ./%s scores a file of that name.)\nThe studies:\n", short, name)
	for _, st := range studies {
		fmt.Fprintf(&long, "  %-14s %s\n", st.Name, st.Doc)
	}
	cmd := &cobra.Command{
		Use:     name,
		Short:   short,
		Long:    long.String(),
		Example: "  quell eval " + name + " --quick --data ../shared/data --json",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pick, err := regexp.Compile(run)
			if err != nil {
				return usageError("--run: %w", err)
			}
			chosen := slices.DeleteFunc(slices.Clone(studies), func(st scoreboard.Study) bool { return !pick.MatchString(st.Name) })
			if len(chosen) == 0 {
				return usageError("--run %s matches no study: see quell eval %s --help", run, name)
			}
			if st, err := os.Stat(o.Data); o.Data != "" && (err != nil || !st.IsDir()) {
				return usageError("--data %s: there is no such folder", o.Data)
			}
			return runStudies(cmd.Context(), s, chosen, &o, open, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", "", "`folder` with recordings; without it rows that need them are not measured")
	f.StringVar(&run, "run", "", "`regexp` of the studies to run; default: all")
	f.StringVar(&open, "open", "", "`file` with the names of rows that may miss their must")
	f.BoolVar(&o.Quick, "quick", false, "a subset of minutes")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of all that is drawn")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func writeStudies(w io.Writer, rows []scoreboard.Row, asJSON bool) error {
	write := scoreboard.Print
	if asJSON {
		write = scoreboard.WriteJSON
	}
	if err := write(w, rows); err != nil {
		return err
	}
	if n := scoreboard.MissedOf(rows); n > 0 {
		return fmt.Errorf("%d of %d rows miss what they must", n, len(rows))
	}
	return nil
}

// runStudies runs studies and prints their rows; open, where not empty, is the file with
// the names of those that may miss their must.
func runStudies(ctx context.Context, s streams, studies []scoreboard.Study, o *scoreboard.Options, open string, asJSON bool) error {
	far := newBar(s.err, "eval")
	defer far.clear()
	at := 0
	o.Told = func(format string, args ...any) {
		far.clear()
		fmt.Fprintf(s.err, format+"\n", args...)
		far.at(float64(at), float64(len(studies)))
	}
	var rows []scoreboard.Row
	for i, st := range studies {
		at = i
		far.at(float64(at), float64(len(studies)))
		r, err := st.Run(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", st.Name, err)
		}
		rows = append(rows, r...)
	}
	far.clear()
	if open != "" {
		if err := scoreboard.MarkOpen(rows, open); err != nil {
			return fmt.Errorf("--open: %w", err)
		}
	}
	return writeStudies(s.out, rows, asJSON)
}
