package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/internal/plain"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/dlq"
)

func dlqCmd(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, and replay them",
		Long: `The dead letter of a configuration holds messages that could not be read, with the
original, and samples that could not be used, each with the reason. list shows them,
replay sends originals back to where they came from.`,
		Example: `  quell dlq list -c quell.yaml --since 24h
  quell dlq replay -c quell.yaml --reason json --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(dlqListCmd(s), dlqReplayCmd(s))
	return cmd
}

// dlqFlags choose dead letters.
type dlqFlags struct {
	config       string
	filter       dlq.Filter
	since, until string
	asJSON       bool
}

func (o *dlqFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "configuration `file`")
	f.StringSliceVar(&o.filter.Streams, "stream", nil, "of this stream; several with commas or repeated")
	f.StringSliceVar(&o.filter.Series, "series", nil, "of this series")
	f.StringSliceVar(&o.filter.Reasons, "reason", nil, "with this reason, such as json or late")
	f.StringSliceVar(&o.filter.Topics, "topic", nil, "from this topic; with * at its end from those that begin so")
	f.StringArrayVar(&o.filter.IDs, "id", nil, "with this id")
	f.StringVar(&o.since, "since", "", "stored from this `time` on: 2026-11-23, 2026-11-23T12:00:00Z (UTC where no zone is given), or 24h ago as 24h")
	f.StringVar(&o.until, "until", "", "stored before this `time`")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
}

// load reads the configuration and completes the filter.
func (o *dlqFlags) load(s streams, now time.Time) (cfg *config.Config, err error) {
	if o.config == "" {
		return nil, usageError("-c FILE is needed: the configuration whose dead letters are meant")
	}
	if o.filter.Since, err = moment(o.since, now); err != nil {
		return nil, usageError("--since: %v", err)
	}
	if o.filter.Until, err = moment(o.until, now); err != nil {
		return nil, usageError("--until: %v", err)
	}
	return loadConfig(s, o.config)
}

// moment reads a time, or how long ago it is.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 {
			return time.Time{}, fmt.Errorf("%s is still to come: 24h ago is 24h", text)
		}
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-23T12:00:00Z nor a duration such as 24h", text)
}

// letters hands the letters that the filter takes on, copies left out. Their keys
// are remembered in known.
func (o *dlqFlags) letters(ctx context.Context, s streams, cfg *config.Config, known map[dlq.Key]bool, each func(*dlq.Letter) error) error {
	log := slog.New(slog.NewTextHandler(s.err, nil))
	streams, reasons := map[string]bool{}, map[string]bool{}
	for i := range cfg.Streams {
		streams[cfg.Streams[i].Name] = true
	}
	for _, r := range dlq.Reasons() {
		reasons[r] = true
	}
	passed, err := assemble.Letters(ctx, cfg, log, func(l *dlq.Letter) error {
		if len(streams) < mostNames { // of before the present file, or of another version
			streams[l.Stream] = true
		}
		if len(reasons) < mostNames {
			reasons[l.Reason] = true
		}
		key := dlq.KeyOf(l)
		if known[key] {
			return nil
		}
		known[key] = true
		if !o.filter.Takes(l) {
			return nil
		}
		return each(l)
	})
	if passed > 0 {
		log.Warn("what is no dead letter is passed over", "lines", passed)
	}
	if err != nil {
		return err
	}
	return errors.Join(knownName("--stream", "stream", o.filter.Streams, streams), knownName("--reason", "reason", o.filter.Reasons, reasons))
}

// mostNames bounds the names that are remembered to say what was meant.
const mostNames = 1000

// knownName refuses names that are neither known nor of any dead letter, and says which may be
// meant.
func knownName(flag, what string, asked []string, known map[string]bool) error {
	for _, a := range asked {
		if known[a] {
			continue
		}
		all := slices.Sorted(maps.Keys(known))
		if near := field.Nearest(a, all); near != "" {
			return usageError("%s %s: there is no such %s; did you mean %s?", flag, a, what, plain.Text(near))
		}
		return usageError("%s %s: there is no such %s; there are %s", flag, a, what, plain.Text(strings.Join(all, ", ")))
	}
	return nil
}

// replayedDir is where it is kept what was replayed.
func replayedDir(cfg *config.Config) string { return filepath.Join(cfg.StateDir, "replayed") }

func dlqListCmd(s streams) *cobra.Command {
	o := &dlqFlags{}
	var pending bool
	cmd := &cobra.Command{
		Use:   "list -c FILE",
		Short: "List dead letters",
		Long: `List what the dead letter of a configuration holds, oldest first, copies left out,
also while the pipeline runs. With --json each is a line of JSON, with the original.

Filters are combined: a letter must match one value of each that is given. --since and
--until go by when a message was stored, so that stamps of a wrong clock count too; of a
sample that came without (from a file) by its own time.`,
		Example: "  quell dlq list -c quell.yaml --reason json --since 24h",
		Args:    exactly(0, "no arguments but flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load(s, time.Now())
			if err != nil {
				return err
			}
			return o.list(cmd.Context(), s, cfg, pending)
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&pending, "pending", false, "only what was not replayed")
	return cmd
}

func (o *dlqFlags) list(ctx context.Context, s streams, cfg *config.Config, pending bool) error {
	marks, err := dlq.OpenMarks(replayedDir(cfg))
	if err != nil {
		return err
	}
	n := 0
	tab := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	err = o.letters(ctx, s, cfg, map[dlq.Key]bool{}, func(l *dlq.Letter) error {
		at, done := marks.Replayed(l)
		if done && pending {
			return nil
		}
		n++
		if o.asJSON {
			return enc.Encode(letterOf(l, at))
		}
		if n == 1 {
			fmt.Fprintln(tab, "TIME\tSTREAM\tREASON\tWHERE\tWHAT\tREPLAYED\tID")
		}
		return listLine(tab, l, at)
	})
	if err := errors.Join(err, tab.Flush()); err != nil {
		return err
	}
	if !o.asJSON {
		fmt.Fprintln(s.err, count(n, "dead letter"))
	}
	return nil
}

func listLine(w io.Writer, l *dlq.Letter, replayed time.Time) error {
	where, what := l.Topic, preview(l.Payload)
	if l.Topic == "" {
		where, what = l.Series+" "+l.Channel, l.Missing
		if !math.IsNaN(l.Value) {
			what = strconv.FormatFloat(l.Value, 'g', -1, 64)
		}
		if l.Detail != "" {
			what += " (" + plain.Text(l.Detail) + ")"
		}
	}
	done := "-"
	if !replayed.IsZero() {
		done = replayed.Format(time.RFC3339)
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", stampText(l.Time), plain.Text(l.Stream), plain.Text(l.Reason), plain.Text(where), what, done, plain.Text(l.ID))
	return err
}

func stampText(ns int64) string {
	if ns == 0 {
		return "-"
	}
	return string(sink.AppendTime(nil, ns))
}

// preview shows the beginning of a payload on one line.
func preview(b []byte) string {
	const most = 40
	if !utf8.Valid(b) {
		return fmt.Sprintf("%d bytes, no text", len(b))
	}
	r := []rune(strings.Join(strings.Fields(string(b)), " "))
	if len(r) > most {
		return plain.Text(string(r[:most])) + "…"
	}
	return plain.Text(string(r))
}

// letterJSON is a dead letter as --json prints it.
type letterJSON struct {
	ID            string       `json:"id"`
	TS            string       `json:"ts"`
	Stored        string       `json:"stored,omitempty"`
	Stream        string       `json:"stream"`
	Series        string       `json:"series,omitempty"`
	Reason        string       `json:"reason"`
	Detail        string       `json:"detail,omitempty"`
	Topic         string       `json:"topic,omitempty"`
	Partition     string       `json:"partition,omitempty"`
	Offset        *int64       `json:"offset,omitempty"`
	Key           *string      `json:"key,omitempty"`
	KeyBase64     []byte       `json:"key_base64,omitempty"`
	Payload       *string      `json:"payload,omitempty"`
	PayloadBase64 []byte       `json:"payload_base64,omitempty"`
	Bytes         int64        `json:"bytes,omitempty"`
	Headers       []headerJSON `json:"headers,omitempty"`
	Channel       string       `json:"channel,omitempty"`
	Value         *float64     `json:"value,omitempty"`
	Missing       string       `json:"missing,omitempty"`
	Replayed      *time.Time   `json:"replayed"`
}

type headerJSON struct {
	Key         string  `json:"key"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
}

// textOr returns bytes as text where they are UTF-8, else as they are.
func textOr(b []byte) (*string, []byte) {
	if b == nil {
		return nil, nil
	}
	if !utf8.Valid(b) {
		return nil, b
	}
	s := string(b)
	return &s, nil
}

func letterOf(l *dlq.Letter, replayed time.Time) letterJSON {
	out := letterJSON{ID: l.ID, TS: stampText(l.Time), Stream: l.Stream, Series: l.Series, Reason: l.Reason, Detail: l.Detail,
		Topic: l.Topic, Partition: l.Partition, Bytes: l.Size, Channel: l.Channel, Missing: l.Missing}
	if l.Stored != 0 {
		out.Stored = stampText(l.Stored)
	}
	if l.Topic != "" {
		out.Offset = &l.Offset
		if out.Bytes == 0 {
			out.Bytes = int64(len(l.Payload))
		}
	}
	out.Key, out.KeyBase64 = textOr(l.Key)
	out.Payload, out.PayloadBase64 = textOr(l.Payload)
	for _, h := range l.Headers {
		one := headerJSON{Key: h.Key}
		one.Value, one.ValueBase64 = textOr(h.Value)
		out.Headers = append(out.Headers, one)
	}
	if !math.IsNaN(l.Value) {
		out.Value = &l.Value
	}
	if !replayed.IsZero() {
		out.Replayed = &replayed
	}
	return out
}
