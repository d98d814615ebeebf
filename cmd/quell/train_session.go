package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
)

// session is one run of training.
type session struct {
	steps    int // 0: that of the recipe
	progress func(train.Progress)
	resume   *train.Snapshot
	save     func(*train.Snapshot) error

	attempts []attempt           // without truth
	online   *train.OnlineReport // with --memory
}

// session trains, saves the model and tells how it went. What is interrupted
// leaves its last checkpoint, and no model.
func (o *trainOptions) session(ctx context.Context, s streams, fit func(context.Context, *session) (*model.Model, train.FitReport, error)) error {
	r := &session{steps: o.steps}
	if o.checkpoint != "" {
		if err := r.checkpoints(o.checkpoint); err != nil {
			return err
		}
	}
	if o.budget > 0 {
		n, err := affordable(ctx, o.budget, fit)
		if err != nil {
			return err
		}
		r.steps = n
	}
	line := newProgress(s.err, "train")
	began := time.Now()
	r.progress = func(p train.Progress) { line.tell(p, time.Since(began)) }
	m, rep, err := fit(ctx, r)
	line.end()
	if ctx.Err() != nil && err != nil {
		if o.checkpoint != "" {
			return &codeError{exitInterrupted, fmt.Errorf("%w: no model was written; the same command goes on from %s", err, o.checkpoint)}
		}
		return &codeError{exitInterrupted, errors.New("interrupted: no model was written")}
	}
	if err != nil {
		return err
	}
	if err := m.Save(o.out); err != nil {
		return err
	}
	out := struct {
		Model     string    `json:"model"`
		File      string    `json:"file"`
		Weights   int       `json:"weights"`
		Bytes     int       `json:"bytes"`
		Lookahead int       `json:"lookahead"`
		Steps     int       `json:"steps"`
		Loss      float64   `json:"loss"`
		Best      *float64  `json:"best_validation"`
		Attempts  []attempt `json:"attempts,omitempty"`
		Rows      int64     `json:"rows,omitempty"` // with --memory
		Seconds   float64   `json:"seconds"`
	}{m.Name(), o.out, m.Net().NumParams(), m.Size(), m.Lookahead(), rep.Steps, rep.Loss, nil, r.attempts, 0, math.Round(10*time.Since(began).Seconds()) / 10}
	if !math.IsNaN(rep.Best) && !math.IsInf(rep.Best, 0) {
		out.Best = &rep.Best
	}
	if r.online != nil {
		out.Rows = r.online.Rows
	}
	if o.asJSON {
		return json.NewEncoder(s.out).Encode(out)
	}
	if r.online != nil {
		o.tellOnline(s, r.online)
	}
	for _, a := range r.attempts {
		fmt.Fprintln(s.out, a)
	}
	if r.attempts != nil && !slices.ContainsFunc(r.attempts, func(a attempt) bool { return a.Kept }) {
		fmt.Fprintf(s.out, "nothing was better than %s, which is written as it was\n", m.Name())
	}
	_, err = fmt.Fprintf(s.out, "%s: %d weights, look-ahead %d, %d steps in %.0f s, written to %s\n", out.Model, out.Weights, out.Lookahead, out.Steps, out.Seconds, out.File)
	return err
}

// checkpoints has the run resume from a file, if it is there, and save to it.
func (r *session) checkpoints(path string) error {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		r.resume = new(train.Snapshot)
		if err := r.resume.UnmarshalBinary(data); err != nil {
			return fmt.Errorf("--checkpoint: %s: %w: move it away to begin anew", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--checkpoint: %w", err)
	}
	r.save = func(snap *train.Snapshot) error {
		b, err := snap.MarshalBinary()
		if err != nil {
			return err
		}
		return atomicfile.WriteFile(path, b, 0o644)
	}
	return nil
}

// affordable returns how many steps fit into a budget, by trying a few. A tenth
// of the budget is kept for what goes slower later. What comes before the first
// step, such as pretraining, comes again.
func affordable(ctx context.Context, budget time.Duration, fit func(context.Context, *session) (*model.Model, train.FitReport, error)) (int, error) {
	const trial = 24
	const validations = 11 // of a whole run
	began := time.Now()
	last := began
	var took []time.Duration
	_, _, err := fit(ctx, &session{steps: trial, progress: func(train.Progress) {
		now := time.Now()
		took, last = append(took, now.Sub(last)), now
	}})
	if err != nil {
		return 0, err
	}
	// Every other step of so short a run ends with a validation. The first steps
	// set up memory.
	setUp := took[0]
	took = took[min(4, len(took)-1):]
	slices.Sort(took)
	step := max(took[len(took)/4], 1)
	validation := took[len(took)*3/4] - step
	left := budget*9/10 - time.Since(began) - setUp - validations*validation
	if n := int(left / step); n >= trial {
		return n, nil
	}
	return 0, usageError("--budget %s: not enough for %d steps on this machine", budget, trial)
}
