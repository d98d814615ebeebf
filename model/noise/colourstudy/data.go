package main

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// leastSamples is the length of the shortest recording that is judged.
const leastSamples = 4000

// recording is one channel, missing readings left out.
type recording struct {
	name string
	x    []float64
}

// notSignals are columns of times, counters and labels.
var notSignals = []string{"n", "segment", "snapshot", "file", "hh", "mm", "ss", "frac", "reading", "mote_id",
	"node", "seq", "arrival_ms", "period", "class", "occupancy", "anomaly", "anomaly_window", "changepoint",
	"noise_on", "movement", "symbol", "batch", "label"}

// interleaved are folders whose rows come from several sensors in turn.
var interleaved = []string{"wsn_ulb_library", "gas_drift"}

// load reads every channel below dir that is long enough.
func load(dir string) ([]recording, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.csv.gz"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no recordings: %s has no */*.csv.gz", dir)
	}
	var all []recording
	for _, file := range files {
		folder := filepath.Base(filepath.Dir(file))
		if slices.Contains(interleaved, folder) {
			continue
		}
		rs, err := channels(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for i := range rs {
			rs[i].name = folder + "/" + strings.TrimSuffix(filepath.Base(file), ".csv.gz") + ":" + rs[i].name
		}
		all = append(all, rs...)
	}
	return all, nil
}

func channels(file string) (_ []recording, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(z)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	rs := make([]recording, len(head))
	for i, h := range head {
		rs[i].name = strings.Clone(h)
	}
	bad := make([]bool, len(head))
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, text := range row {
			if text == "" || bad[i] {
				continue
			}
			v, err := strconv.ParseFloat(text, 64)
			bad[i] = err != nil
			if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
				rs[i].x = append(rs[i].x, v)
			}
		}
	}
	var keep []recording
	for i, c := range rs {
		if !bad[i] && len(c.x) >= leastSamples && !slices.Contains(notSignals, c.name) {
			keep = append(keep, c)
		}
	}
	return keep, nil
}
