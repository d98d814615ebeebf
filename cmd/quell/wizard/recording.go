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

// mostTried bounds the columns that are tried for times.
const mostTried = 16

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
	odd, left := r.Mixed()
	if len(odd) > 0 {
		p.Notes = append(p.Notes, "texts among numbers, whose rows will go to the dead letter: "+strings.Join(odd, ", "))
	}
	if len(left) > 0 {
		p.Notes = append(p.Notes, "left out, as they hold texts beside numbers, and more of them: "+strings.Join(left, ", "))
	}
	for _, want := range seriesNames {
		j := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(last(c), want) })
		if p.Series == "" && j >= 0 && columns[j] != p.Time && !slices.Contains(numeric, columns[j]) {
			p.Series = columns[j]
		}
	}
	if o.Time == "" && p.Time == "" {
		p.Time = TimeIn(p.File, columns, numeric)
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

// TimeIn returns a column of a recording that holds times, one that is named as such
// columns often are before others; "" for none. Columns of numbers may be anything.
func TimeIn(path string, columns, numeric []string) string {
	var usual, others []string
	for _, c := range columns {
		switch {
		case c == "" || slices.Contains(numeric, c):
		case slices.ContainsFunc(timeNames, func(n string) bool { return strings.EqualFold(n, last(c)) }):
			usual = append(usual, c)
		default:
			others = append(others, c)
		}
	}
	named := len(usual)
	for i, c := range append(usual, others...) {
		if i == mostTried {
			break
		}
		if holdsTimes(path, c, i < named) {
			return c
		}
	}
	return ""
}

// leastStamp is a number of seconds since 1970, of 1973, below which a number in a column that
// is not named as times are is none: labels, counts and years are numbers too.
const leastStamp = 1e8

// StampsIn returns a column of numbers that are times since 1970: of this century by their
// size, and not going back over the first rows; "" for none.
func StampsIn(path string, numeric []string) string {
	for i, c := range numeric {
		if i == mostTried {
			break
		}
		if stamps(path, c) {
			return c
		}
	}
	return ""
}

// stampRows is how many rows are looked at for stamps.
const stampRows = 16

func stamps(path, column string) bool {
	r, err := file.Open(path, file.Options{Time: column})
	if err != nil {
		return false
	}
	const from, to = 946684800e9, 4102444800e9 // 2000 to 2100
	n, before := 0, int64(0)
	for ; n < stampRows; n++ {
		row, err := r.Read()
		if err != nil || row.Time < max(before, from) || row.Time >= to {
			break
		}
		before = row.Time
	}
	return r.Close() == nil && n == stampRows
}

// holdsTimes says whether the first row of a column is a time; named, whether the column is
// named as times are.
func holdsTimes(path, column string, named bool) bool {
	r, err := file.Open(path, file.Options{Time: column})
	if err != nil {
		return false
	}
	row, err := r.Read()
	bad := (*file.RowError)(nil)
	holds := err == nil || errors.As(err, &bad) && bad.Reason != "time"
	if err == nil && !named {
		x, number := field.Number(row.TimeText)
		holds = !number || x >= leastStamp
	}
	return r.Close() == nil && holds
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
		if x, ok := field.Number(row.TimeText); ok && p.Unit == "" && row.DayText == nil {
			p.Unit = unitOf(x)
		}
		at[row.Series] = append(at[row.Series], float64(row.Time)/1e9)
	}
	if p.RateHz == 0 {
		p.RateHz = median(at)
	}
	return r.Close()
}
