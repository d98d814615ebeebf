package main

import (
	"github.com/spf13/cobra"
)

// modelCmd is what is done with models besides training and using them; each of
// its verbs has a file of its own, model_VERB.go.
func modelCmd(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Look into models, import and export them, make int8 ones and such for a condition",
		Long: `Look into models, import and export them, make int8 ones and such for a condition.
Wherever a model is asked for it may be base, a .quell file or an .onnx file.`,
		Example: `  quell model inspect base
  quell model export base -o base.onnx`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(modelImportCmd(s), modelExportCmd(s), modelInspectCmd(s), modelCardCmd(s), modelQuantizeCmd(s), modelConditionCmd(s))
	return cmd
}
