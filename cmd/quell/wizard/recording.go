package wizard

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/file"
)

// fileRows is how many rows of a recording are looked at.
const fileRows = 2000

// LookAtFile fills in what the plan leaves open by the first rows of its recording, read
// as quell run will read it.
func (p *Plan) LookAtFile() error {
	o := file.Options{Time: p.Time, Series: p.Series}
	for _, c := range p.Channels {
		o.Channels = append(o.Channels, field.Channel{Name: c.Name, Path: c.Path})
	}
	r, err := file.Open(p.File, o)
	if err != nil {
		return err
	}
	columns, numeric := r.Columns(), r.Channels()
	p.Time = r.TimeColumn()
	if err := r.Close(); err != nil {
		return err
	}
	p.Seen = append(p.Seen, strconv.Itoa(len(columns))+" columns in "+p.File)
	for _, want := range seriesNames {
		j := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(last(c), want) })
		if p.Series == "" && j >= 0 && columns[j] != p.Time && !slices.Contains(numeric, columns[j]) {
			p.Series = columns[j]
		}
	}
	if o.Time == "" && p.Time == "" {
		p.proposeTime(columns, numeric)
	}
	if len(p.Channels) == 0 {
		for _, c := range numeric {
			if c != p.Time && c != p.Series && len(p.Channels) < mostChannels {
				p.Channels = append(p.Channels, Channel{Name: c})
			}
		}
	}
	return p.lookAtTimes()
}

// proposeTime takes a column by its name where it holds times.
func (p *Plan) proposeTime(columns, numeric []string) {
	for _, want := range timeNames {
		for _, c := range columns {
			if p.Time != "" || !strings.EqualFold(last(c), want) || slices.Contains(numeric, c) {
				continue
			}
			r, err := file.Open(p.File, file.Options{Time: c})
			if err != nil {
				continue
			}
			if _, err = r.Read(); err == nil {
				p.Time = c
			}
			_ = r.Close() // it was read only
		}
	}
}

// lookAtTimes tells the unit and the rate of the times.
func (p *Plan) lookAtTimes() error {
	if p.Time == "" {
		return nil
	}
	r, err := file.Open(p.File, file.Options{Time: p.Time, TimeUnit: p.Unit, Series: p.Series})
	if err != nil {
		return err
	}
	at := map[string][]float64{}
	for range fileRows {
		row, err := r.Read()
		var bad *file.RowError
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.As(err, &bad) {
			continue // quell run puts it into the dead letter
		}
		if err != nil {
			return errors.Join(err, r.Close())
		}
		if x, ok := field.Number(row.TimeText); ok && p.Unit == "" {
			p.Unit = unitOf(x)
		}
		at[row.Series] = append(at[row.Series], float64(row.Time)/1e9)
	}
	if p.RateHz == 0 {
		p.RateHz = median(at)
	}
	return r.Close()
}
