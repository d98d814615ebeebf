package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quell-stream/quell/internal/atomicfile"
)

func manCmd(s streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man [COMMAND…]",
		Short: "Print the manual page of a command, or write all of them",
		Long: `Print the manual page of quell or of one of its commands, or write one of each to a
folder with -o.`,
		Example: `  quell man run | man -l -
  quell man -o /usr/local/share/man/man1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return noCommand(cmd.Root(), strings.Join(args, " "))
			}
			if dir == "" {
				_, err := s.out.Write(manPage(of))
				return err
			}
			if len(args) > 0 {
				return usageError("-o writes the pages of all commands: leave %q out", strings.Join(args, " "))
			}
			return writeMan(cmd.Root(), dir)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write the pages of all commands to this `folder`")
	return cmd
}

// writeMan writes the page of a command and of those below it.
func writeMan(cmd *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("man: %w", err)
	}
	var walk func(c *cobra.Command) error
	walk = func(c *cobra.Command) error {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		if err := atomicfile.WriteFile(filepath.Join(dir, name), manPage(c), 0o644); err != nil {
			return fmt.Errorf("man: %w", err)
		}
		for _, sub := range subcommands(c) {
			if err := walk(sub); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(cmd)
}

// subcommands returns those that people call.
func subcommands(c *cobra.Command) (out []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			out = append(out, sub)
		}
	}
	return out
}

// manPage returns the page of a command as roff.
func manPage(c *cobra.Command) []byte {
	c.InitDefaultHelpFlag()
	var b bytes.Buffer
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"quell %s\" \"Quell\"\n", strings.ToUpper(roff(name)), roff(release()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(c.UseLine()))
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, text)
	if subs := subcommands(c); len(subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range subs {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(sub.Name()), roff(sub.Short))
		}
	}
	flags(&b, "OPTIONS", c.NonInheritedFlags())
	flags(&b, "COMMON OPTIONS", c.InheritedFlags())
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(c.Example))
	}
	if !c.HasParent() {
		b.WriteString(".SH ENVIRONMENT\n.TP\n.B QUELL_KERNEL\nForces a kernel tier: avx512, avx2, neon or generic.\n.TP\n.B NO_COLOR\nKeeps colours out of what is printed.\n")
	}
	exitStatus(&b, c)
	if c.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(strings.ReplaceAll(c.Parent().CommandPath(), " ", "-")))
	}
	return b.Bytes()
}

// exitStatus writes what the exit codes of a command mean.
func exitStatus(b *bytes.Buffer, c *cobra.Command) {
	b.WriteString(".SH EXIT STATUS\n")
	codes := [][2]string{{"0", "done"}, {"1", "failed: what failed and what to do is on standard error"}, {"2", "wrong usage"}}
	if !c.HasParent() || c.Flag("config") != nil || c.Name() == "test" {
		codes = append(codes, [2]string{"78", "a mistake in the configuration"})
	}
	codes = append(codes, [2]string{"130", "interrupted: a second SIGINT or SIGTERM, or one where nothing is kept of what was done"})
	for _, l := range codes {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", l[0], roff(l[1]))
	}
}

// paragraphs writes text as it is laid out, which is how its tables stay tables.
func paragraphs(b *bytes.Buffer, text string) {
	for i, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.Contains(p, "\n  ") || strings.HasPrefix(p, "  ") {
			fmt.Fprintf(b, ".nf\n%s\n.fi\n", roff(p))
			continue
		}
		b.WriteString(roff(p) + "\n")
	}
}

func flags(b *bytes.Buffer, title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		arg, usage := pflag.UnquoteUsage(f)
		head := "--" + f.Name
		if f.Shorthand != "" {
			head = "-" + f.Shorthand + ", " + head
		}
		if arg != "" {
			head += " " + arg
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" && f.DefValue != "0s" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(head), roff(usage))
	})
}

// roff escapes what the typesetter would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
