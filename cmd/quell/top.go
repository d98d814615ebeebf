package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/client"
	"github.com/quell-stream/quell/internal/plain"
	"github.com/quell-stream/quell/pipeline/view"
)

// topOptions are those of quell top.
type topOptions struct {
	instance
	once, asJSON bool
	every        time.Duration
	stream, find string
	state, sort  string
	limit        int
}

func topCmd(s streams) *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the series of a running instance, problems first",
		Long: `Watch the series of a running instance in a table: those that need somebody first, with
their newest raw and clean values, what serves them and why. On a terminal it is drawn
again every two seconds until Ctrl-C; else, and with --once or --json, it is printed once.

It asks the HTTP API (docs/api.md), which http.listen switches on.`,
		Example: "  quell top --url http://gateway:7070 --token-file token\n  quell top --once --state fault,regime",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.every < 100*time.Millisecond {
				return usageError("--every must be at least 100ms, got %s", o.every)
			}
			if err := o.open(); err != nil {
				return err
			}
			return o.run(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	o.flags(f)
	f.BoolVar(&o.once, "once", false, "print the table once")
	f.BoolVar(&o.asJSON, "json", false, "print JSON once: status, streams and series as the API has them")
	f.DurationVar(&o.every, "every", 2*time.Second, "`time` from one table to the next")
	f.StringVar(&o.stream, "stream", "", "only series of this `stream`")
	f.StringVar(&o.find, "find", "", "only series with this `text` in their name")
	f.StringVar(&o.state, "state", "", "only series in one of these `states`: "+strings.Join(view.Rank, ","))
	f.StringVar(&o.sort, "sort", view.ByProblem, "`order`: problem, name or stale")
	f.IntVar(&o.limit, "limit", 0, "at most so many series (default: what fits the terminal, else 50)")
	return cmd
}

// glance is what a table is made of.
type glance struct {
	status  client.Status
	streams client.Streams
	series  client.SeriesPage
}

func (o *topOptions) run(ctx context.Context, s streams) error {
	if o.asJSON {
		return o.printJSON(ctx, s)
	}
	width, height := terminalSize(s.out)
	live := width > 0 && !o.once
	limit := o.limit
	if limit == 0 {
		if limit = 50; live {
			limit = max(1, height-5)
		}
	}
	if !live {
		g, err := o.look(ctx, limit)
		if err != nil {
			return err
		}
		return g.draw(s.out, "", nil, 0, false)
	}
	return o.watch(ctx, s.out, limit, width)
}

// watch draws the table again and again. One that comes after the first one and fails, as
// while the instance starts again, is told in a line, and asked for again in its time.
func (o *topOptions) watch(ctx context.Context, out io.Writer, limit, width int) error {
	const home = "\x1b[H\x1b[2J"
	var before *glance
	for drawn := false; ; {
		g, err := o.look(ctx, limit)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			err = g.draw(out, home, before, width, os.Getenv("NO_COLOR") == "")
			drawn = true
		case drawn:
			_, err = fmt.Fprintf(out, "%s%s\n", home, clip(plain.Text("no answer, asking again: "+err.Error()), width))
		}
		if err != nil {
			return err
		}
		before = g
		select {
		case <-time.After(o.every):
		case <-ctx.Done():
			return nil
		}
	}
}

func (o *topOptions) query(limit int) client.SeriesQuery {
	q := client.SeriesQuery{Stream: o.stream, Text: o.find, Sort: o.sort, Limit: limit}
	if o.state != "" {
		q.State = strings.Split(o.state, ",")
	}
	return q
}

func (o *topOptions) look(ctx context.Context, limit int) (*glance, error) {
	var g glance
	var err error
	if g.status, err = o.Status(ctx); err != nil {
		return nil, o.explain(err)
	}
	if g.streams, err = o.Streams(ctx); err != nil {
		return nil, o.explain(err)
	}
	if g.series, err = o.Series(ctx, o.query(limit)); err != nil {
		return nil, o.explain(err)
	}
	return &g, nil
}

func (o *topOptions) printJSON(ctx context.Context, s streams) error {
	limit := o.limit
	if limit == 0 {
		limit = 1000
	}
	var all struct {
		Status  json.RawMessage `json:"status"`
		Streams json.RawMessage `json:"streams"`
		Sinks   json.RawMessage `json:"sinks"`
		Total   int             `json:"total"`
		Series  json.RawMessage `json:"series"`
	}
	if err := o.get(ctx, "status", nil, &all.Status); err != nil {
		return err
	}
	if err := o.get(ctx, "streams", nil, &all); err != nil {
		return err
	}
	if err := o.get(ctx, "series", o.query(limit).Values(), &all); err != nil {
		return err
	}
	return json.NewEncoder(s.out).Encode(&all)
}

// draw writes start and the table at once, so that a terminal does not flicker.
func (g *glance) draw(out io.Writer, start string, before *glance, width int, colour bool) error {
	var b bytes.Buffer
	b.WriteString(start)
	g.write(&b, before, width, colour)
	_, err := out.Write(b.Bytes())
	return err
}

// write writes the table. before is the one before, for rates; nil: there is none.
func (g *glance) write(b *bytes.Buffer, before *glance, width int, colour bool) {
	ready := "ready"
	for _, p := range g.status.Parts {
		if !g.status.Ready && !p.Up {
			ready = "not ready: " + p.Name + " is down"
			break
		}
	}
	fmt.Fprintf(b, "quell %s  %s  %d series  %.0f MB  %s\n", plain.Text(g.status.Version), plain.Text(ready), g.status.Series, float64(g.status.Memory)/1e6, g.status.Now.Format("15:04:05Z07:00"))
	for i := range g.streams.Streams {
		b.WriteString(clip(plain.Text(g.stream(&g.streams.Streams[i], before)), width) + "\n")
	}
	var t bytes.Buffer
	w := tabwriter.NewWriter(&t, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "STATE\tSERIES\tRAW\tCLEAN\t±\tBY\tSCORE\tAGE\tWHY\n")
	for i := range g.series.Series {
		cells := row(&g.series.Series[i], g.status.Now)
		for k := range cells {
			cells[k] = strings.NewReplacer("\t", " ", "\n", " ").Replace(cells[k])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a buffer takes all
	for i, line := range strings.Split(strings.TrimSuffix(t.String(), "\n"), "\n") {
		line = clip(plain.Text(strings.TrimRight(line, " ")), width)
		if colour && i > 0 {
			line = coloured(line, g.series.Series[i-1].Drift)
		}
		b.WriteString(line + "\n")
	}
	if more := g.series.Total - len(g.series.Series); more > 0 {
		fmt.Fprintf(b, "… and %d more\n", more)
	}
}

// stream returns the line of a stream: with rates where the table before had it, and its
// counters have not begun anew since.
func (g *glance) stream(s *view.Stream, before *glance) string {
	text := fmt.Sprintf("%s: %d messages, %d records", s.Name, s.Messages, s.Records)
	if was := before.named(s.Name); was != nil && was.Messages <= s.Messages && was.Records <= s.Records {
		took := g.status.Now.Sub(before.status.Now).Seconds()
		text = fmt.Sprintf("%s: %.4g messages/s, %.4g records/s", s.Name, float64(s.Messages-was.Messages)/took, float64(s.Records-was.Records)/took)
	}
	if s.Latency != nil {
		text += fmt.Sprintf(", latency p50 %s, p99 %s", brief(float64(s.Latency.P50)), brief(float64(s.Latency.P99)))
	}
	text += ", lag " + span(float64(s.Lag))
	if s.Model != "" {
		text += ", model " + s.Model
	}
	if s.Dead > 0 {
		text += fmt.Sprintf(", %d dead letters", s.Dead)
	}
	if s.Dropped > 0 {
		text += fmt.Sprintf(", %d dropped", s.Dropped)
	}
	return text
}

// named returns a stream of a glance, nil where it has none of that name or is nil.
func (g *glance) named(stream string) *view.Stream {
	if g == nil {
		return nil
	}
	i := slices.IndexFunc(g.streams.Streams, func(s view.Stream) bool { return s.Name == stream })
	if i < 0 {
		return nil
	}
	return &g.streams.Streams[i]
}

// brief is span for what is mostly below a second.
func brief(seconds float64) string {
	if math.Abs(seconds) < 1 {
		return fmt.Sprintf("%.3g ms", 1e3*seconds)
	}
	return span(seconds)
}

// span says a time in the unit that people would take. One below 0 is ahead, as of a clock.
func span(seconds float64) string {
	switch {
	case seconds <= -1:
		return span(-seconds) + " ahead"
	case seconds >= 2*365.25*86400:
		return fmt.Sprintf("%.0f years", seconds/(365.25*86400))
	case seconds >= 2*86400:
		return fmt.Sprintf("%.0f days", seconds/86400)
	case seconds >= 120:
		return (time.Duration(seconds) * time.Second).String()
	}
	return fmt.Sprintf("%.3g s", seconds)
}

// row returns the cells of a series.
func row(s *view.Series, now time.Time) []string {
	cells := []string{s.Drift, s.Stream + "/" + s.Series, "–", "–", "–", "", figure(s.Score), "–", ""}
	if s.Learning != nil && (s.Drift == "learning" || s.Drift == "") { // a fault is one while it learns, too
		cells[0] = fmt.Sprintf("learning %d %%", 100*s.Learning.Have/max(1, s.Learning.Need))
	}
	if c := shown(s.Channels); c != nil {
		cells[2], cells[3], cells[5] = figure(c.Raw), figure(c.Clean), c.Method
		if c.Hi.Known() && c.Lo.Known() {
			cells[4] = figure((c.Hi - c.Lo) / 2)
		}
		if n := len(s.Channels) - 1; n > 0 {
			cells[5] += fmt.Sprintf(" (%s, +%d)", c.Name, n)
		}
	}
	if s.Arrived != 0 {
		cells[7] = max(0, now.Sub(time.Unix(0, int64(s.Arrived)))).Round(time.Second).String()
	}
	if s.Why != nil {
		cells[8] = *s.Why
	}
	return cells
}

// shown returns the channel that a line has room for: the first with a value that is uncertain
// or bad, else the first with a value, else the first; nil where there is none.
func shown(channels []view.Value) *view.Value {
	var one *view.Value
	for i := range channels {
		c := &channels[i]
		switch has := c.Raw.Known() || c.Clean.Known(); {
		case has && (c.Quality == "uncertain" || c.Quality == "bad"):
			return c
		case one == nil, has && !one.Raw.Known() && !one.Clean.Known():
			one = c
		}
	}
	return one
}

func figure(n view.Number) string {
	if !n.Known() {
		return "–"
	}
	return strconv.FormatFloat(float64(n), 'g', 5, 64)
}

// clip shortens a line to the width of the terminal; 0: there is none.
func clip(line string, width int) string {
	if r := []rune(line); width > 0 && len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return line
}

// coloured sets a line in the colour of its state, which its words say too.
func coloured(line, state string) string {
	code := map[string]string{"fault": "31", "regime": "35", "noise": "33", "unknown": "36", "warning": "33", "learning": "2"}[state]
	if code == "" {
		return line
	}
	return "\x1b[" + code + "m" + line + "\x1b[0m"
}
