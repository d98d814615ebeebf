package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quell-stream/quell/ingest/codec/field"
)

// needed says what a flag of a type takes, for the types of the flag package; the
// other ones say it themselves.
var needed = map[string]string{
	"bool":         "true or false is needed",
	"int":          "a whole number is needed",
	"uint64":       "a whole number that is not negative is needed",
	"float64":      "a number is needed",
	"float64Slice": "numbers with commas between them are needed",
	"stringSlice":  "names with commas between them are needed",
	"duration":     "a time such as 90s, 10m or 1h30m is needed",
}

// meant asks for the name that was probably meant, where there is one.
func meant(typed string, names []string, dashes string) string {
	if near := field.Nearest(typed, names); near != "" {
		return ", did you mean " + dashes + near + "?"
	}
	return ""
}

// noCommand is the error for a command that is not there.
func noCommand(parent *cobra.Command, typed string) error {
	var names []string
	for _, sub := range subcommands(parent) {
		names = append(names, sub.Name())
	}
	return usageError("there is no command %q%s: see %s --help", typed, meant(typed, names, ""), parent.CommandPath())
}

// flagError says in plain words what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	var (
		invalid *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
		unknown *pflag.NotExistError
	)
	switch {
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		want := needed[f.Value.Type()]
		switch {
		case errors.Is(err, strconv.ErrRange):
			want = "that is too large"
		case want == "":
			want = errors.Unwrap(invalid).Error()
		}
		return usageError("--%s %s: %s: see %s --help", f.Name, invalid.GetValue(), want, c.CommandPath())
	case errors.As(err, &missing):
		name, _ := pflag.UnquoteUsage(missing.GetFlag())
		return usageError("--%s needs a value: --%s %s: see %s --help", missing.GetFlag().Name, missing.GetFlag().Name, name, c.CommandPath())
	case errors.As(err, &unknown):
		if unknown.GetSpecifiedShortnames() != "" {
			return usageError("there is no flag -%s: see %s --help", unknown.GetSpecifiedName(), c.CommandPath())
		}
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return usageError("there is no flag --%s%s: see %s --help", unknown.GetSpecifiedName(), meant(unknown.GetSpecifiedName(), names, "--"), c.CommandPath())
	}
	return usageError("%w: see %s --help", err, c.CommandPath())
}
