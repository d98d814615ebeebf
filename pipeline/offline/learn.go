package offline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/pipeline"
)

// Adapter is what adapts models within a run.
type Adapter interface {
	pipeline.Adapter
	pipeline.Settler
}

// fit keeps a row of what a series is fitted on, and with the last of them fits it.
func (d *denoiser) fit(ctx context.Context, s *series, in *file.Row) error {
	if s.fitted >= d.cfg.FitRows {
		return nil
	}
	if s.fit == nil {
		s.fit = make([][]float64, len(in.Cells))
	}
	for i := range in.Cells {
		v := math.NaN()
		if c := &in.Cells[i]; !c.Absent && c.Missing == 0 {
			v = c.Value
		}
		s.fit[i] = append(s.fit[i], v)
	}
	if s.fitted++; s.fitted < d.cfg.FitRows {
		return nil
	}
	x := s.fit
	s.fit = nil
	if err := d.eng.Fit(s.name); err != nil {
		d.note(s.name, "of drift only jumps are watched: "+err.Error())
	}
	m := d.eng.Serves(s.name)
	if m == nil || d.cfg.Tune == nil {
		return nil
	}
	tuned, why, err := d.cfg.Tune(ctx, m, x)
	if err != nil {
		return err
	}
	d.note(s.name, why)
	if tuned == m {
		return nil
	}
	d.eng.Run()
	return d.serve(pipeline.Switch{Series: s.name, Model: tuned, Kind: "model.promoted", Why: why})
}

func (d *denoiser) serve(sw pipeline.Switch) error {
	if _, ok := d.eng.Decide(sw); !ok {
		return errors.New("offline: a switch is for a series that there is not")
	}
	return nil
}

// adapt puts into effect what the adapter has decided on by the rows so far.
func (d *denoiser) adapt() error {
	if d.cfg.Adapter == nil {
		return nil
	}
	var all []pipeline.Decision
	d.cfg.Adapter.Idle(func(x pipeline.Decision) { all = append(all, x) })
	if len(all) == 0 {
		return nil
	}
	series := func(x *pipeline.Decision) string {
		if x.Event != nil {
			return x.Event.Series
		}
		return x.Switch.Series
	}
	slices.SortStableFunc(all, func(a, b pipeline.Decision) int { return strings.Compare(series(&a), series(&b)) })
	d.eng.Run()
	for i := range all {
		if e := all[i].Event; e != nil && e.Kind != "finetune.finished" {
			d.note(e.Series, e.Why)
		}
		if sw := all[i].Switch; sw.Model != nil {
			d.note(sw.Series, fmt.Sprintf("%s serves from record %d on: %s", sw.Model.Name(), d.of(sw.Series).emitted, sw.Why))
			if err := d.serve(sw); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *denoiser) note(series, what string) {
	if d.cfg.Note != nil && what != "" {
		d.cfg.Note(series + ": " + what)
	}
}
