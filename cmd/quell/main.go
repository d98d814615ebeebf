// Command quell denoises live sensor streams, watches them for drift, and
// delivers clean values, raw values and alerts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // gateways often have no zone files

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model/nn"
)

// The exit codes are part of the contract.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitConfig      = 78
	exitInterrupted = 130
)

// codeError carries an exit code with an error.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// usageError marks what the user typed as wrong.
func usageError(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Errorf(format, args...)}
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal stops in order; a second one does not wait.
	context.AfterFunc(ctx, func() {
		second := make(chan os.Signal, 1)
		signal.Notify(second, os.Interrupt, syscall.SIGTERM)
		<-second
		os.Exit(exitInterrupted)
	})
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	cmd := root(s)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(s.err, "quell:", err)
	var coded *codeError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

// endAtOnce ends the process where ctx ends: for commands that have nothing to bring to an
// end, and could be at one piece of work for minutes. It holds until stop is called.
func endAtOnce(ctx context.Context, s streams) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		fmt.Fprintln(s.err, "quell: interrupted")
		os.Exit(exitInterrupted)
	})
}

func root(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "quell",
		Short:         "Quell quiets sensors",
		Long:          "Quell denoises live sensor streams, watches them for drift, and delivers clean values, raw values and alerts.",
		Version:       release(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := nn.KernelTierErr(); err != nil {
				return &codeError{exitUsage, err}
			}
			return nil
		},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.SetIn(s.in)
	cmd.SetOut(s.out)
	cmd.SetErr(s.err)
	cmd.SetFlagErrorFunc(flagError)
	cmd.CompletionOptions.DisableDefaultCmd = true // there is one of our own
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"begin", "Begin here:", []*cobra.Command{demoCmd(s), denoiseCmd(s), initCmd(s)}},
		{"run", "Run it:", []*cobra.Command{checkCmd(s), doctorCmd(s), runCmd(s), topCmd(s), tapCmd(s), dlqCmd(s), captureCmd(s), replayCmd(s), testCmd(s)}},
		{"model", "Models and methods:", []*cobra.Command{evalCmd(s), trainCmd(s), tuneCmd(s), modelCmd(s), driftCmd(s), benchCmd(s)}},
	} {
		cmd.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			cmd.AddCommand(c)
		}
	}
	cmd.AddCommand(schemaCmd(s), completionCmd(s), manCmd(s), versionCmd(s))
	cmd.SetHelpCommand(helpCmd())
	return cmd
}

// helpCmd is the help of a command; one that is not there is a mistake.
func helpCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND…]",
		Short:             "Help about any command",
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil {
				return noCommand(cmd.Root(), args[0])
			}
			if len(rest) > 0 {
				return noCommand(of, rest[0])
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// configOnly refuses arguments of a command that takes a configuration with -c, and
// says what was probably meant.
func configOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && !cmd.Flags().Changed("config") {
		return usageError("%s takes no arguments but -c FILE: did you mean -c %s?", cmd.CommandPath(), args[0])
	}
	return exactly(0, "no arguments but -c FILE")(cmd, args)
}

// exactly checks the number of arguments with the exit code of wrong usage.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError("%s takes %s, got %d arguments", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}
