package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func modelConditionCmd(s streams) *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "condition MODEL KEY=VALUE... -o OUT",
		Short: "Make the model for series of which something is known",
		Long: `Make the model for series of which something is known, such as the type of their
sensor, of one that was trained to be told (quell train --condition). What it is told
becomes part of its weights: the result is a model like any other, as fast and as large
as one that is told nothing. Keys that are left out are unknown.`,
		Example: `  quell model condition plant.quell type=pt100 -o pt100.quell`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError("quell model condition takes a model and at least one KEY=VALUE")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return runCondition(s, args[0], args[1:], out, asJSON) },
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "`file` of the model")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func runCondition(s streams, name string, pairs []string, out string, asJSON bool) error {
	known := map[string]string{}
	for _, p := range pairs {
		key, value, ok := strings.Cut(p, "=")
		if _, twice := known[key]; !ok || twice {
			return usageError("%s: want KEY=VALUE, each key once", p)
		}
		known[key] = value
	}
	if out == "" {
		return usageError("-o FILE is needed: where the model goes")
	}
	if err := notRead("-o", out, name); err != nil {
		return err
	}
	if err := outModel(out); err != nil {
		return err
	}
	m, err := loadModel(name, anyLookahead)
	if err != nil {
		return err
	}
	c, err := m.Conditioned(known)
	if err != nil {
		return err
	}
	if err := c.Save(out); err != nil {
		return err
	}
	is := savedAs(c, out, -1)
	is.From, is.Condition = m.Name(), known
	return answer(s, asJSON, is, "%s for %s: %s, %d weights, written to %s", m.Name(), strings.Join(pairs, ", "), c.Name(), c.Net().NumParams(), out)
}
