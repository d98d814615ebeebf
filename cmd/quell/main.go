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
				return usageError("there is no command %q: see quell --help", args[0])
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
	cmd.AddCommand(schemaCmd(s), initCmd(s), doctorCmd(s), testCmd(s), completionCmd(s), manCmd(s))
	cmd.AddCommand(versionCmd(s), checkCmd(s), denoiseCmd(s), driftCmd(s), runCmd(s), captureCmd(s), replayCmd(s), dlqCmd(s), demoCmd(s), topCmd(s), tapCmd(s), trainCmd(s), tuneCmd(s), evalCmd(s), benchCmd(s), modelCmd(s))
	return cmd
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
