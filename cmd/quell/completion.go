package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func completionCmd(s streams) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what makes a shell complete quell's commands and flags",
		Long: `Print a script for bash, zsh or fish that completes the commands and flags of quell, and
the files that they take.`,
		Example: `  source <(quell completion bash)
  quell completion zsh > "${fpath[1]}/_quell"
  quell completion fish > ~/.config/fish/completions/quell.fish`,
		ValidArgs: shells,
		Args:      exactly(1, "the name of a shell: "+strings.Join(shells, ", ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(s.out, true)
			case "zsh":
				return root.GenZshCompletion(s.out)
			case "fish":
				return root.GenFishCompletion(s.out, true)
			}
			return usageError("there is no completion for the shell %q: it must be %s", args[0], strings.Join(shells, ", "))
		},
	}
}
