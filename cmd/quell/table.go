package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/file"
)

// table is a recording in memory: what trains and what scores needs all of it.
type table struct {
	path  string
	names []string
	cols  [][]float64 // by column; NaN where missing
	times []int64     // by row, Unix ns; nil without a time column
	// rateHz is what the first steps of the time column say: their median, 0
	// where there is none.
	rateHz float64
}

// readTable reads the named columns of a file, or its numeric ones.
func readTable(s streams, path, timeColumn string, names []string) (*table, error) {
	return readTableUpTo(s, path, timeColumn, names, math.MaxInt)
}

// readTableUpTo is readTable of a file that must not have more than so many rows.
func readTableUpTo(s streams, path, timeColumn string, names []string, most int) (t *table, err error) {
	r, err := openTable(s, path, file.Options{Time: timeColumn, Channels: file.Named(names...)})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tellMixed(func(text string) { fmt.Fprintln(s.err, "note:", text) }, path, r)
	if len(r.TimeColumns()) == 2 {
		fmt.Fprintf(s.err, "note: %s: the time is in %s\n", path, r.TimeWords())
	}
	t = &table{path: path, names: r.Channels(), cols: make([][]float64, len(r.Channels()))}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, whatToDo(err)
		}
		if row.Index >= int64(most) {
			return nil, fmt.Errorf("%s has more than %d rows, which is all that memory is there for", path, most)
		}
		if row.TimeText != nil {
			t.times = append(t.times, row.Time)
		}
		for i, c := range row.Cells {
			v := c.Value
			if c.Missing != ingest.Present {
				v = math.NaN()
			}
			t.cols[i] = append(t.cols[i], v)
		}
	}
	if len(t.cols) == 0 || len(t.cols[0]) == 0 {
		return nil, fmt.Errorf("%s has no rows", path)
	}
	t.rateHz = rateOf(t.times[:min(len(t.times), rateSteps)])
	return t, nil
}

// rateSteps is the number of rows whose times tell the rate.
const rateSteps = 1024

// rateOf returns the rate in Hz of the usual step between times in Unix ns, 0
// where they don't rise.
func rateOf(times []int64) float64 {
	var steps []int64
	for i := 1; i < len(times); i++ {
		if d := times[i] - times[i-1]; d > 0 {
			steps = append(steps, d)
		}
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return 1e9 / float64(steps[len(steps)/2])
}

// column returns a column by name.
func (t *table) column(name string) ([]float64, error) {
	for i, n := range t.names {
		if n == name {
			return t.cols[i], nil
		}
	}
	return nil, fmt.Errorf("%s has no column %q", t.path, name)
}

// filled returns a column without gaps: each missing value is the latest one
// before it, the first ones the first there is. ok is false where there is none.
func filled(x []float64) (y []float64, ok bool) {
	y = append(y, x...)
	first := -1
	for i, v := range y {
		switch {
		case !math.IsNaN(v):
			if first < 0 {
				first = i
			}
		case first >= 0:
			y[i] = y[i-1]
		}
	}
	for i := range max(first, 0) {
		y[i] = y[first]
	}
	return y, first >= 0
}

// lostOf marks the missing values of a column.
func lostOf(x []float64) []bool {
	lost := make([]bool, len(x))
	for i, v := range x {
		lost[i] = math.IsNaN(v)
	}
	return lost
}
