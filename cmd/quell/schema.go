package main

import (
	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/pipeline/config"
)

func schemaCmd(s streams) *cobra.Command {
	var reference bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration",
		Long: `Print the JSON Schema (draft 2020-12) of the configuration file, by which editors
complete keys, show what they do and mark mistakes while one types. A file names its
schema in its first lines, as those of quell init do:

  # yaml-language-server: $schema=quell.schema.json

What values mean together is for quell check to find.`,
		Example: `  quell schema > quell.schema.json
  quell schema --reference > configuration.md`,
		Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			text := []byte(config.Reference())
			if !reference {
				var err error
				if text, err = config.JSONSchema(); err != nil {
					return err
				}
			}
			_, err := s.out.Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&reference, "reference", false, "print the reference of all keys as Markdown instead")
	return cmd
}
