package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/file"
)

func driftCmd(s streams) *cobra.Command {
	var (
		name, column string
		params       []string
		stateEvery   int
		list         bool
	)
	cmd := &cobra.Command{
		Use:   "drift IN",
		Short: "Run one drift detector over one column of a file",
		Long: `Run one drift detector over one column of a file (CSV or JSON lines, plain or gzip, - for
standard input): the pipeline's own, or one of --list.

Each line of output is a JSON object: i is the row, counting from 0; drift and
warning are the state after it. A line is printed for each row where either is
true or changes, and with --state-every for every N-th row, with the detector's
state variables. A missing value changes nothing. docs/formats/drift.md describes
the detectors, their parameters and the lines.

--list prints the detectors, and what their parameters are when not given.`,
		Example: `  quell drift bearing.csv --column rms --param false_alarms=1/1e6
  quell drift bearing.csv --detector ADWIN --column rms --param delta=0.01`,
		Args: func(cmd *cobra.Command, args []string) error {
			if list {
				return exactly(0, "no file with --list")(cmd, args)
			}
			return exactly(1, "one file")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return listDetectors(s.out)
			}
			det, err := newDetector(name, params)
			if err != nil {
				return err
			}
			if stateEvery < 0 {
				return usageError("--state-every must not be negative, got %d", stateEvery)
			}
			defer endAtOnce(cmd.Context(), s)()
			return detect(s, args[0], column, det, stateEvery)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "detector", monitor.DetectorName, "detector: "+strings.Join(detectorNames(), ", "))
	f.StringArrayVar(&params, "param", nil, "parameter of the detector, `name=value` (repeatable)")
	f.StringVar(&column, "column", "", "column to watch; needed where the file has several numeric ones")
	f.BoolVar(&list, "list", false, "list the detectors and their parameters")
	f.IntVar(&stateEvery, "state-every", 0, "print the state every `N` rows")
	return cmd
}

// detectorNames are those of package drift, and the monitor's own.
func detectorNames() []string { return append([]string{monitor.DetectorName}, drift.Names()...) }

func listDetectors(w io.Writer) error {
	if _, err := fmt.Fprintln(w, monitor.DetectorName, strings.Join(monitor.DetectorParameters(), " ")); err != nil {
		return err
	}
	for _, name := range drift.Names() {
		if _, err := fmt.Fprintln(w, name, strings.Join(drift.Parameters(name), " ")); err != nil {
			return err
		}
	}
	return nil
}

func newDetector(name string, params []string) (drift.Detector, error) {
	byName := map[string]string{}
	for _, p := range params {
		k, v, ok := strings.Cut(p, "=")
		if !ok {
			return nil, usageError("--param %s: write it as name=value", p)
		}
		byName[k] = v
	}
	det, err := detectorOf(name, byName)
	if err != nil {
		return nil, usageError("%w", err)
	}
	return det, nil
}

func detectorOf(name string, params map[string]string) (drift.Detector, error) {
	if strings.EqualFold(name, monitor.DetectorName) {
		return monitor.ParseDetector(params)
	}
	d, err := drift.New(name, params)
	if err != nil && !slices.ContainsFunc(drift.Names(), func(n string) bool { return strings.EqualFold(n, name) }) {
		return nil, fmt.Errorf("%w; %s is the pipeline's own", err, monitor.DetectorName)
	}
	return d, err
}

// openTable opens a file, "-" being the command's own input.
func openTable(s streams, path string, o file.Options) (*file.Reader, error) {
	if path == file.Stdin {
		return file.NewReader("standard input", s.in, o)
	}
	return file.Open(path, o)
}

func detect(s streams, path, column string, det drift.Detector, every int) (err error) {
	var o file.Options
	if column != "" {
		o.Channels = file.Named(column)
	}
	r, err := openTable(s, path, o)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tellMixed(func(text string) { fmt.Fprintln(s.err, "note:", text) }, path, r)
	if n := len(r.Channels()); n > 1 {
		return usageError("%s has %d numeric columns (%s): choose one with --column", path, n, strings.Join(r.Channels(), ", "))
	}
	out := bufio.NewWriter(s.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	was, state := drift.Stable, drift.Stable
	values, lines, drifted := 0, 0, false
	var line []byte
	for i := int64(0); ; i++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			if err := out.Flush(); err != nil {
				return err
			}
			if !tellLearning(s, det, drifted) && lines == 0 {
				fmt.Fprintf(s.err, "note: %d values, no drift and no warning\n", values)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if c := row.Cells[0]; c.Missing == ingest.Present {
			if err := drift.CheckInput(det, c.Value); err != nil {
				return usageError("%s: row %d: %w (--param name=value)", path, i, err)
			}
			state = det.Update(c.Value)
			values++
			drifted = drifted || state == drift.Drift
		}
		full := every > 0 && (i+1)%int64(every) == 0
		if state != drift.Stable || state != was || full {
			line = appendDetection(line[:0], i, state, det, full)
			if _, err := out.Write(line); err != nil {
				return err
			}
			lines++
		}
		was = state
	}
}

// tellLearning says so where a detector learns at the end: it has never watched, or it learns
// anew after what it told.
func tellLearning(s streams, det drift.Detector, drifted bool) (learning bool) {
	values := 0.
	det.Vars(func(name string, v float64) {
		switch name {
		case "learning":
			learning = v == 1
		case "n":
			values = v
		}
	})
	switch {
	case learning && drifted:
		fmt.Fprintf(s.err, "note: the detector learns anew, from %g values since the latest drift, and watches for nothing meanwhile\n", values)
	case learning:
		fmt.Fprintf(s.err, "note: after %g values the detector is still learning, so that nothing was watched: --param calibration=N learns from fewer\n", values)
	}
	return learning
}

func appendDetection(dst []byte, i int64, state drift.State, det drift.Detector, full bool) []byte {
	dst = append(dst, `{"i":`...)
	dst = strconv.AppendInt(dst, i, 10)
	dst = strconv.AppendBool(append(dst, `,"drift":`...), state == drift.Drift)
	dst = strconv.AppendBool(append(dst, `,"warning":`...), state == drift.Warning)
	if full {
		det.Vars(func(name string, v float64) {
			dst = strconv.AppendQuote(append(dst, ','), name)
			dst = append(dst, ':')
			if math.IsNaN(v) || math.IsInf(v, 0) {
				dst = append(dst, "null"...)
			} else {
				dst = strconv.AppendFloat(dst, v, 'g', -1, 64)
			}
		})
	}
	return append(slices.Grow(dst, 2), "}\n"...)
}
