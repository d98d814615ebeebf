package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
)

func checkCmd(s streams) *cobra.Command {
	var path string
	var asJSON, resolved bool
	cmd := &cobra.Command{
		Use:   "check -c FILE",
		Short: "Check a configuration, offline",
		Long: `Check a configuration without connecting to anything: every mistake at once, each
with its place, the line and what was probably meant. Files and environment
variables of the target machine need not be here; files of secrets that are here are
looked at as quell run does. Where state_dir is here a note says which streams have a
state of other channels, and what becomes of it. Exits 78 on a mistake.

With --print a file without mistakes is printed as it is understood: every default and
what came out of the environment filled in, secrets masked.`,
		Example: `  quell check -c configs/edge-mqtt.yaml
  quell check -c configs/edge-mqtt.yaml --json
  quell check -c configs/edge-mqtt.yaml --print`,
		Args: configOnly,
		RunE: func(*cobra.Command, []string) error {
			if path == "" {
				return usageError("-c FILE is needed: the configuration to check")
			}
			if resolved && asJSON {
				return usageError("--print prints YAML: leave --json out")
			}
			if resolved {
				return printConfig(s, path)
			}
			return checkConfig(s, path, asJSON)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration `file`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&resolved, "print", false, "print the configuration with all defaults, secrets masked")
	return cmd
}

// finding is a mistake or a warning as --json prints it.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

func findingOf(e *config.Error) finding { return finding{e.File, e.Line, e.Column, e.Path, e.Msg} }

// printConfig prints a configuration as it is understood.
func printConfig(s streams, path string) error {
	c, _, err := config.Check(path)
	if err != nil {
		return checkConfig(s, path, false)
	}
	text, err := c.YAML()
	if err == nil {
		_, err = s.out.Write(text)
	}
	return err
}

func checkConfig(s streams, path string, asJSON bool) error {
	c, warnings, err := config.Check(path)
	var list config.ErrorList
	if err != nil && !errors.As(err, &list) {
		return configError(path, err)
	}
	var later, others []string
	if c != nil {
		later, others = assemble.NotYet(c), assemble.OtherChannels(c)
	}
	if asJSON {
		out := struct {
			OK       bool      `json:"ok"`
			Errors   []finding `json:"errors"`
			Warnings []finding `json:"warnings"`
			NotYet   []string  `json:"not_yet"` // settings that this version does not act on
			State    []string  `json:"state"`   // that was made with other channels
		}{len(list) == 0, []finding{}, []finding{}, append([]string{}, later...), append([]string{}, others...)}
		for _, e := range list {
			out.Errors = append(out.Errors, findingOf(e))
		}
		for i := range warnings {
			out.Warnings = append(out.Warnings, findingOf(&warnings[i].Error))
		}
		if err := json.NewEncoder(s.out).Encode(out); err != nil {
			return err
		}
	} else {
		for i := range warnings {
			fmt.Fprintln(s.err, "note:", warnings[i].Error.Error())
		}
		for _, text := range slices.Concat(later, others) {
			fmt.Fprintln(s.err, "note:", text)
		}
		if len(list) > 0 {
			fmt.Fprintln(s.err, list.Format())
		} else {
			fmt.Fprintf(s.out, "%s is fine: %s, %s\n", path, count(len(c.Streams), "stream"), count(len(c.Sinks), "sink"))
		}
	}
	return configError(path, err)
}

// configError says in a line why a configuration can't be used, nil where it can.
func configError(path string, err error) error {
	var list config.ErrorList
	switch {
	case err == nil:
		return nil
	case errors.As(err, &list):
		err = fmt.Errorf("%s: %s", path, count(len(list), "mistake"))
	case errors.Is(err, os.ErrNotExist):
		err = fmt.Errorf("%s does not exist: name the configuration with -c", path)
	}
	return &codeError{exitConfig, err}
}

// count returns "1 stream", "2 streams".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
