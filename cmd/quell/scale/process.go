package scale

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/quell-stream/quell/cmd/quell/load"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/internal/seglog"
)

// denoise has a process of its own denoise a file, a few times, and counts the processor
// time of the best.
func (o *Options) denoise(ctx context.Context, so *scoreboard.Options) (_ []scoreboard.Row, err error) {
	samples, rounds := 400_000, 3
	if so.Quick {
		samples, rounds = 50_000, 1
	}
	dir, err := os.MkdirTemp("", "quell-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "one.csv")
	if err := writeColumn(path, samples); err != nil {
		return nil, err
	}
	best := math.Inf(1)
	for range rounds {
		cmd := exec.CommandContext(ctx, o.Exe, "denoise", path, "--rate", "360", "-o", os.DevNull)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("quell denoise: %w: %s", err, out)
		}
		best = min(best, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	}
	row := scoreboard.Row{Name: "quell denoise, one channel, samples/s/core", Must: scoreboard.AtLeast(400e3), Aim: scoreboard.AtLeast(1e6),
		Got: float64(samples) / best, Note: fmt.Sprintf("%d samples, processor time of the best of %d, start included", samples, rounds)}
	if so.Quick {
		row.Must, row.Aim = scoreboard.Bound{}, scoreboard.Bound{}
	}
	return []scoreboard.Row{row}, nil
}

func writeColumn(path string, samples int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fleet := load.Fleet{Devices: 1}
	fmt.Fprintln(w, "value") // its error stays with the writer
	for k := range samples {
		fmt.Fprintf(w, "%.4f\n", fleet.Value(0, k))
	}
	return w.Flush()
}

// journal appends what a message of the load takes in the journal of an MQTT source.
func (o *Options) journal(_ context.Context, so *scoreboard.Options) (_ []scoreboard.Row, err error) {
	const group, bytes = 1000, 240
	rounds := 60
	if so.Quick {
		rounds = 20
	}
	dir, err := os.MkdirTemp("", "quell-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log, err := seglog.Open(dir, seglog.Options{MaxBytes: 1 << 30})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	head, payload := make([]byte, 40), make([]byte, bytes-40)
	best, sum := math.Inf(1), 0.
	for range rounds {
		began := time.Now()
		for range group {
			if _, err := log.Append(1, head, payload); err != nil {
				return nil, err
			}
		}
		if err := log.Sync(); err != nil {
			return nil, err
		}
		d := time.Since(began).Seconds()
		best, sum = min(best, d), sum+d
	}
	row := scoreboard.Row{Name: "journal, records/s at 1,000 per fsync", Anchor: "own append 1.8M, tidwall/wal .9M, pebble .75M", Must: scoreboard.AtLeast(1e6), Aim: scoreboard.AtLeast(2e6),
		Got: group / best, Note: fmt.Sprintf("%d bytes each, best of %d groups; in the mean %.0f", bytes, rounds, group*float64(rounds)/sum)}
	if so.Quick { // a matter of the disk
		row.Must, row.Aim = scoreboard.Bound{}, scoreboard.Bound{}
	}
	return []scoreboard.Row{row}, nil
}

// lakh is the number of series of the row about very many.
const lakh = 100_000

// many has a pipeline take a few messages of each of very many series, and reckons what
// 100,000 take from what those took.
func (o *Options) many(ctx context.Context, so *scoreboard.Options) ([]scoreboard.Row, error) {
	row := scoreboard.Row{Name: "100,000 series in one process, shared scope, GiB", Must: scoreboard.AtMost(8), Aim: scoreboard.AtMost(4), Got: nan}
	if so.Quick {
		row.Note = "not part of a quick run"
		return []scoreboard.Row{row}, nil
	}
	bus, err := load.MQTT(o.MQTT, runName())
	if err != nil {
		return nil, err
	}
	r, err := load.Run(ctx, bus, load.Options{Exe: o.Exe, Devices: o.Many, Warm: 12, Threads: o.Threads, Model: ", scope: shared", Tell: so.Tell})
	if err != nil {
		return nil, err
	}
	per := float64(r.PeakResident-r.StartResident) / float64(o.Many)
	row.Got = (float64(r.StartResident) + per*lakh) / (1 << 30)
	row.Note = fmt.Sprintf("%d series with 12 samples each took %.0f KiB each, and nothing was lost", o.Many, per/1024)
	if o.Many < lakh {
		row.Note += "; multiplied: --many 100000 makes them all"
	}
	if n := r.Lost + r.Copies + r.Strays; n > 0 {
		return nil, fmt.Errorf("of %d series %d records were lost, doubled or unknown", o.Many, n)
	}
	return []scoreboard.Row{row}, nil
}
