package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/eval/downstream"
)

// subject is a channel to score: its truth, and its readings if they are not
// to be made by adding noise.
type subject struct {
	name         string
	truth, noisy []float64
}

// read reads the recording and what there is to be found in it.
func (e *evaluation) read(s streams) error {
	t, err := e.readSubjects(s)
	if err != nil {
		return err
	}
	if !e.rateGiven {
		e.rate = t.rateHz
	}
	for _, m := range e.models {
		if n := m.Header().Channels; n > 0 && n != len(e.subjects) {
			return fmt.Errorf("%s serves %d channels at once and %s has %d to score: name the right ones with --channels", m.Name(), n, e.in, len(e.subjects))
		}
		names := make([]string, len(e.subjects))
		for i := range names {
			names[i] = e.subjects[i].name
		}
		if err := m.Takes(names); err != nil {
			return fmt.Errorf("%w: name them so with --channels or --clean", err)
		}
	}
	return errors.Join(e.readBeats(), e.readLabels(s))
}

// readSubjects reads the channels to score and returns the table of the
// recording.
func (e *evaluation) readSubjects(s streams) (*table, error) {
	pairs, err := parsePairs("--clean", e.clean)
	if err != nil {
		return nil, err
	}
	wanted := slices.Clone(e.channels)
	for _, p := range pairs {
		wanted = append(wanted, p.channel, p.truth)
	}
	t, err := readTable(s, e.in, e.time, unique(wanted))
	if err != nil {
		return nil, err
	}
	switch {
	case len(pairs) > 0:
		for _, p := range pairs {
			noisy, err := t.column(p.channel)
			if err != nil {
				return nil, err
			}
			truth, err := t.column(p.truth)
			if err != nil {
				return nil, err
			}
			e.subjects = append(e.subjects, subject{p.channel, truth, noisy})
		}
	case e.truth != "":
		truth, err := readTable(s, e.truth, e.time, t.names)
		if err != nil {
			return nil, err
		}
		if a, b := len(t.cols[0]), len(truth.cols[0]); a != b {
			return nil, fmt.Errorf("%s has %d rows and %s has %d: row i of one must be the truth of row i of the other", e.in, a, e.truth, b)
		}
		for i, n := range t.names {
			e.subjects = append(e.subjects, subject{n, truth.cols[i], t.cols[i]})
		}
	default:
		for i, n := range t.names {
			e.subjects = append(e.subjects, subject{n, t.cols[i], nil})
		}
	}
	return t, nil
}

// readBeats reads where the heartbeats are.
func (e *evaluation) readBeats() error {
	if e.evalOptions.beats == "" {
		return nil
	}
	switch {
	case e.rate == 0:
		return usageError("--beats: the sampling rate is not known; give it with --rate")
	case e.rate < downstream.LeastRateHz:
		return usageError("--beats: heartbeats can't be told at %g Hz; %d Hz or more are needed", e.rate, downstream.LeastRateHz)
	}
	f, err := os.Open(e.evalOptions.beats)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no file %s", e.evalOptions.beats)
	}
	if err != nil {
		return err
	}
	e.trueBeats, err = downstream.ReadBeats(e.evalOptions.beats, f)
	return errors.Join(err, f.Close())
}

// readLabels reads where the faults are.
func (e *evaluation) readLabels(s streams) error {
	if e.labels == "" {
		return nil
	}
	texts, err := labelTexts(s, e.in, e.time, e.labels)
	if err != nil {
		return err
	}
	if n := len(e.subjects[0].truth); len(texts) != n {
		return fmt.Errorf("column %s has %d rows, the recording %d", e.labels, len(texts), n)
	}
	for _, l := range texts {
		v, ok := e.fault(l)
		if !ok {
			return fmt.Errorf("column %s holds %s: a label is 0 (normal) or 1 (fault), or a class that a model tells", e.labels, l)
		}
		e.faults = append(e.faults, v)
	}
	return nil
}

// fault says whether a label is one of a fault: 0, 1, or NaN where it is unknown.
func (e *evaluation) fault(label string) (v float64, ok bool) {
	switch label {
	case "":
		return math.NaN(), true
	case "0":
		return 0, true
	case "1":
		return 1, true
	}
	for _, m := range e.models {
		if i := slices.Index(m.Header().Classes, label); i >= 0 {
			return min(float64(i), 1), true
		}
	}
	return 0, false
}

// pair names a channel and the column of its truth, or of its twin.
type pair struct{ channel, truth string }

func parsePairs(flag string, args []string) ([]pair, error) {
	var out []pair
	for _, a := range args {
		ch, col, ok := strings.Cut(a, "=")
		if !ok || ch == "" || col == "" {
			return nil, usageError("%s %s: write it as CHANNEL=COLUMN", flag, a)
		}
		out = append(out, pair{ch, col})
	}
	return out, nil
}

// unique returns the names without repetitions, in order.
func unique(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
