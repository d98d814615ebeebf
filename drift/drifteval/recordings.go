package drifteval

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/csvtable"
)

// recording is a labelled file of a board: rows in order, each of one value per
// channel, NaN where it is missing.
type recording struct {
	name      string
	seconds   []int64 // of each row, since some day
	rows      [][]float64
	anomalous []bool
	points    []int   // rows at which something changed
	train     int     // rows to learn from, the first
	every     float64 // seconds from a row to the next, 0 where it is not known
}

// readSKAB reads the labelled files of SKAB; none where the folder is not there.
func readSKAB(data string) ([]recording, error) {
	var out []recording
	paths, err := boardFiles(data, "skab")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		t, err := csvtable.Read(path, "datetime")
		if err != nil {
			return nil, err
		}
		if !slices.Contains(t.Names, "anomaly") {
			continue // recorded without anomalies
		}
		r := recording{name: filepath.Base(path), train: skabTrain}
		var channels [][]float64
		for i, name := range t.Names {
			switch name {
			case "anomaly":
				r.anomalous = marked(t.Cols[i])
			case "changepoint":
				for row, v := range t.Cols[i] {
					if v == 1 {
						r.points = append(r.points, row)
					}
				}
			default:
				channels = append(channels, t.Cols[i])
			}
		}
		if r.seconds, err = parseTimes(t.Text[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		r.every = step(r.seconds)
		if r.rows = transpose(channels); len(r.rows) <= r.train || len(r.seconds) != len(r.rows) {
			return nil, fmt.Errorf("%s: want more than %d rows with their times and channels, got %d", path, r.train, len(r.rows))
		}
		out = append(out, r)
	}
	return out, nil
}

// readNAB reads the files of NAB; none where the folder is not there.
func readNAB(data string) ([]recording, error) {
	var out []recording
	paths, err := boardFiles(data, "nab")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		t, err := csvtable.Read(path, "timestamp")
		if err != nil {
			return nil, err
		}
		values, err := t.Column("value")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		labels, err := t.Column("anomaly_window")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		seconds, err := parseTimes(t.Text[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, recording{name: filepath.Base(path), seconds: seconds, every: step(seconds), train: nabProbation(len(values)),
			anomalous: marked(labels), rows: transpose([][]float64{values})})
	}
	return out, nil
}

// step returns the time that most rows follow each other by, 0 of fewer than two.
func step(seconds []int64) float64 {
	var steps []int64
	for i := 1; i < len(seconds); i++ {
		steps = append(steps, seconds[i]-seconds[i-1])
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return float64(max(steps[len(steps)/2], 0))
}

// rate returns the rate of false alarms that is asked for where nothing is said:
// one a month, in rows; one in 1e6 where the time between rows is not known.
func (r *recording) rate() monitor.Rate {
	if r.every == 0 {
		return monitor.DefaultRate
	}
	rate, err := monitor.ParseRate("1/month", 1/r.every)
	if err != nil {
		return monitor.LargestRate
	}
	return rate
}

// boardFiles lists the recordings of a folder of the data, in order.
func boardFiles(data, folder string) ([]string, error) {
	if data == "" {
		return nil, nil
	}
	dir := filepath.Join(data, folder)
	if _, err := os.Stat(data); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "*.csv.gz"))
}

func marked(x []float64) []bool {
	out := make([]bool, len(x))
	for i, v := range x {
		out[i] = v == 1
	}
	return out
}

func parseTimes(text []string) ([]int64, error) {
	out := make([]int64, len(text))
	for i, s := range text {
		t, err := time.Parse(time.DateTime, s)
		if err != nil {
			return nil, err
		}
		out[i] = t.Unix()
	}
	return out, nil
}

func transpose(cols [][]float64) [][]float64 {
	if len(cols) == 0 {
		return nil
	}
	rows := make([][]float64, len(cols[0]))
	for i := range rows {
		rows[i] = make([]float64, len(cols))
		for c := range cols {
			rows[i][c] = cols[c][i]
		}
	}
	return rows
}
