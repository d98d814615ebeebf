package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/internal/plain"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/dlq"
)

// dlqReplayFlags are the flags of quell dlq replay.
type dlqReplayFlags struct {
	dlqFlags
	output             string
	all, again, dryRun bool
}

func dlqReplayCmd(s streams) *cobra.Command {
	o := &dlqReplayFlags{}
	cmd := &cobra.Command{
		Use:   "replay -c FILE (FILTER… | --all)",
		Short: "Send dead letters back to where they came from",
		Long: `Send the original payload of the chosen dead letters to the topic that it came from,
over the connection of its stream's source: with Kafka to the same partition under
the same key, time and headers, and a header quell-dead-letter with the letter's id.
Whoever else reads the topic gets it too. Run it once what kept the messages from
being read is mended, while the pipeline runs.

What was replayed is remembered in state_dir and left out the next time, unless
--again is given. After a crash in the middle a few may be sent twice; the pipeline
drops identical copies that come within its memory. Samples are not replayed: no
message is kept of them. With --output payloads are written to a new file, one a
line, instead.`,
		Example: "  quell dlq replay -c quell.yaml --reason json --since 24h --dry-run",
		Args:    exactly(0, "no arguments but flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load(s, time.Now())
			switch {
			case err != nil:
				return err
			case o.filter.Empty() && !o.all:
				return usageError("choose letters by a filter, or --all")
			case o.all && !o.filter.Empty():
				return usageError("--all and filters exclude each other")
			case o.output == "-" && o.asJSON:
				return usageError("--json prints to standard output, where the payloads go: name a file with --output")
			}
			return o.run(cmd.Context(), s, cfg)
		},
	}
	o.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.all, "all", false, "all that can be replayed")
	f.BoolVar(&o.again, "again", false, "also what was replayed before")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.StringVarP(&o.output, "output", "o", "", "write payloads to this new `file`, one a line, instead of sending them; -: standard output")
	return cmd
}

// dlqReplayed is what quell dlq replay --json prints.
type dlqReplayed struct {
	Replayed int            `json:"replayed"` // or, with --dry-run, to be replayed
	Already  int            `json:"already"`  // replayed before
	Skipped  map[string]int `json:"skipped"`  // by why it can't be replayed
	Topics   map[string]int `json:"topics"`   // of Replayed
	DryRun   bool           `json:"dry_run"`
}

// replayChunk is how many letters are sent before they are marked.
const replayChunk = 100

// target takes the originals of letters.
type target interface {
	Takes(l *dlq.Letter) error
	Send(ctx context.Context, letters []*dlq.Letter) error
	Close(ctx context.Context) error
}

func (o *dlqReplayFlags) run(ctx context.Context, s streams, cfg *config.Config) (err error) {
	dir := replayedDir(cfg)
	if !o.dryRun {
		// Two replays at once would send everything twice.
		release, err := state.Lock(dir)
		if err != nil {
			return fmt.Errorf("what was replayed can't be kept, or another replay is at work: %w", err)
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	marks, err := dlq.OpenMarks(dir)
	if err != nil {
		return err
	}
	to, err := o.target(s, cfg)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, to.Close(closing))
	}()
	r := &dlqReplay{o: o, to: to, marks: marks, sum: dlqReplayed{Skipped: map[string]int{}, Topics: map[string]int{}, DryRun: o.dryRun}}
	known := map[dlq.Key]bool{}
	err = o.letters(ctx, s, cfg, known, func(l *dlq.Letter) error { return r.take(ctx, l) })
	if err == nil {
		err = r.flush(ctx)
	}
	if err == nil && !o.dryRun {
		err = marks.Prune(func(key dlq.Key) bool { return known[key] })
	}
	return errors.Join(err, r.tell(s))
}

// target returns where the originals go.
func (o *dlqReplayFlags) target(s streams, cfg *config.Config) (target, error) {
	switch {
	case o.output == "":
		return assemble.NewReplayer(cfg, slog.New(slog.NewTextHandler(s.err, nil))), nil
	case o.dryRun || o.output == "-":
		return &payloads{w: s.out}, nil
	}
	f, err := os.OpenFile(o.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already: name a new file", o.output)
	}
	if err != nil {
		return nil, err
	}
	return &payloads{w: f, f: f}, nil
}

// dlqReplay is a replay under way.
type dlqReplay struct {
	o     *dlqReplayFlags
	to    target
	marks *dlq.Marks
	batch []*dlq.Letter
	sum   dlqReplayed
}

func (r *dlqReplay) take(ctx context.Context, l *dlq.Letter) error {
	if err := r.to.Takes(l); err != nil {
		r.sum.Skipped[err.Error()]++
		return nil
	}
	if _, done := r.marks.Replayed(l); done && !r.o.again {
		r.sum.Already++
		return nil
	}
	if r.batch = append(r.batch, l); len(r.batch) < replayChunk {
		return nil
	}
	return r.flush(ctx)
}

// flush sends what is collected and marks what has arrived.
func (r *dlqReplay) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	sent, err := r.batch, error(nil)
	if !r.o.dryRun {
		if sent, err = r.send(ctx); len(sent) > 0 {
			err = errors.Join(err, r.marks.Add(sent, time.Now()))
		}
	}
	for _, l := range sent {
		r.sum.Replayed++
		r.sum.Topics[l.Topic]++
	}
	r.batch = r.batch[:0]
	return err
}

// send sends what is collected and returns what has arrived. Where one letter is
// never taken it goes on with each by itself: the others must not wait for it.
func (r *dlqReplay) send(ctx context.Context) (sent []*dlq.Letter, err error) {
	err = r.to.Send(ctx, r.batch)
	if err == nil {
		return r.batch, nil
	}
	if !errors.Is(err, sink.ErrPermanent) {
		return nil, err
	}
	for i, l := range r.batch {
		switch err := r.to.Send(ctx, r.batch[i:i+1]); {
		case err == nil:
			sent = append(sent, l)
		case errors.Is(err, sink.ErrPermanent):
			r.sum.Skipped[err.Error()]++
		default:
			return sent, err
		}
	}
	return sent, nil
}

func (r *dlqReplay) tell(s streams) error {
	if r.o.asJSON {
		return json.NewEncoder(s.out).Encode(r.sum)
	}
	verb := "replayed"
	if r.o.dryRun {
		verb = "to be replayed"
	}
	fmt.Fprintf(s.err, "%s: %s\n", verb, count(r.sum.Replayed, "dead letter"))
	for _, t := range slices.Sorted(maps.Keys(r.sum.Topics)) {
		fmt.Fprintf(s.err, "  %d %s\n", r.sum.Topics[t], plain.Text(t))
	}
	if r.sum.Already > 0 {
		fmt.Fprintf(s.err, "replayed before, left out: %d (--again sends them once more)\n", r.sum.Already)
	}
	for _, why := range slices.Sorted(maps.Keys(r.sum.Skipped)) {
		fmt.Fprintf(s.err, "can't be replayed: %d: %s\n", r.sum.Skipped[why], plain.Text(why))
	}
	return nil
}

// payloads writes originals, one a line.
type payloads struct {
	w io.Writer
	f *os.File // nil: standard output
}

// Takes implements target.
func (p *payloads) Takes(l *dlq.Letter) error {
	if err := l.Whole(); err != nil {
		return err
	}
	if _, ok := onOneLine(l.Payload); !ok {
		return errors.New("its payload has line breaks, and a line is a payload: see list --json")
	}
	return nil
}

// onOneLine returns a payload without line breaks, which those of JSON may lose.
func onOneLine(b []byte) ([]byte, bool) {
	b = bytes.TrimRight(b, "\r\n")
	if !bytes.ContainsAny(b, "\r\n") {
		return b, true
	}
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return nil, false
	}
	return out.Bytes(), true
}

// Send implements target.
func (p *payloads) Send(_ context.Context, letters []*dlq.Letter) error {
	var b []byte
	for _, l := range letters {
		line, _ := onOneLine(l.Payload)
		b = append(append(b, line...), '\n')
	}
	if _, err := p.w.Write(b); err != nil {
		return err
	}
	if p.f != nil {
		return p.f.Sync()
	}
	return nil
}

// Close implements target.
func (p *payloads) Close(context.Context) error {
	if p.f == nil {
		return nil
	}
	return p.f.Close()
}
