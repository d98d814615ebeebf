package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/client"
	"github.com/quell-stream/quell/internal/plain"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/web"
)

// tapOptions are those of quell tap.
type tapOptions struct {
	instance
	asJSON bool
	length time.Duration
	lines  int
}

func tapCmd(s streams) *cobra.Command {
	var o tapOptions
	cmd := &cobra.Command{
		Use:   "tap [STREAM[/ARROW]]",
		Short: "See what goes through a running instance",
		Long: `See what goes through a running instance, five looks a second at each place: what came
in (source), what the grid makes of it (window), what serves it (model), what the monitor
says (drift) and what the sinks are given (sink). Of a stream all five are shown; without
a stream what the sinks are given, of all streams. It ends at Ctrl-C.

It asks the HTTP API (docs/api.md), which http.listen switches on.`,
		Example: "  quell tap pumps/source\n  quell tap --json -n 10",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("%s takes one STREAM or STREAM/ARROW, got %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.length < 0 || o.lines < 0 {
				return usageError("--for and --lines must not be negative")
			}
			what := ""
			if len(args) == 1 {
				what = args[0]
			}
			if err := o.open(); err != nil {
				return err
			}
			return o.run(cmd.Context(), s, what)
		},
	}
	f := cmd.Flags()
	o.flags(f)
	f.BoolVar(&o.asJSON, "json", false, "print JSON, a line for each look")
	f.DurationVar(&o.length, "for", 0, "stop after this `time`; 0: never")
	f.IntVarP(&o.lines, "lines", "n", 0, "stop after so many lines; 0: never")
	return cmd
}

// topics returns those that show what is asked for.
func (o *tapOptions) topics(ctx context.Context, what string) (string, error) {
	all, err := o.Streams(ctx)
	if err != nil {
		return "", o.explain(err)
	}
	stream, arrow, one := strings.Cut(what, "/")
	if one && view.ArrowNumber(arrow) < 0 {
		return "", usageError("there is no arrow %q: it is one of %s", arrow, strings.Join(view.Arrows, ", "))
	}
	var list, names []string
	for i := range all.Streams {
		name := all.Streams[i].Name
		names = append(names, name)
		for _, a := range view.Arrows {
			if what == "" && a == view.Arrows[len(view.Arrows)-1] || name == stream && (!one || a == arrow) {
				list = append(list, client.TopicTap(name, a))
			}
		}
	}
	if len(list) > web.MostTaps {
		return "", usageError("there are %d streams, and %d can be watched at a time: name one of %s", len(list), web.MostTaps, strings.Join(names, ", "))
	}
	if len(list) == 0 {
		return "", usageError("there is no stream %q: there is %s", stream, strings.Join(names, ", "))
	}
	return strings.Join(list, ","), nil
}

func (o *tapOptions) run(ctx context.Context, s streams, what string) error {
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	err := o.watch(ctx, s.out, what)
	if ctx.Err() != nil {
		return nil // it was to end
	}
	return err
}

func (o *tapOptions) watch(ctx context.Context, out io.Writer, what string) error {
	list, err := o.topics(ctx, what)
	if err != nil {
		return err
	}
	res, err := o.Ask(ctx, http.MethodGet, "live", url.Values{"topics": {list}}, nil)
	if err != nil {
		return o.explain(err)
	}
	defer res.Body.Close()
	return o.print(out, res.Body, strings.Contains(list, ","))
}

// print prints what is tapped until the stream ends, or enough is printed.
func (o *tapOptions) print(out io.Writer, from io.Reader, several bool) error {
	n := 0
	var err error
	end := client.Messages(from, func(m client.Message) bool {
		if m.Kind != "tap" {
			return true
		}
		n++
		err = o.line(out, string(m.Data), several)
		return err == nil && n != o.lines
	})
	switch {
	case err != nil || n > 0 && n == o.lines:
		return err
	case errors.Is(end, io.EOF):
		return fmt.Errorf("%s has ended", o.place())
	}
	return o.explain(end)
}

func (o *tapOptions) line(out io.Writer, data string, several bool) error {
	if o.asJSON {
		_, err := fmt.Fprintln(out, plain.Text(data))
		return err
	}
	var t view.Tapped
	if err := json.Unmarshal([]byte(data), &t); err != nil {
		return fmt.Errorf("the answer of %s can't be read: %w", o.place(), err)
	}
	text := t.Text
	if several {
		text = fmt.Sprintf("%-6s  %s  %s", t.Arrow, t.Stream, text)
	}
	if t.Dropped > 0 {
		text += fmt.Sprintf("  (%d between)", t.Dropped)
	}
	_, err := fmt.Fprintln(out, plain.Text(text))
	return err
}
