// Package offline runs a recording through the pipeline's own engine: rows in,
// rows out, in constant memory, with the numbers that the live pipeline gives.
//
// Every input row gives one output row, in input order. A row is written once
// the record of its slot is out; docs/formats/csv.md has the columns.
package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// Config says how a recording is denoised.
type Config struct {
	// Engine is what the live pipeline would run. Channels, Tap, Placed and
	// MaxSeries are set here.
	Engine pipeline.EngineConfig
	// Filter, when not nil, denoises in the place of a net, each channel by
	// itself. A Kalman filter without a limit to its look-ahead gets 8 samples,
	// or what of them lasts no longer than a second, unless it is Whole. A filter
	// that needs the whole recording, from one reset to the next, has it kept in
	// memory.
	Filter *classic.Params
	Whole  bool
	// Series is the name of rows that have none of their own.
	Series string
	// SeriesColumn heads the column of the rows' series; "": there is none.
	SeriesColumn string
	// Chunk is the number of rows between two runs of the nets. It changes no
	// value. Default 4096.
	Chunk int
	// FitRows is the number of rows of a series that its scale, its model (by Tune) and
	// what watches it are fitted on; they stay as they are after it. They are kept
	// until then. 0: nothing is fitted, the scale follows the series.
	FitRows int
	// Tune returns a model that is better for readings like x[channel], of which NaN
	// are missing, or m, and in a sentence what it did. Nil: m stays.
	Tune func(ctx context.Context, m *model.Model, x [][]float64) (*model.Model, string, error)
	// Adapter, when not nil, fine-tunes what denoises after a drift, and switches to
	// it where that is better. It must work in step (adapt.Config.InStep), so that no
	// value depends on Chunk or on the clock. The caller closes it.
	Adapter Adapter
	// Note, when not nil, is told in a sentence what a person should know.
	Note func(string)
	// Explain asks for a Summary in the Report, where a net denoises.
	Explain bool
}

// Denoise reads all rows of r and writes them with their clean values to w. A
// row that can't be read is an error (a file.RowError); rows before it may have
// been written by then.
func Denoise(ctx context.Context, r *file.Reader, w io.Writer, c Config) (rep Report, err error) {
	d, err := newDenoiser(r, w, c)
	if err != nil {
		return Report{}, err
	}
	defer d.eng.Close()
	defer func() { err = errors.Join(err, d.rows.old.close()) }()
	if err := d.read(ctx, r); err != nil {
		return Report{}, err
	}
	d.finish()
	rep = d.rep
	rep.Rows, rep.Fates = d.rows.end, d.eng.Fates()
	if d.account != nil {
		rep.Summary = d.account.summary(d.cfg.Engine.Channels, d.rateHz)
	}
	return rep, d.err
}

// denoiser matches the records of an engine to the rows they come from. It is
// the engine's Out and Tap.
type denoiser struct {
	cfg     Config
	eng     *pipeline.Engine
	w       io.Writer
	err     error // the first error of w
	rows    rows  // read and not written yet
	most    int   // rows that wait in memory
	series  map[string]*series
	last    *series  // looked up last
	rateHz  float64  // of the series that began last
	account *account // what a summary is made of; nil: none

	rep Report // what is counted as rows and records come

	score written // of the record before

	samples []ingest.Sample
	owned   []bool // scratch of settle
}

var (
	_ pipeline.Out = (*denoiser)(nil)
	_ pipeline.Tap = (*denoiser)(nil)
)

func newDenoiser(r *file.Reader, w io.Writer, c Config) (*denoiser, error) {
	if c.Chunk == 0 {
		c.Chunk = 4096
	}
	d := &denoiser{cfg: c, w: w, most: mostRows, series: make(map[string]*series)}
	e := &d.cfg.Engine
	e.Channels, e.MaxSeries, e.Placed = r.Channels(), math.MaxInt, d.placed
	if err := checkHeader(r.TimeColumns(), c.SeriesColumn, e.Channels); err != nil {
		return nil, err
	}
	d.rows.channels = len(e.Channels)
	d.owned = make([]bool, len(e.Channels))
	d.rep.Present = make([]int64, len(e.Channels))
	if c.Filter == nil {
		d.rep.Raw = make([]int64, len(e.Channels))
	}
	if e.Model != nil {
		if _, err := e.Model.NewStream(len(e.Channels)); err != nil {
			return nil, err
		}
	}
	if c.Adapter != nil {
		e.Tap = c.Adapter
	}
	e.AwaitFit = c.FitRows > 0
	if c.Filter != nil {
		e.Tap = d
		if _, err := newFilter(d.filterAt(1)); err != nil {
			return nil, err
		}
	}
	if c.Explain && c.Filter == nil {
		d.account = newAccount(len(e.Channels))
		e.Judged = d.account.judged
	}
	if at := e.AtRate; at != nil {
		e.AtRate = func(hz float64) (*model.Model, monitor.Rate) {
			d.rateHz = hz
			return at(hz)
		}
	}
	var err error
	if d.eng, err = pipeline.NewEngine(*e, d); err != nil {
		return nil, err
	}
	head := appendHeader(nil, r.TimeColumns(), c.SeriesColumn, e.Channels)
	d.write(head)
	return d, nil
}

// read takes every row to the engine.
func (d *denoiser) read(ctx context.Context, r *file.Reader) error {
	timed := r.TimeColumn() != ""
	for n := 1; ; n++ {
		in, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := d.push(ctx, in, timed); err != nil {
			return err
		}
		if n%d.cfg.Chunk == 0 {
			d.eng.Run()
		}
		if d.err != nil {
			return d.err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// push takes one row to the engine.
func (d *denoiser) push(ctx context.Context, in *file.Row, timed bool) error {
	name, from := in.Series, ingest.TimePayload
	if name == "" {
		name = d.cfg.Series
	}
	if !timed {
		from = ingest.TimeArrival
	}
	s := d.of(name)
	d.step(s, in)
	number, r := d.rows.push()
	r.of = s
	r.line = r.line[:0]
	if timed {
		if in.DayText != nil {
			r.line = append(appendCell(r.line, in.DayText), ',')
		}
		r.line = append(appendCell(r.line, in.TimeText), ',')
	}
	if d.cfg.SeriesColumn != "" {
		r.line = append(appendCell(r.line, []byte(in.Series)), ',')
	}
	d.samples = d.samples[:0]
	if d.rows.len() > d.most && d.err == nil {
		// Not the newest: r stays where it is.
		d.err = d.rows.old.take(&d.rows, d.rows.end-int64(d.most/2))
	}
	for i := range in.Cells {
		c := &in.Cells[i]
		r.cells[i] = cell{value: c.Value, missing: c.Missing, absent: c.Absent}
		if c.Missing == ingest.Present {
			d.rep.Present[i]++
		}
		if !c.Absent {
			d.samples = append(d.samples, ingest.Sample{Series: s.name, Channel: i, Time: in.Time, Value: c.Value, Missing: c.Missing, TimeSource: from})
		}
	}
	r.unplaced = len(d.samples)
	if r.unplaced == 0 { // an object without any of the fields
		d.settle(r, nil)
		d.flush()
		return nil
	}
	s.placing = append(s.placing, number)
	if err := d.eng.Push(s.name, d.samples, 0); err != nil {
		return err
	}
	if err := d.fit(ctx, s, in); err != nil {
		return err
	}
	return d.adapt()
}

// step counts the way from the latest row of a series to its next.
func (d *denoiser) step(s *series, in *file.Row) {
	was, begun, t := s.time, s.begun, in.Time
	s.time, s.begun = t, true
	switch {
	case !begun || t == was:
	case t < was:
		d.rep.Back++
		if by := time.Duration(was - t); by > d.rep.BackBy {
			d.rep.BackBy, d.rep.BackLine = by, in.Line
		}
	default:
		d.rep.Steps++
		if hz := d.cfg.Engine.Window.RateHz; hz > 0 && float64(t)-float64(was) > 1.5e9/hz {
			d.rep.Skips++
		}
	}
}

// finish computes and writes what is left.
func (d *denoiser) finish() {
	d.eng.Finish()
	if d.cfg.Filter != nil {
		for _, s := range d.series {
			d.finishFilters(s)
		}
	}
	if n := d.rows.len() + len(d.rows.old.pending); d.err == nil && n > 0 {
		d.err = fmt.Errorf("offline: %d rows are left without a record", n)
	}
}

// placed hears where a sample went. Samples of a series are placed in the order
// they came, so it is one of the series' oldest unplaced row.
func (d *denoiser) placed(name string, channel int, record int64, fate window.Fate) {
	s := d.of(name)
	number := s.placing[s.head]
	r := d.rows.at(number)
	r.cells[channel].fate, r.cells[channel].placed = fate, record >= 0
	if record >= 0 {
		r.record = record
	}
	if r.unplaced--; r.unplaced > 0 {
		return
	}
	if s.head++; s.head == len(s.placing) {
		s.placing, s.head = s.placing[:0], 0
	}
	switch {
	case r.record < 0:
		d.settle(r, nil)
		d.flush()
	case r.record < s.emitted: // the slot closed before
		d.settle(r, s.remembered(r.record))
		d.flush()
	default:
		r.next = s.link(r.record, number)
	}
}

// Record takes the next record of a series.
func (d *denoiser) Record(r *sink.Record) {
	s := d.of(r.Series)
	if d.cfg.Filter != nil {
		d.filter(s, r)
		return
	}
	d.rep.Records++
	for i := range r.Values {
		if r.Values[i].Method == "raw" {
			d.rep.Raw[i]++
		}
	}
	if d.account != nil {
		d.account.record(r)
	}
	h := s.slot()
	h.values, h.score, h.drift = append(h.values[:0], r.Values...), r.Score, r.Drift
	d.emit(s, h)
}

// emit settles the rows of a series' next record.
func (d *denoiser) emit(s *series, h *held) {
	first := s.take()
	clear(d.owned)
	for n := first; n >= 0; {
		r := d.rows.at(n)
		n = r.next
		// The chain begins with the latest row: its reading is the slot's, and
		// what the slot took before is surplus.
		for i := range r.cells {
			if c := &r.cells[i]; !c.absent && c.placed && c.fate == window.Pending {
				if d.owned[i] {
					c.fate = window.Surplus
				}
				d.owned[i] = true
			}
		}
		d.settle(r, h)
	}
	d.flush()
}

// settle completes a row's line. h is nil where it has no slot.
func (d *denoiser) settle(r *row, h *held) {
	r.line = appendValues(r.line, r.cells, h, &d.score)
	r.done = true
}

// flush writes the rows that are complete and have none before them that is not.
func (d *denoiser) flush() {
	if len(d.rows.old.items) > 0 && d.err == nil {
		empty := false
		if empty, d.err = d.rows.old.give(d.w); !empty {
			return
		}
	}
	for d.rows.len() > 0 {
		r := d.rows.at(d.rows.first)
		if !r.done {
			return
		}
		d.write(r.line)
		d.rows.first++
	}
}

func (d *denoiser) write(b []byte) {
	if d.err == nil {
		_, d.err = d.w.Write(b)
	}
}

// Event passes on what a person should know.
func (d *denoiser) Event(e sink.Event) {
	if d.cfg.Note != nil && (e.Kind == "noise.colour" || e.Kind == "series.reset" && e.Severity != "info") {
		d.cfg.Note(e.Series + ": " + e.Why)
	}
}

// Dead does nothing: placed has heard of the sample.
func (d *denoiser) Dead(ingest.Sample, window.Fate) {}

// of returns what is known of a series.
func (d *denoiser) of(name string) *series {
	if d.last != nil && d.last.name == name {
		return d.last
	}
	s := d.series[name]
	if s == nil {
		s = newSeries(name)
		d.series[name] = s
	}
	d.last = s
	return s
}
