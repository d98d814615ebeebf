package wizard

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fileRows is how many rows of a recording are looked at.
const fileRows = 2000

// LookAtFile fills in what the plan leaves open by the first rows of its recording.
func (p *Plan) LookAtFile() (err error) {
	f, err := os.Open(p.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReader(f)
	var from io.Reader = in
	if head, _ := in.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		if from, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
	}
	r := csv.NewReader(from)
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", p.File, err)
	}
	var rows [][]string
	for len(rows) < fileRows {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
		if len(row) == len(head) {
			rows = append(rows, row)
		}
	}
	p.proposeColumns(head, rows)
	p.Seen = append(p.Seen, fmt.Sprintf("%d columns in %s", len(head), p.File))
	if len(p.Channels) == 0 {
		return fmt.Errorf("%s has no column of numbers: name the channels yourself", p.File)
	}
	return nil
}

// notChannels are the columns that say what is true of a row, and no reading.
var notChannels = []string{"anomaly", "changepoint", "label", "anomaly_window"}

func (p *Plan) proposeColumns(head []string, rows [][]string) {
	isNumber := make([]bool, len(head))
	for j := range head {
		n, filled := 0, 0
		for _, row := range rows {
			if cell := strings.TrimSpace(row[j]); cell != "" {
				filled++
				if _, err := strconv.ParseFloat(cell, 64); err == nil {
					n++
				}
			}
		}
		isNumber[j] = filled > 0 && n == filled
	}
	if p.Time == "" {
		for _, name := range timeNames {
			if j := slices.IndexFunc(head, func(h string) bool { return strings.EqualFold(h, name) }); j >= 0 && p.Time == "" {
				p.Time = head[j]
			}
		}
	}
	if p.Series == "" {
		for _, name := range seriesNames {
			if j := slices.IndexFunc(head, func(h string) bool { return strings.EqualFold(h, name) }); j >= 0 && p.Series == "" && head[j] != p.Time && !isNumber[j] {
				p.Series = head[j]
			}
		}
	}
	if len(p.Channels) == 0 {
		for j, h := range head {
			if isNumber[j] && h != p.Time && h != p.Series && !slices.Contains(notChannels, strings.ToLower(h)) && len(p.Channels) < mostChannels {
				p.Channels = append(p.Channels, Channel{Name: h})
			}
		}
	}
	if j := slices.Index(head, p.Time); j >= 0 && len(rows) > 0 {
		p.timeColumn(j, slices.Index(head, p.Series), rows)
	}
}

func (p *Plan) timeColumn(j, series int, rows [][]string) {
	if x, err := strconv.ParseFloat(rows[0][j], 64); err == nil && p.Unit == "" {
		p.Unit = unitOf(x)
	}
	at := map[string][]float64{}
	for _, row := range rows {
		key := ""
		if series >= 0 {
			key = row[series]
		}
		s, ok := 0., false
		if x, err := strconv.ParseFloat(row[j], 64); err == nil {
			s, ok = seconds(x, p.Unit)
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"} {
			if t, err := time.Parse(layout, row[j]); err == nil && !ok {
				s, ok = float64(t.UnixNano())/1e9, true
			}
		}
		if ok {
			at[key] = append(at[key], s)
		}
	}
	if p.RateHz == 0 {
		p.RateHz = median(at)
	}
}
